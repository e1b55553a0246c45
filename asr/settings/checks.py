"""Checks of values that have to go together."""

from __future__ import annotations

import typing
from collections import Counter
from typing import NoReturn, Protocol

from asr.core.alphabet import normal_word
from asr.settings.augment import Augment
from asr.settings.declaration import Range
from asr.settings.keyword import SILENCE, UNKNOWN, Keyword
from asr.settings.sections import Split, Voices
from asr.settings.values import Settings


class Fail(Protocol):
    """Raises an error about a key of a section, with what is wrong and how to fix it."""

    def __call__(self, section: str, key: str, what: str, fix: str) -> NoReturn: ...


def check_together(settings: Settings, fail: Fail) -> None:
    """Check what a single value cannot tell; `fail` is called with the first fault."""
    _check_labels(settings.alphabet.labels, fail)
    _check_split(settings.split, fail)
    _check_ranges(settings, fail)
    _check_words(settings.keyword.words, fail)
    if settings.recordings.shortest > settings.recordings.longest:
        fail("recordings", "shortest", "is above recordings.longest", "Change one of them")


def _check_labels(labels: str, fail: Fail) -> None:
    if not labels or len(set(labels)) != len(labels):
        fail("alphabet", "labels", "needs at least one character, none of them twice", "Correct the list")
    if any(not label.isprintable() for label in labels):
        fail("alphabet", "labels", "holds a character that cannot be printed", "Remove it")
    if " " not in labels:
        fail("alphabet", "labels", "has no space, and the scorer needs one between words", "Add the space")


def _check_split(split: Split, fail: Fail) -> None:
    total = split.train + split.dev + split.test
    if abs(total - 1) > 1e-6:
        fail("split", "train", f"train, dev and test add up to {total:g}, not 1", "Change one of them")
    named = [*split.train_speakers, *split.dev_speakers, *split.test_speakers]
    for key in ("test_speakers", "dev_speakers", "train_speakers"):
        for speaker in getattr(split, key):
            if named.count(speaker) > 1:
                fail("split", key, f"speaker {speaker!r} is named twice", "A speaker belongs to one split")


def _check_ranges(settings: Settings, fail: Fail) -> None:
    for section, kind in (("voices", Voices), ("augment", Augment), ("keyword", Keyword)):
        # Every list of plain numbers in these sections is a range.
        for key, hint in typing.get_type_hints(kind).items():
            pair = getattr(getattr(settings, section), key)
            if hint == Range and (len(pair) != 2 or pair[0] > pair[1]):
                what = f"expected [lowest, highest], found {list(pair)}"
                fail(section, key, what, "Write two numbers in rising order")


def _check_words(words: tuple[str, ...], fail: Fail) -> None:
    alike = Counter(normal_word(word) for word in words)
    for word in words:
        plain = normal_word(word)
        if alike[plain] > 1 or plain in (SILENCE, UNKNOWN, "") or word != " ".join(word.split()):
            what = "is there twice" if alike[plain] > 1 else "cannot be a word here"
            fail("keyword", "words", f"{word!r} {what}", "Name each word once; silence and unknown are added for you")
    if not words:
        fail("keyword", "words", "names no word", 'Write for example words = ["yes", "no"]')
