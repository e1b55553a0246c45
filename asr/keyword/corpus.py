"""The source of a keyword data set: protocols for the code that finds and splits the recordings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol


class Stored(Protocol):
    """The content of a file, read on demand."""

    def read(self) -> bytes:
        """Return the content; UserError where it is missing."""


class Utterance(Protocol):
    """One recording of a word, or of other speech."""

    @property
    def name(self) -> str:
        """Its path, or its name in the archive."""

    @property
    def word(self) -> str:
        """Its transcript in lower case; several words for other speech."""

    @property
    def split(self) -> str:
        """One of "train", "dev" and "test"."""

    @property
    def archived(self) -> bool:
        """Whether it is in the archive."""

    @property
    def synthetic(self) -> bool:
        """Whether its voice is synthetic."""


class Corpus(Protocol):
    """All recordings, split."""

    @property
    def utterances(self) -> Sequence[Utterance]:
        """Every usable recording."""

    @property
    def noises(self) -> Sequence[Path]:
        """Folders of background noise."""

    @property
    def voices(self) -> Path | None:
        """Folder of clips to make babble of."""

    @property
    def rejected(self) -> Sequence[tuple[str, str]]:
        """Pairs of a recording's name and the reason why it is not used."""

    def called(self, name: str | Path) -> str:
        """Return a recording's name independent of the workspace's place; it seeds its clips."""

    def archived(self, names: set[str]) -> Iterator[tuple[str, bytes | Stored]]:
        """Yield the named recordings of the archive in its order, each with its content or a handle to it."""
