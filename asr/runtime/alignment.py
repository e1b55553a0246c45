"""A known sentence in the network's probabilities: when each word is said, and how probable it is.

CTC's forward recursion over one label sequence (Graves et al., "Connectionist Temporal Classification", 2006).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int32 = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Span:
    """Where a word is said.

    Attributes
    ----------
    word : what is said.
    start, end : the first frame of its first letter, and the frame after the last of its last.
    score : mean over these frames of the path's log-probability, less the largest of the frame: 0 at best.
    lost : the sum of which `score` is the mean, with its sign changed: nats, 0 at best.
    """

    word: str
    start: int
    end: int
    score: float
    lost: float


def total_score(log_probabilities: npt.ArrayLike, labels: Sequence[int]) -> float:
    """Return the logarithm of a label sequence's probability, over all its alignments.

    Parameters
    ----------
    log_probabilities : float [t, labels + 1], blank last.
    labels : n indices.
    """
    return float(total_scores(log_probabilities, [labels])[0])


def total_scores(log_probabilities: npt.ArrayLike, sequences: Sequence[Sequence[int]]) -> Float64:
    """Return `total_score` of n label sequences, float64 [n]."""
    frames = np.asarray(log_probabilities, np.float64)
    if not len(frames) or not len(sequences):
        return np.array([-np.inf if len(labels) else 0.0 for labels in sequences])
    blank = frames.shape[1] - 1
    width = 2 * max(map(len, sequences)) + 1
    path = np.full((len(sequences), width), blank)
    skips = np.full(path.shape, -np.inf)
    for row, labels in enumerate(sequences):
        own, may_skip = _expand(labels, blank)
        path[row, : len(own)] = own
        skips[row, : len(own)][may_skip] = 0
    # Two places before each path, so that all steps are slices.
    alpha = np.full((len(sequences), width + 2), -np.inf)
    alpha[:, 2] = 0
    alpha[:, 3:4] = 0
    alpha[:, 2:] += frames[0][path]
    with np.errstate(divide="ignore"):
        for frame in frames[1:]:
            stays = np.logaddexp(alpha[:, 2:], alpha[:, 1:-1])
            alpha[:, 2:] = np.logaddexp(stays, alpha[:, :-2] + skips) + frame[path]
    rows, ends = np.arange(len(sequences)), np.array([2 * len(labels) for labels in sequences])
    # The last blank or the last label; an empty sequence has the blank alone.
    return np.asarray(np.logaddexp(alpha[rows, ends + 2], np.where(ends > 0, alpha[rows, ends + 1], -np.inf)))


def align(log_probabilities: npt.ArrayLike, words: Sequence[str], labels: Sequence[str]) -> list[Span]:
    """Return when each word is said on the best alignment of their sentence; none where it does not fit.

    Parameters
    ----------
    log_probabilities : float [t, labels + 1], blank last.
    words : what is said, with a space between two.
    labels : characters of the alphabet.
    """
    frames = np.asarray(log_probabilities, np.float64)
    index = {label: number for number, label in enumerate(labels)}
    ids = [index[letter] for letter in " ".join(words)]
    path, skips = _expand(ids, frames.shape[1] - 1)
    if not len(frames):
        return []
    scores = np.where(np.arange(len(path)) < 2, 0.0, -np.inf) + frames[0][path]
    steps = np.zeros((len(frames), len(path)), np.int8)
    for number in range(1, len(frames)):
        one = np.concatenate(([-np.inf], scores[:-1]))
        two = np.where(skips, np.concatenate(([-np.inf, -np.inf], scores[:-2]))[: len(path)], -np.inf)
        choices = np.stack((scores, one, two))
        steps[number] = choices.argmax(axis=0)
        scores = choices.max(axis=0) + frames[number][path]
    at = len(path) - 1 if len(path) < 2 or scores[-1] >= scores[-2] else len(path) - 2
    if not np.isfinite(scores[at]):
        return []
    places = np.zeros(len(frames), np.int32)
    for number in range(len(frames) - 1, -1, -1):
        places[number] = at
        at -= int(steps[number, at])
    costs = frames[np.arange(len(frames)), path[places]] - frames.max(axis=1)
    spans = []
    first = 0
    for word in words:
        # Label k of the sentence is at place 2 k + 1 of the path.
        inside = np.flatnonzero((places >= 2 * first + 1) & (places <= 2 * (first + len(word)) - 1))
        start, end = int(inside[0]), int(inside[-1]) + 1
        spans.append(Span(word, start, end, float(costs[start:end].mean()), -float(costs[start:end].sum())))
        first += len(word) + 1
    return spans


def _expand(labels: Sequence[int], blank: int) -> tuple[Int32, npt.NDArray[np.bool_]]:
    """Return the labels with blanks around them, int32 [2 n + 1], and where the blank before may be skipped."""
    path = np.full(2 * len(labels) + 1, blank, np.int32)
    path[1::2] = labels
    skips = np.zeros(len(path), bool)
    skips[3::2] = path[3::2] != path[1:-2:2]
    return path, skips
