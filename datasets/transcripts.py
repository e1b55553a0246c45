"""Transcripts against the sentences: typing errors, folders named by speakers, quotes left in a table."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from asr.core.alphabet import normal_text
from asr.core.errors import RecordingsError
from datasets.account import LEFT_OUT, USED, Account

if TYPE_CHECKING:
    from datasets.recordings import Recording

_MOST = 0.5  # share of the recordings whose transcript may be no sentence
_MOST_LOOKED_UP = 200  # transcripts that the nearest sentence is looked for
_QUOTES = "'\"`\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb "


class Sentences(Protocol):
    """What can be said, handed in from above: this room knows no grammar."""

    name: str  # of the file, for messages

    def accepts(self, text: str) -> bool:
        """Tell whether a text is a sentence."""

    def nearest(self, text: str) -> str:
        """Return the sentence most like a text; "" if none is."""


def check_layout(
    folder: Path, transcripts: Mapping[Path, str], places: Mapping[Path, Sequence[Path]], sentences: Sentences
) -> None:
    """Raise RecordingsError where folders are named by speakers, and the sentences stand below them.

    Parameters
    ----------
    transcripts : of each folder, by its name.
    places : the sounds below each folder.
    """
    speakers: dict[str, str] = {}
    count = total = 0
    for place, sounds in places.items():
        total += len(sounds)
        if sentences.accepts(transcripts[place]):
            continue
        below = [text for sound in sounds if (text := _below(place, sound, sentences))]
        if 2 * len(below) > len(sounds):
            count += len(sounds)
            speakers[place.name] = below[0]
    if 2 * count > total:
        (name, text), *others = speakers.items()
        named = ", ".join(map(repr, list(speakers)[:3])) + (", ..." if len(others) > 2 else "")
        raise RecordingsError(
            f"{named} {'are no sentences' if others else 'is no sentence'}, but what is below is, such as {text!r}",
            path=folder,
            fix=f"Did you mean a folder per speaker? Put the sentence on top: {text.replace(' ', '_')}/"
            f"{name.replace(' ', '_')}_nohash_0.wav, or write a recordings.csv",
        )


def check_transcripts(recordings: Sequence[Recording], sentences: Sentences, account: Account) -> None:
    """Enter in the account which transcripts are no sentences, with the nearest one.

    Raises
    ------
    RecordingsError : most are none; the account has them as left out.
    """
    real = [one for one in recordings if not one.synthetic]
    wrong: dict[str, list[Recording]] = {}
    known: dict[str, bool] = {}
    for one in real:
        if one.transcript not in known:
            known[one.transcript] = sentences.accepts(one.transcript)
        if not known[one.transcript]:
            wrong.setdefault(one.transcript, []).append(one)
    count = sum(map(len, wrong.values()))
    stops = count > _MOST * len(real)
    outcome = LEFT_OUT if stops else USED
    first = ("", "")
    for number, (text, those) in enumerate(sorted(wrong.items(), key=lambda item: (-len(item[1]), item[0]))):
        reason, fix = _fault(text, sentences, number < _MOST_LOOKED_UP)
        first = first if number else (reason, fix)
        for one in those:
            account.change(one.path, outcome, reason, fix)
    if stops:
        reason, fix = first
        if tables := [entry.file for entry in account.entries if "table that is not read" in entry.reason]:
            fix = f"{tables[0]} is not read: rename it to recordings.csv if it has the transcripts. {fix}"
        raise RecordingsError(
            f"{count} of {len(real)} recordings have a transcript that is no sentence: {reason}",
            path=account.folder,
            fix=f"{fix}, or add what is said to {sentences.name}",
        )


def _fault(text: str, sentences: Sentences, look_up: bool) -> tuple[str, str]:
    """Return what is wrong with a transcript, and what to do."""
    reason = f"{text!r} is no sentence of {sentences.name}"
    bare = text.strip(_QUOTES)
    if bare != text and sentences.accepts(bare):
        return f"{reason}: it is {bare!r} in quotes", f"Delete the quotes around {bare!r}"
    near = sentences.nearest(text) if look_up else ""
    if near:
        return f"{reason}; the nearest is {near!r}", f"Correct the transcript to {near!r} if that is what is said"
    return reason, "Correct the transcript, or did you mean a folder per speaker? Then write a recordings.csv"


def _below(place: Path, sound: Path, sentences: Sentences) -> str:
    """Return the sentence that a folder below `place`, or else the file's name, gives; "" if none does."""
    *folders, _ = sound.relative_to(place).parts
    stem = re.sub(r"(_nohash)?[\W_]*\d*$", "", sound.stem)
    for name in (*folders, stem):
        text = normal_text(name.replace("_", " "))
        if text and sentences.accepts(text):
            return text
    return ""
