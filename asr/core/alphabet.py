"""The alphabet: a model's labels as characters and integers."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr.core.errors import ModelError, SentenceError

# The alphabet.txt of Mozilla's English models.
ENGLISH = " abcdefghijklmnopqrstuvwxyz'"


class Alphabet:
    """An ordered set of labels; the CTC blank follows the last one.

    Parameters
    ----------
    labels : a string of one-character labels, or a sequence of labels.
    """

    def __init__(self, labels: str | Iterable[str] = ENGLISH) -> None:
        self.labels: tuple[str, ...] = tuple(labels)
        if not self.labels or len(set(self.labels)) != len(self.labels) or "" in self.labels:
            raise ValueError("an alphabet needs at least one label, none of them empty or repeated")
        self._index = {label: index for index, label in enumerate(self.labels)}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Alphabet) and self.labels == other.labels

    def __hash__(self) -> int:
        return hash(self.labels)

    @property
    def size(self) -> int:
        """Number of labels without the blank."""
        return len(self.labels)

    @property
    def blank(self) -> int:
        """Index of the CTC blank: one past the last label."""
        return len(self.labels)

    def check(
        self, text: str, *, path: Path | str | None = None, line: int | None = None, column: int | None = None
    ) -> None:
        """Raise SentenceError for the first character of `text` that is not a label.

        Parameters
        ----------
        path, line, column : where the text begins, for the message.
        """
        for place, character in enumerate(text):
            if character not in self._index:
                hint = "Write it in the alphabet's characters"
                if character.isdigit():
                    hint = "Write numbers as words"
                elif character.lower() in self._index:
                    hint = "Write it in lower case"
                raise SentenceError(
                    f"{character!r} in {text!r} is not in the alphabet",
                    path=path,
                    line=line,
                    column=column + place if column is not None else None,
                    fix=hint,
                )

    def encode(self, text: str) -> npt.NDArray[np.int32]:
        """Return the label indices of `text`, int32 [len(text)]; SentenceError if a character is not a label."""
        self.check(text)
        return np.array([self._index[character] for character in text], dtype=np.int32)

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of label indices."""
        return "".join(self.labels[index] for index in ids)

    def as_text(self) -> str:
        """Return the content of DeepSpeech's alphabet.txt: a label a line; lines starting with # are comments."""
        lines = ("\\#" if label == "#" else label for label in self.labels)
        return "".join(f"{line}\n" for line in lines) + "# The last (non-comment) line needs to end with a newline.\n"

    def serialised(self) -> bytes:
        """Return the value of the graph's metadata_alphabet: uint16 count, then id, length and UTF-8 of each."""
        parts = [struct.pack("<H", len(self.labels))]
        for index, label in enumerate(self.labels):
            text = label.encode("utf-8")
            parts.append(struct.pack("<HH", index, len(text)) + text)
        return b"".join(parts)

    @classmethod
    def parse(cls, data: bytes) -> Alphabet:
        """Parse the output of `serialised`; ModelError if it is damaged."""
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
    """Normalise a keyword, folder name or transcript for comparison: `Smart_Mirror` becomes "smart mirror"."""
    return " ".join(word.replace("_", " ").lower().split())
