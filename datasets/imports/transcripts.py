"""Transcripts of others, written in a model's alphabet.

A character that the alphabet has is kept. Of the others, in this order:

- an apostrophe of another form becomes ' where the alphabet has that, and is dropped elsewhere;
- an invisible character (zero width, soft hyphen) is dropped;
- an upper-case letter becomes its lower case where the alphabet has that;
- punctuation and dashes become a space, but not what is read aloud (%, &, @, #, *, /, §);
- white space becomes one space between words.

What is still outside the alphabet, a digit for example, is not guessed: the transcript is refused. So is one with a
mark in angle or square brackets, such as <noise>, because what was said there is unknown.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

from asr.core.alphabet import Alphabet

# Quotation marks right and left, modifier letter, grave and acute accent, prime, full width.
APOSTROPHES = frozenset("'\u2019\u2018\u02bc`\u00b4\u2032\uff07")
READ_ALOUD = frozenset("%&@#*/§")
MARK = re.compile(r"<[^<>]{1,40}>|\[[^\[\]]{1,40}\]")

EMPTY = "its transcript is empty"
MARKED = "its transcript has a mark in brackets"
OUTSIDE_ALPHABET = "its transcript has a character outside the alphabet"

APOSTROPHE, INVISIBLE, CASE, PUNCTUATION = "apostrophes", "invisible characters", "lower case", "punctuation"


class RefusedTranscriptError(Exception):
    """A transcript that cannot be written in the alphabet.

    Attributes
    ----------
    reason : EMPTY, MARKED or OUTSIDE_ALPHABET.
    detail : the character or mark.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


class Normaliser:
    """Writes transcripts in an alphabet.

    Attributes
    ----------
    changed : number of transcripts that each rule changed, by its name.
    """

    def __init__(self, alphabet: Alphabet) -> None:
        self._labels = frozenset(alphabet.labels)
        self._written: dict[int, str] = {}  # by code point, as str.translate takes it
        self._rules: dict[str, str] = {}
        self.changed: Counter[str] = Counter()

    def write(self, transcript: str) -> str:
        """Return a transcript in the alphabet; RefusedTranscriptError if there is none."""
        composed = transcript if transcript.isascii() else unicodedata.normalize("NFC", transcript)
        if "<" in composed or "[" in composed:
            mark = MARK.search(composed)
            if mark is not None:
                raise RefusedTranscriptError(MARKED, mark[0])
        characters = set(composed)
        if not characters <= self._rules.keys():
            for character in characters - self._rules.keys():
                self._written[ord(character)], self._rules[character] = self._rule(character)
        text = " ".join(composed.translate(self._written).split())
        if not text:
            raise RefusedTranscriptError(EMPTY)
        if not self._labels.issuperset(text):
            first = next(character for character in text if character not in self._labels)
            raise RefusedTranscriptError(OUTSIDE_ALPHABET, _describe(first))
        for rule in sorted(set(map(self._rules.__getitem__, characters))):
            if rule:
                self.changed[rule] += 1
        return text

    def _rule(self, character: str) -> tuple[str, str]:
        """Return what is written for a character, and by which rule; "" is none."""
        if character in self._labels or character.isspace():
            return character, ""
        if character in APOSTROPHES:
            return ("'" if "'" in self._labels else ""), APOSTROPHE
        category = unicodedata.category(character)
        if category == "Cf":
            return "", INVISIBLE
        lower = character.lower()
        if lower != character and set(lower) <= self._labels:
            return lower, CASE
        if category.startswith("P") and character not in READ_ALOUD:
            return " ", PUNCTUATION
        return lower, ""


def _describe(character: str) -> str:
    name = unicodedata.name(character, f"U+{ord(character):04X}").lower()
    if character.isdigit():
        return f"{character!r}: numbers have to be words"
    return f"{character!r} ({name})"
