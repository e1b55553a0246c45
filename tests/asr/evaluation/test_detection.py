"""Misses and false accepts in a stream, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from asr.evaluation.detection import LATE, count_hits, miss_curve
from asr.keyword.detect import NEVER, Detection, Rule
from asr.keyword.stream import PlacedWord


def times(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.int64) * 2 + 48


def test_hits_are_counted_once_and_the_rest_are_false_accepts() -> None:
    placed = [PlacedWord(2, 100, 140), PlacedWord(3, 400, 430)]
    heard = ((150, 2), (170, 2), (300, 2), (425, 2), (470, 3))
    found = [Detection(when, word, 9) for when, word in heard]
    assert count_hits(found, placed) == (2, 3)
    assert count_hits([Detection(141 + LATE, 2, 9)], placed) == (0, 1)


def test_the_curve_falls_from_missing_all_to_missing_none() -> None:
    count = 2000
    quiet, spoken = np.zeros((count, 3), np.uint8), np.zeros((count, 3), np.uint8)
    quiet[500:520, 2] = 100
    placed = []
    for index, value in enumerate((80, 120, 160, 200)):
        place = 200 + 400 * index
        spoken[place : place + 20, 2] = value
        placed.append(PlacedWord(2, int(times(count)[place]), int(times(count)[place + 15])))
    curve = miss_curve((times(count), quiet), (times(count), spoken), placed, Rule((NEVER, NEVER, 0), 2, 8, 50))
    assert curve.least_misses(0.0) == pytest.approx(0.25)
    assert curve.misses[0] == 1.0
    assert np.all(np.diff(curve.misses) <= 0)
