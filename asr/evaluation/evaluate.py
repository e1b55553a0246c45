"""All that is measured on what the client heard, for real and for synthetic speech, each by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from asr.evaluation.confusion import WordTable, align, count_words
from asr.evaluation.figures import MEASURES, RESAMPLES, Figure, Figures, measure, tally
from asr.evaluation.heard import CLEAN, RAW, Heard, Slots, level_of, with_slots

__all__ = ["CLEAN", "RAW", "Evaluation", "Figure", "Figures", "Heard", "Slots", "evaluate", "with_slots"]

ALL_NOISE = "noise, all levels"
WORST = 10


@dataclass(frozen=True)
class Evaluation:
    """All that was measured on one kind of speech.

    Attributes
    ----------
    kind : "real" or "synthetic".
    main : the condition of the tables by speaker, sentence and word: "clean" where it was measured.
    remarks : what has to be said beside every figure.
    worst : at most ten utterances of `main`, the worst first.
    worst_in_noise : at most ten in noise, the worst first, no clip twice; empty where `main` is noise.
    words_in_noise : as `words`, of all conditions with noise; None: there is none.
    draws : pieces of noise that each clip met at each level.
    """

    kind: str
    main: str
    remarks: tuple[str, ...]
    conditions: dict[str, Figures]
    speakers: dict[str, Figures]
    sentences: dict[str, Figures]
    words: WordTable
    worst: tuple[Heard, ...] = field(default=())
    worst_in_noise: tuple[Heard, ...] = field(default=())
    words_in_noise: WordTable | None = None
    draws: int = 1

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
    """Return what a run's record keeps of evaluations: {"real": {"clean": {"wer": 0.04, ...}}}."""
    return {evaluation.kind: evaluation.summary() for evaluation in evaluations}


def evaluate(
    heard: Sequence[Heard], remarks: Iterable[str] = (), *, seed: int = 1, resamples: int = RESAMPLES
) -> list[Evaluation]:
    """Measure real and synthetic speech, each by itself; real speech comes first.

    Parameters
    ----------
    heard : in any order; conditions keep the order in which they first appear.
    remarks : carried by every evaluation (those of build/split.json).
    seed : of the bootstrap.
    resamples : draws of the bootstrap.
    """
    notes = tuple(remarks)
    return [
        _evaluate_kind(kind, chosen, notes, seed, resamples)
        for kind, synthetic in (("real", False), ("synthetic", True))
        if (chosen := [item for item in heard if item.synthetic == synthetic])
    ]


def _evaluate_kind(
    kind: str, heard: list[Heard], remarks: tuple[str, ...], seed: int, resamples: int
) -> Evaluation:
    by_condition = _grouped(heard, lambda item: item.condition)
    main = CLEAN if CLEAN in by_condition else next(iter(by_condition))
    noisy = [item for item in heard if level_of(item.condition) is not None]
    conditions = {name: measure(items, seed, resamples) for name, items in by_condition.items()}
    if len({item.condition for item in noisy}) > 1:
        conditions[ALL_NOISE] = measure(noisy, seed, resamples)
    in_main = by_condition[main]
    unscored = sum(item.slots is None for item in in_main)
    if 0 < unscored < len(in_main):
        remarks += (f"{unscored} of {len(in_main)} utterances are no commands and do not count as such",)
    return Evaluation(
        kind,
        main,
        remarks,
        conditions,
        {name: measure(items, seed, resamples, "clip") for name, items in _sorted_groups(in_main, "speaker")},
        {name: measure(items, seed, resamples) for name, items in _sorted_groups(in_main, "transcript")},
        _words(in_main),
        tuple(_worst(in_main)),
        tuple(_worst(noisy)) if main not in {item.condition for item in noisy} else (),
        _words(noisy) if noisy else None,
        max(item.draw for item in heard),
    )


def _words(heard: Sequence[Heard]) -> WordTable:
    return count_words(align([item.transcript for item in heard], [item.hypothesis for item in heard]))


def _worst(heard: Sequence[Heard]) -> list[Heard]:
    """Return the utterances to look at first: commands with a wrong slot, since a device does something else then, and
    of the others those with the most wrong words.

    What fails in little noise comes before what fails in much; then counts the share of wrong words, that of wrong
    characters, the loss. None comes twice, however many conditions it is wrong in.
    """
    counts = tally(heard)
    order = sorted(
        (index for index, item in enumerate(heard) if not item.right),
        key=lambda index: (
            heard[index].accepted is not False,
            -(level_of(heard[index].condition) or 0.0),
            -counts[index, 1] / max(counts[index, 0], 1),
            -counts[index, 3] / max(counts[index, 2], 1),
            -(heard[index].loss or 0.0),
            heard[index].clip,
            heard[index].condition,
        ),
    )
    once: dict[str, Heard] = {}
    for index in order:
        once.setdefault(heard[index].clip, heard[index])
    return list(once.values())[:WORST]


def _grouped(heard: Iterable[Heard], key: Callable[[Heard], str]) -> dict[str, list[Heard]]:
    groups: dict[str, list[Heard]] = {}
    for item in heard:
        groups.setdefault(key(item), []).append(item)
    return groups


def _sorted_groups(heard: Iterable[Heard], attribute: str) -> list[tuple[str, list[Heard]]]:
    return sorted(_grouped(heard, lambda item: str(getattr(item, attribute))).items())
