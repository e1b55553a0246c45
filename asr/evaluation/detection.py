"""Keywords in a stream: missed words against false accepts an hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from asr.keyword.detect import HIGHEST, NEVER, Detection, Rule, detect
from asr.keyword.stream import PlacedWord, Stream, hours

LATE = 50  # slices after a word's end in which detecting it still counts, 1 s
_MOST_ACCEPTS = 60  # false accepts an hour; beyond that a curve tells nothing of use


@dataclass(frozen=True)
class Curve:
    """Misses and false accepts as one threshold for all words falls.

    Attributes
    ----------
    accepts : float64 [k], false accepts an hour.
    misses : float64 [k], share of the words that are missed.
    """

    accepts: npt.NDArray[np.float64]
    misses: npt.NDArray[np.float64]

    def least_misses(self, accepts: float) -> float:
        """Return the least miss rate with at most so many false accepts an hour; 1.0 where there is none."""
        fitting = self.misses[self.accepts <= accepts + 1e-9]
        return float(fitting.min()) if len(fitting) else 1.0


def count_hits(found: Sequence[Detection], placed: Sequence[PlacedWord]) -> tuple[int, int]:
    """Return the number of placed words detected, each once, from its beginning to 1 s after its end; and the rest."""
    hits, others = 0, 0
    waiting = list(placed)
    for detection in found:
        for word in waiting:
            if word.word == detection.word and word.start <= detection.slice <= word.end + LATE:
                waiting.remove(word)
                hits += 1
                break
        else:
            others += 1
    return hits, others


def miss_rate(spoken: Stream, placed: Sequence[PlacedWord], rule: Rule) -> float:
    """Return the share of the placed words that a rule misses in a stream's scores."""
    return 1 - count_hits(detect(*spoken, rule), placed)[0] / max(1, len(placed))


def accepts_per_hour(quiet: Stream, rule: Rule) -> float:
    """Return how often an hour a rule accepts a word in the scores of sound without the words."""
    return len(detect(*quiet, rule)) / max(hours(quiet), 1e-9)


def miss_curve(quiet: Stream, spoken: Stream, placed: Sequence[PlacedWord], rule: Rule) -> Curve:
    """Return misses against false accepts for one threshold of all words, from 255 down to 1.

    Parameters
    ----------
    quiet : scores of sound without the words.
    spoken, placed : scores of sound with them, and where they are.
    """
    words = quiet[1].shape[1] - 2
    accepts, misses = [], []
    for threshold in range(HIGHEST, 0, -1):
        tried = replace(rule, thresholds=(NEVER, NEVER, *(threshold,) * words))
        accepts.append(accepts_per_hour(quiet, tried))
        misses.append(miss_rate(spoken, placed, tried))
        if accepts[-1] > _MOST_ACCEPTS:
            break
    return Curve(np.array(accepts), np.array(misses))
