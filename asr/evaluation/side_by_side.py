"""The client with the n-gram scorer and the runtime with the grammar, side by side on the same clips."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from rapidfuzz.distance import Levenshtein

from asr.evaluation.conditions import Condition
from asr.evaluation.figures import RESAMPLES, Counts, Figure, rates
from asr.evaluation.transcriptions import Transcription
from asr.runtime.grammar import Meaning

CLIENT, RUNTIME = "client, n-gram scorer", "runtime, grammar"

COLUMNS = (
    "words", "word_errors", "sentences", "right", "commands", "understood", "answers", "accepted_right",
    "accepted_wrong", "refused",
)  # fmt: skip
MEASURES = {
    "sentence_accuracy": ("right", "sentences"),
    "wer": ("word_errors", "words"),
    "understanding": ("understood", "commands"),
    "accepted_right": ("accepted_right", "answers"),
    "accepted_wrong": ("accepted_wrong", "answers"),
    "refused": ("refused", "answers"),
}


@dataclass(frozen=True)
class Answer:
    """What one way makes of a clip.

    Attributes
    ----------
    way : CLIENT or RUNTIME.
    meant, understood : intent and slots of the transcript and of the text; None: it is no sentence of the list.
    accepted : whether a device acts on it; None where the way refuses nothing.
    confidence : probability that the text is right; None without a verifier.
    """

    way: str
    speaker: str
    transcript: str
    text: str
    condition: Condition = field(default_factory=Condition)
    synthetic: bool = False
    meant: Meaning | None = None
    understood: Meaning | None = None
    accepted: bool | None = None
    confidence: float | None = None

    @property
    def right(self) -> bool:
        """Whether every word is right."""
        return self.transcript.split() == self.text.split()

    @property
    def same_meaning(self) -> bool | None:
        """Whether intent and slots are right; None where the transcript has neither."""
        if self.meant is None or not (self.meant.intent or self.meant.slots):
            return None
        found = self.understood
        return found is not None and (found.intent, found.slots) == (self.meant.intent, self.meant.slots)


    def row(self) -> dict[str, Any]:
        """Return the answer as a row of answers.csv."""
        condition = self.condition
        return {
            "way": self.way,
            "speaker": self.speaker,
            "synthetic": int(self.synthetic),
            "noise": condition.kind,
            "level": "" if condition.level is None else condition.level,
            "raw": int(condition.raw),
            "draw": condition.draw,
            "accepted": "" if self.accepted is None else int(self.accepted),
            "transcript": self.transcript,
            "text": self.text,
        }

    @classmethod
    def from_row(cls, row: Mapping[str, str], meaning: Callable[[str], Meaning | None]) -> Answer:
        """Return the answer of a row; ValueError or KeyError where it is none. Its confidence is not kept."""
        level = float(row["level"]) if row["level"] else None
        condition = Condition(row["noise"], level, row["raw"] == "1", int(row["draw"]))
        said, text = row["transcript"], row["text"]
        accepted = None if row["accepted"] == "" else row["accepted"] == "1"
        synthetic = row["synthetic"] == "1"
        return cls(
            row["way"], row["speaker"], said, text, condition, synthetic, meaning(said), meaning(text), accepted
        )


@dataclass(frozen=True)
class WayFigures:
    """The figures of one way under one condition.

    Attributes
    ----------
    understanding : intent and slots right, of the commands that have any.
    accepted_right, accepted_wrong, refused : of all clips; right is the meaning, or each word where there is none. No
        value where the way refuses nothing.
    """

    utterances: int
    speakers: int
    sentence_accuracy: Figure
    wer: Figure
    understanding: Figure
    accepted_right: Figure
    accepted_wrong: Figure
    refused: Figure


Ways = dict[str, WayFigures]


def client_answers(transcriptions: Iterable[Transcription], meaning: Callable[[str], Meaning | None]) -> list[Answer]:
    """Return the client's transcriptions as answers; `meaning` gives that of a sentence."""
    return [
        Answer(
            CLIENT, one.speaker, one.transcript, one.hypothesis, one.condition, one.synthetic, meaning(one.transcript),
            meaning(one.hypothesis),
        )
        for one in transcriptions
    ]  # fmt: skip


def compare(answers: Sequence[Answer], seed: int = 1, resamples: int = RESAMPLES) -> dict[str, Ways]:
    """Return the figures of each way by the condition's name, in the order of the answers."""
    groups: dict[str, list[Answer]] = {}
    for one in answers:
        groups.setdefault(one.condition.name, []).append(one)
    return {name: pool(items, seed, resamples) for name, items in groups.items()}


def pool(answers: Sequence[Answer], seed: int = 1, resamples: int = RESAMPLES) -> Ways:
    """Return the figures of each way over all of its answers."""
    ways: dict[str, list[Answer]] = {}
    for one in answers:
        ways.setdefault(one.way, []).append(one)
    return {way: measure(items, seed, resamples) for way, items in ways.items()}


def measure(answers: Sequence[Answer], seed: int = 1, resamples: int = RESAMPLES) -> WayFigures:
    """Return the figures of one way; with `resamples` 0 there are no intervals."""
    names = [one.speaker for one in answers]
    found = rates(_tally(answers), names, MEASURES, COLUMNS, seed, resamples)
    return WayFigures(len(answers), len(set(names)), **found)


def _tally(answers: Sequence[Answer]) -> Counts:
    rows = []
    for one in answers:
        words, same = one.transcript.split(), one.same_meaning
        good = one.right if same is None else same
        rows.append(
            (
                len(words),
                Levenshtein.distance(words, one.text.split()),
                1,
                one.right,
                same is not None,
                bool(same),
                one.accepted is not None,
                one.accepted is True and good,
                one.accepted is True and not good,
                one.accepted is False,
            )
        )
    return np.array(rows, dtype=np.float64).reshape(-1, len(COLUMNS))
