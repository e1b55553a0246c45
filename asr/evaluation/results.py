"""All figures of an evaluation: by condition, speaker, sentence and word, real and synthetic speech apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from asr.evaluation.conditions import CLEAN, Condition
from asr.evaluation.confusion import WordTable, align, count_words
from asr.evaluation.figures import MEASURES, RESAMPLES, Figures, measure, tally
from asr.evaluation.side_by_side import Answer, Ways, compare, pool
from asr.evaluation.transcriptions import Transcription

ALL_NOISE = "noise, all levels"
WORST = 10


@dataclass(frozen=True)
class Evaluation:
    """The figures of one kind of speech.

    Attributes
    ----------
    kind : "real" or "synthetic".
    main : the condition of the tables by speaker, sentence and word: "clean" where it was measured.
    remarks : notes that belong beside every figure.
    conditions : figures by the condition's name; ALL_NOISE pools the noisy ones where there are several.
    measured : the condition behind each of these names, of its first draw; none for ALL_NOISE.
    worst : at most ten utterances of `main`, the worst first.
    worst_in_noise : at most ten in noise, the worst first, no clip twice; empty where `main` is noise.
    words_in_noise : as `words`, of all conditions with noise; None: there is none.
    draws : pieces of noise that each clip met at each level.
    ways : by the condition's name as `conditions`, figures of the client and of the runtime; empty: the runtime was
        not evaluated.
    """

    kind: str
    main: str
    remarks: tuple[str, ...]
    conditions: dict[str, Figures]
    measured: dict[str, Condition]
    speakers: dict[str, Figures]
    sentences: dict[str, Figures]
    words: WordTable
    worst: tuple[Transcription, ...] = field(default=())
    worst_in_noise: tuple[Transcription, ...] = field(default=())
    words_in_noise: WordTable | None = None
    draws: int = 1
    ways: dict[str, Ways] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return asdict(self)

    def summary(self) -> dict[str, Any]:
        """Return the figures of every condition, for a run's record: {"clean": {"wer": 0.04, ...}, ...}."""
        return {
            name: {measure: getattr(figures, measure).value for measure in MEASURES}
            | {"utterances": figures.utterances, "speakers": figures.speakers}
            for name, figures in self.conditions.items()
        }


def record(evaluations: Iterable[Evaluation]) -> dict[str, Any]:
    """Return the part of evaluations that a run's record keeps: {"real": {"clean": {"wer": 0.04}}}."""
    return {evaluation.kind: evaluation.summary() for evaluation in evaluations}


def evaluate(
    transcriptions: Sequence[Transcription],
    remarks: Iterable[str] = (),
    *,
    seed: int = 1,
    resamples: int = RESAMPLES,
    answers: Sequence[Answer] = (),
) -> list[Evaluation]:
    """Measure real and synthetic speech, each by itself; real speech comes first.

    Parameters
    ----------
    transcriptions : in any order; conditions keep the order in which they first appear.
    remarks : carried by every evaluation (those of build/split.json).
    seed : of the bootstrap.
    resamples : draws of the bootstrap.
    answers : of both ways to the same clips; none: there is only the client.
    """
    notes = tuple(remarks)
    return [
        _evaluate_kind(kind, chosen, [one for one in answers if one.synthetic == synthetic], notes, seed, resamples)
        for kind, synthetic in (("real", False), ("synthetic", True))
        if (chosen := [one for one in transcriptions if one.synthetic == synthetic])
    ]


def _evaluate_kind(
    kind: str,
    transcriptions: list[Transcription],
    answers: list[Answer],
    remarks: tuple[str, ...],
    seed: int,
    resamples: int,
) -> Evaluation:
    by_condition = _grouped(transcriptions, lambda one: one.condition.name)
    main = CLEAN if CLEAN in by_condition else next(iter(by_condition))
    noisy = [one for one in transcriptions if one.condition.level is not None]
    conditions = {name: measure(items, seed, resamples) for name, items in by_condition.items()}
    if len({one.condition.name for one in noisy}) > 1:
        conditions[ALL_NOISE] = measure(noisy, seed, resamples)
    ways = compare(answers, seed, resamples)
    if ALL_NOISE in conditions and ways:
        ways[ALL_NOISE] = pool([one for one in answers if one.condition.level is not None], seed, resamples)
    in_main = by_condition[main]
    unscored = sum(one.slots is None for one in in_main)
    if unscored:
        remarks += (f"{unscored} of {len(in_main)} utterances are no commands and do not count as such",)
    return Evaluation(
        kind,
        main,
        remarks,
        conditions,
        {name: items[0].condition for name, items in by_condition.items()},
        {name: measure(items, seed, resamples, "clip") for name, items in _sorted_groups(in_main, "speaker")},
        {name: measure(items, seed, resamples) for name, items in _sorted_groups(in_main, "transcript")},
        _words(in_main),
        tuple(_worst(in_main)),
        tuple(_worst(noisy)) if by_condition[main][0].condition.level is None else (),
        _words(noisy) if noisy else None,
        max(one.condition.draw for one in transcriptions),
        ways,
    )


def _words(transcriptions: Sequence[Transcription]) -> WordTable:
    return count_words(align([one.transcript for one in transcriptions], [one.hypothesis for one in transcriptions]))


def _worst(transcriptions: Sequence[Transcription]) -> list[Transcription]:
    """Return the utterances to look at first: commands with a wrong slot, since a device acts on them, then the rest.

    Errors in little noise come before errors in much; then count the shares of wrong words and of wrong characters, and
    the loss. No clip comes twice, however many conditions it is wrong in.
    """
    counts = tally(transcriptions)

    def order(index: int) -> tuple[Any, ...]:
        one, (words, errors, characters, wrong) = transcriptions[index], counts[index, :4]
        return (
            one.accepted is not False,
            -(one.condition.level or 0.0),
            -errors / max(words, 1),
            -wrong / max(characters, 1),
            -(one.loss or 0.0),
            one.clip,
            one.condition.name,
        )

    once: dict[str, Transcription] = {}
    for index in sorted((index for index, one in enumerate(transcriptions) if not one.right), key=order):
        once.setdefault(transcriptions[index].clip, transcriptions[index])
    return list(once.values())[:WORST]


def _grouped(
    transcriptions: Iterable[Transcription], key: Callable[[Transcription], str]
) -> dict[str, list[Transcription]]:
    groups: dict[str, list[Transcription]] = {}
    for one in transcriptions:
        groups.setdefault(key(one), []).append(one)
    return groups


def _sorted_groups(transcriptions: Iterable[Transcription], attribute: str) -> list[tuple[str, list[Transcription]]]:
    return sorted(_grouped(transcriptions, lambda one: str(getattr(one, attribute))).items())
