"""The alphabet: a model's labels as characters and integers."""

from __future__ import annotations

import struct
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr.core.errors import ModelError, SentenceError

# Signs that people or their editors write for an apostrophe.
_APOSTROPHES = "\u2019\u2018\u02bc\u00b4`\u2032\uff07\u201b"
# Letters of Cyrillic and Greek that look like Latin ones.
_TWINS = dict(zip("авеікмнорстухјѕοιν", "abeikmhopctyxjsoiv", strict=True))
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
                raise SentenceError(
                    f"{_named(character)} in {text!r} is not in the alphabet",
                    path=path,
                    line=line,
                    column=column + place if column is not None else None,
                    fix=self._hint(character),
                )

    def _hint(self, character: str) -> str:
        """Return what to do about a character that is not a label: change the alphabet, the spelling or a sign."""
        kind, plain = unicodedata.category(character), unicodedata.normalize("NFKD", character)[0]
        if character.isdecimal():
            return "Write numbers as words"
        if character.lower() in self._index:
            return "Write it in lower case"
        if character in _APOSTROPHES:
            return "Write the apostrophe '" if "'" in self._index else "Leave it out, or add ' to alphabet.labels"
        if kind in ("Zs", "Zl", "Zp", "Cc"):
            return "Write an ordinary space"
        if kind == "Cf":
            return "Delete it: it cannot be seen, and came with the text from elsewhere"
        if kind == "Mn":
            return "Type the letter with its mark again, or add the mark to alphabet.labels"
        if character == '"' or kind in ("Pi", "Pf") or character in "\u201e\u201a":
            return "Delete the quotes; in a CSV file no space may stand before them"
        if kind[0] in "PS":
            return "Leave it out, or write it as a word"
        if character.isalpha():
            letter = character.lower()
            if (twin := _TWINS.get(letter)) in self._index:
                return f"It only looks like {twin!r}: type it again"
            respelt = f"with {plain.lower()!r}" if plain.lower() in self._index else "with letters of the alphabet"
            return f"Add {letter!r} to alphabet.labels in asr.toml, or spell the word {respelt}"
        return "Write it in the alphabet's characters"

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


def _named(character: str) -> str:
    """Return a character as a message shows it; what few people type by its Unicode name, too."""
    if character.isascii():
        return repr(character)
    name = unicodedata.name(character, "")
    return f"{character!r} (U+{ord(character):04X}{f' {name}' if name else ''})"


def normal_text(text: str) -> str:
    """Return text in Unicode's form NFC, as labels are, with one space between words.

    An ü may be one character or a u and a combining mark; macOS writes names of files in the second way.
    """
    return " ".join(unicodedata.normalize("NFC", text).split())


def normal_word(word: str) -> str:
    """Normalise a keyword, folder name or transcript for comparison: `Smart_Mirror` becomes "smart mirror"."""
    return normal_text(word.replace("_", " ").lower())
