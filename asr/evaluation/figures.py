"""Measured numbers: rates of errors with their counts and their 95 % intervals.

An interval is a bootstrap over speakers, since the errors of one speaker are not independent: speakers are drawn, each
with all of their utterances. Within one speaker, clips are drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein

from asr.evaluation.transcriptions import Transcription

Drawn = Literal["speaker", "clip"]
FEWEST: dict[Drawn, int] = {"speaker": 3, "clip": 5}  # with fewer, a bootstrap says nothing
RESAMPLES = 2000

Counts = npt.NDArray[np.float64]

# Columns of a tally; each measure is the quotient of two of them.
COLUMNS = (
    "words", "word_errors", "characters", "character_errors", "sentences", "right", "commands", "accepted",
    "losses", "loss_sum",
)  # fmt: skip
MEASURES = {
    "wer": ("word_errors", "words"),
    "cer": ("character_errors", "characters"),
    "sentence_accuracy": ("right", "sentences"),
    "acceptance": ("accepted", "commands"),
    "loss": ("loss_sum", "losses"),
}


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Attributes
    ----------
    value : `part` / `whole`; None where nothing was measured.
    interval : 95 %, lowest and highest; None where none can be given, and `note` says why.
    """

    value: float | None
    part: float
    whole: int
    interval: tuple[float, float] | None = None
    note: str = ""


@dataclass(frozen=True)
class Figures:
    """The measures of one group of utterances. Rates are shares: 0.05 is 5 %."""

    utterances: int
    speakers: int
    seconds: float
    wer: Figure
    cer: Figure
    sentence_accuracy: Figure
    acceptance: Figure
    loss: Figure


def tally(transcriptions: Sequence[Transcription]) -> Counts:
    """Count each utterance's words, errors and so on: float64 [utterances, len(COLUMNS)]."""
    if not transcriptions:
        return np.zeros((0, len(COLUMNS)))
    rows = []
    for one in transcriptions:
        words, characters = one.transcript.split(), one.transcript.strip()
        rows.append(
            (
                len(words),
                Levenshtein.distance(words, one.hypothesis.split()),
                len(characters),
                Levenshtein.distance(characters, one.hypothesis.strip()),
                1,
                one.right,
                one.accepted is not None,
                bool(one.accepted),
                one.loss is not None,
                one.loss or 0.0,
            )
        )
    return np.array(rows, dtype=np.float64)


def measure(
    transcriptions: Sequence[Transcription], seed: int = 1, resamples: int = RESAMPLES, drawn: Drawn = "speaker"
) -> Figures:
    """Return the figures of one group of utterances; with `resamples` 0 there are no intervals.

    Parameters
    ----------
    drawn : unit of the bootstrap: speakers, or clips where all are of one speaker.
    """
    names = [str(getattr(item, drawn)) for item in transcriptions]
    figures = rates(tally(transcriptions), names, MEASURES, COLUMNS, seed, resamples, drawn)
    speakers = {item.speaker for item in transcriptions}
    return Figures(len(transcriptions), len(speakers), sum(item.seconds for item in transcriptions), **figures)


def rates(
    counts: Counts,
    names: Sequence[str],
    measures: Mapping[str, tuple[str, str]],
    columns: Sequence[str],
    seed: int,
    resamples: int,
    drawn: Drawn = "speaker",
) -> dict[str, Figure]:
    """Return each measure of a group of utterances with its interval.

    Parameters
    ----------
    counts : float64 [utterances, columns].
    names : of each utterance's unit of the bootstrap.
    measures : name to the two columns of which it is the quotient.
    """
    index = {name: row for row, name in enumerate(sorted(set(names)))}
    intervals: dict[str, tuple[tuple[float, float] | None, str]] = {}
    if resamples and len(index) >= FEWEST[drawn]:
        sums = np.zeros((len(index), len(columns)))
        np.add.at(sums, [index[name] for name in names], counts)
        intervals = bootstrap(sums, seed, resamples, drawn, measures, columns)
    few = f"no interval: {len(index)} {drawn}{'s' * (len(index) != 1)}, {FEWEST[drawn]} are needed"
    totals = dict(zip(columns, counts.sum(axis=0).tolist(), strict=True))
    figures = {}
    for name, (part, whole) in measures.items():
        value = totals[part] / totals[whole] if totals[whole] else None
        interval, note = intervals.get(name, (None, few if resamples else ""))
        figures[name] = Figure(value, totals[part], int(totals[whole]), interval, note if value is not None else "")
    return figures


def bootstrap(
    sums: Counts,
    seed: int,
    resamples: int = RESAMPLES,
    drawn: Drawn = "speaker",
    measures: Mapping[str, tuple[str, str]] = MEASURES,
    columns: Sequence[str] = COLUMNS,
) -> dict[str, tuple[tuple[float, float] | None, str]]:
    """Return the 95 % interval of every measure, or None and the reason.

    Percentiles of the cluster bootstrap (Davison and Hinkley, Bootstrap Methods and their Application, 1997,
    section 3.8): whole speakers, or clips, are drawn with replacement.

    Parameters
    ----------
    sums : float64 [speakers or clips, columns], the counts of `tally` summed by speaker or clip.
    drawn : name of that unit, for the reason.
    measures, columns : as `rates` has them.
    """
    units = len(sums)
    draws = np.random.default_rng(seed).multinomial(units, np.full(units, 1 / units), size=resamples)
    totals = draws @ sums
    found: dict[str, tuple[tuple[float, float] | None, str]] = {}
    for name, (part, whole) in measures.items():
        parts, wholes = (totals[:, columns.index(column)] for column in (part, whole))
        # A draw may miss everyone with something to measure.
        shares = parts[wholes > 0] / wholes[wholes > 0]
        if not len(shares) or shares.min() == shares.max():
            found[name] = (None, f"no interval: the same for every {drawn}")
            continue
        low, high = np.percentile(shares, (2.5, 97.5))
        found[name] = ((float(low), float(high)), "")
    return found
