"""Measured numbers: rates of errors with their counts and their 95 % intervals.

An interval is a bootstrap over speakers: utterances of one voice fail together, so it is voices that are
drawn, with all they said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jiwer
import numpy as np
import numpy.typing as npt

from asr.ctc.heard import Heard

FEWEST_SPEAKERS = 3  # below this, resampling speakers says nothing
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
    value : `part` / `whole`; None where there was nothing to measure.
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


def tally(heard: Sequence[Heard]) -> Counts:
    """Count each utterance's words, errors and so on: float64 [utterances, len(COLUMNS)]."""
    if not heard:
        return np.zeros((0, len(COLUMNS)))
    said, hypotheses = [item.transcript for item in heard], [item.hypothesis for item in heard]
    words = jiwer.process_words(said, hypotheses)
    characters = jiwer.process_characters(said, hypotheses)
    rows = []
    for index, item in enumerate(heard):
        accepted = item.accepted
        rows.append(
            (
                len(words.references[index]),
                _errors(words.alignments[index]),
                len(characters.references[index]),
                _errors(characters.alignments[index]),
                1,
                item.right,
                accepted is not None,
                bool(accepted),
                item.loss is not None,
                item.loss or 0.0,
            )
        )
    return np.array(rows, dtype=np.float64)


def measure(heard: Sequence[Heard], seed: int = 1, resamples: int = RESAMPLES) -> Figures:
    """Return the figures of one group of utterances; with `resamples` 0 there are no intervals."""
    counts = tally(heard)
    speakers = sorted({item.speaker for item in heard})
    intervals: dict[str, tuple[tuple[float, float] | None, str]] = {}
    if resamples and len(speakers) >= FEWEST_SPEAKERS:
        index = {speaker: row for row, speaker in enumerate(speakers)}
        sums = np.zeros((len(speakers), len(COLUMNS)))
        np.add.at(sums, [index[item.speaker] for item in heard], counts)
        intervals = bootstrap(sums, seed, resamples)
    few = f"no interval: {len(speakers)} speaker{'s' * (len(speakers) != 1)}, {FEWEST_SPEAKERS} are needed"
    totals = dict(zip(COLUMNS, counts.sum(axis=0).tolist(), strict=True))
    figures = {}
    for name, (part, whole) in MEASURES.items():
        value = totals[part] / totals[whole] if totals[whole] else None
        interval, note = intervals.get(name, (None, few if resamples else ""))
        figures[name] = Figure(
            value, totals[part], int(totals[whole]), interval, note if value is not None else ""
        )
    return Figures(len(heard), len(speakers), sum(item.seconds for item in heard), **figures)


def bootstrap(
    sums: Counts, seed: int, resamples: int = RESAMPLES
) -> dict[str, tuple[tuple[float, float] | None, str]]:
    """Return the 95 % interval of every measure, or None and the reason.

    Percentiles of the cluster bootstrap (Davison and Hinkley, Bootstrap Methods and their Application, 1997,
    section 3.8): whole speakers are drawn with replacement.

    Parameters
    ----------
    sums : float64 [speakers, len(COLUMNS)], what `tally` counts, summed by speaker.
    """
    speakers = len(sums)
    draws = np.random.default_rng(seed).multinomial(speakers, np.full(speakers, 1 / speakers), size=resamples)
    totals = draws @ sums
    found: dict[str, tuple[tuple[float, float] | None, str]] = {}
    for name, (part, whole) in MEASURES.items():
        parts, wholes = (totals[:, COLUMNS.index(column)] for column in (part, whole))
        # A draw may miss every speaker that has something to measure.
        shares = parts[wholes > 0] / wholes[wholes > 0]
        if not len(shares) or shares.min() == shares.max():
            found[name] = (None, "no interval: the same for every speaker")
            continue
        low, high = np.percentile(shares, (2.5, 97.5))
        found[name] = ((float(low), float(high)), "")
    return found


def _errors(chunks: Sequence[Any]) -> int:
    """Count the errors in one of jiwer's alignments."""
    return sum(
        max(chunk.ref_end_idx - chunk.ref_start_idx, chunk.hyp_end_idx - chunk.hyp_start_idx)
        for chunk in chunks
        if chunk.type != "equal"
    )
