"""Forced alignment against every path written out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from asr.ctc.alignment import align

LABELS = 3


def likeliest(logits: np.ndarray, labels: list[int]) -> tuple[list[int], float]:
    """Return the likeliest path of all that write `labels`, and how likely the next one is beside it."""
    probabilities = np.exp(logits.astype(np.float64))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    found = []
    for path in itertools.product(range(LABELS + 1), repeat=len(logits)):
        if [label for label, _ in itertools.groupby(path) if label != LABELS] == labels:
            found.append((np.prod([probabilities[frame, label] for frame, label in enumerate(path)]), path))
    found.sort(reverse=True)
    return list(found[0][1]), float(found[1][0] / found[0][0]) if len(found) > 1 else 0.0


@pytest.mark.parametrize("labels", [[0], [0, 1], [1, 1], [0, 1, 0], [2, 2, 2], [2, 0, 1, 1]])
@pytest.mark.parametrize("frames", [5, 6, 7])
def test_labels_lie_where_the_likeliest_path_has_them(labels: list[int], frames: int) -> None:
    for seed in range(5):
        logits = np.random.default_rng([seed, frames]).normal(0, 3, (frames, LABELS + 1)).astype(np.float32)
        path, beside = likeliest(logits, labels)
        assert beside < 0.999, "two paths alike would prove nothing"
        runs = [
            [frame for frame, _ in run]
            for label, run in itertools.groupby(enumerate(path), key=lambda pair: pair[1])
            if label != LABELS
        ]
        shifted = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        expected = [max(run, key=lambda frame: shifted[frame, label]) for run, label in zip(runs, labels, strict=True)]
        assert align(logits, np.array(labels, np.int32)).tolist() == expected


def test_too_few_frames_are_told() -> None:
    logits = np.zeros((3, LABELS + 1), np.float32)
    assert align(logits, np.array([0, 1, 2], np.int32)).tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="2 frames are too few for 2 labels"):
        align(np.zeros((2, LABELS + 1), np.float32), np.array([1, 1], np.int32))
