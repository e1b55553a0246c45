"""What a keyword data set is made from: the protocol of whatever finds and splits the recordings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol


class Stored(Protocol):
    """The content of a file, read when it is needed."""

    def read(self) -> bytes:
        """Return the content; UserError where it is gone."""


class Utterance(Protocol):
    """One recording of a word, or of other speech."""

    @property
    def name(self) -> str:
        """Its path, or its name in the archive."""

    @property
    def word(self) -> str:
        """What is said, in lower case; several words for other speech."""

    @property
    def split(self) -> str:
        """One of "train", "dev" and "test"."""

    @property
    def archived(self) -> bool:
        """Whether it has to be read from the archive."""

    @property
    def synthetic(self) -> bool:
        """Whether a synthetic voice says it."""


class Corpus(Protocol):
    """All recordings, split."""

    @property
    def utterances(self) -> Sequence[Utterance]:
        """Every recording that can be used."""

    @property
    def noises(self) -> Sequence[Path]:
        """Folders of background noise."""

    @property
    def voices(self) -> Path | None:
        """Folder of clips to make babble of."""

    @property
    def rejected(self) -> Sequence[tuple[str, str]]:
        """Pairs of a recording's name and why it is not used."""

    def called(self, name: str | Path) -> str:
        """Return the name that a recording has wherever the workspace lies; it seeds what is drawn for it."""

    def archived(self, names: set[str]) -> Iterator[tuple[str, bytes | Stored]]:
        """Yield the named recordings of the archive in its order, each with its content or where that is stored."""
