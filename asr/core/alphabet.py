"""The labels a model can write: characters to integers and back."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr.core.errors import ModelError, SentenceError

# Order and content of the alphabet.txt that Mozilla's English models use.
ENGLISH = " abcdefghijklmnopqrstuvwxyz'"


class Alphabet:
    """An ordered set of labels, each one character or more; the CTC blank comes after the last.

    Parameters
    ----------
    labels : one character a label, or a sequence of labels.
    """

    def __init__(self, labels: str | Iterable[str] = ENGLISH) -> None:
        self.labels: tuple[str, ...] = tuple(labels)
        if not self.labels or len(set(self.labels)) != len(self.labels) or "" in self.labels:
            raise ValueError("an alphabet needs at least one label, none of them empty or twice")
        self._index = {label: index for index, label in enumerate(self.labels)}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Alphabet) and self.labels == other.labels

    def __hash__(self) -> int:
        return hash(self.labels)

    @property
    def size(self) -> int:
        """Number of labels, without the blank."""
        return len(self.labels)

    @property
    def blank(self) -> int:
        """Index of the CTC blank: one past the last label."""
        return len(self.labels)

    def check(self, text: str, *, path: Path | str | None = None, line: int | None = None) -> None:
        """Raise SentenceError, naming the first character of `text` that is not a label."""
        for character in text:
            if character not in self._index:
                hint = "Write it in the alphabet's characters"
                if character.isdigit():
                    hint = "Write numbers as words"
                elif character.lower() in self._index:
                    hint = "Write it in lower case"
                raise SentenceError(
                    f"{character!r} in {text!r} is not in the alphabet", path=path, line=line, fix=hint
                )

    def encode(self, text: str) -> npt.NDArray[np.int32]:
        """Return the label indices of `text`, int32 [len(text)]; SentenceError where one is missing."""
        self.check(text)
        return np.array([self._index[character] for character in text], dtype=np.int32)

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text that the label indices `ids` spell."""
        return "".join(self.labels[index] for index in ids)

    def as_text(self) -> str:
        """Return the content of DeepSpeech's alphabet.txt: a label a line, lines that start with # are comments."""
        lines = ("\\#" if label == "#" else label for label in self.labels)
        return (
            "".join(f"{line}\n" for line in lines)
            + "# The last (non-comment) line needs to end with a newline.\n"
        )

    def serialised(self) -> bytes:
        """Return the value of the graph's metadata_alphabet: uint16 count, then id, length, UTF-8 bytes each."""
        parts = [struct.pack("<H", len(self.labels))]
        for index, label in enumerate(self.labels):
            text = label.encode("utf-8")
            parts.append(struct.pack("<HH", index, len(text)) + text)
        return b"".join(parts)

    @classmethod
    def parse(cls, data: bytes) -> Alphabet:
        """Read what `serialised` writes; ModelError where it is damaged."""
        damaged = ModelError("its alphabet is damaged", fix="Export the model again")
        try:
            (count,) = struct.unpack_from("<H", data, 0)
            offset, labels = 2, {}
            for _ in range(count):
                index, length = struct.unpack_from("<HH", data, offset)
                text = data[offset + 4 : offset + 4 + length]
                if len(text) != length:
                    raise damaged
                labels[index] = text.decode("utf-8")
                offset += 4 + length
        except (struct.error, UnicodeDecodeError):
            raise damaged from None
        if offset != len(data) or sorted(labels) != list(range(count)):
            raise damaged
        try:
            return cls([labels[index] for index in range(count)])
        except ValueError:
            raise damaged from None


def normal_word(word: str) -> str:
    """Return how a word is compared with folders' names and transcripts: `Smart_Mirror` is "smart mirror"."""
    return " ".join(word.replace("_", " ").lower().split())
