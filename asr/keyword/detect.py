"""Detection of words from the scores of a stream: smoothing, thresholds and a pause after each word, in integers.

`firmware/lib/detector.c` does the same with the same numbers. A score is the network's output byte + 128, 0 to 255.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from asr.keyword.frontend import SLICES
from asr.settings.keyword import Keyword

HIGHEST = 255
NEVER = 256  # a threshold that no score reaches

Int8 = npt.NDArray[np.int8]
Scores = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Detection:
    """One detected word.

    Attributes
    ----------
    slice : index of the newest slice of features at detection, from 0.
    word : index of the class.
    score : mean over the smoothing window, 0 to 255, rounded down.
    """

    slice: int
    word: int
    score: int


@dataclass(frozen=True)
class Rule:
    """The parameters of detection.

    Attributes
    ----------
    thresholds : of each class, 0 to 255, or NEVER; silence and unknown have NEVER.
    stride : slices from one inference to the next.
    window : number of inferences averaged.
    suppression : slices after a detection without another one.
    """

    thresholds: tuple[int, ...]
    stride: int = 2
    window: int = 8
    suppression: int = 50

    @classmethod
    def of(cls, settings: Keyword, thresholds: Sequence[int]) -> Rule:
        """Return the rule of section [keyword] and a threshold for each word."""
        whole = (NEVER, NEVER, *thresholds)
        return cls(whole, settings.inference_stride, settings.smoothing, settings.suppression)


def stream_scores(
    slices: Int8, predict: Callable[[Int8], npt.NDArray[np.int8]], stride: int
) -> tuple[npt.NDArray[np.int64], Scores]:
    """Run the network over a stream.

    Parameters
    ----------
    slices : int8 [n, channels], features of the stream.
    predict : rows int8 [k, 49 * channels] to outputs int8 [k, classes].
    stride : slices from one inference to the next; the first one comes at 49 slices.

    Returns
    -------
    when : int64 [k], the newest slice of each inference.
    scores : uint8 [k, classes].
    """
    if len(slices) < SLICES:
        return np.zeros(0, np.int64), np.zeros((0, 0), np.uint8)
    seen = np.lib.stride_tricks.sliding_window_view(slices, SLICES, axis=0)[::stride]
    parts = []
    for start in range(0, len(seen), 2048):
        rows = np.ascontiguousarray(seen[start : start + 2048].transpose(0, 2, 1)).reshape(-1, SLICES * slices.shape[1])
        parts.append((predict(rows).astype(np.int16) + 128).astype(np.uint8))
    when = np.arange(len(seen), dtype=np.int64) * stride + SLICES - 1
    return when, np.concatenate(parts)


def detect(when: npt.NDArray[np.int64], scores: Scores, rule: Rule) -> list[Detection]:
    """Return the words detected in a stream, in order of time.

    A word is detected where the sum of its last `window` scores is at least its threshold times `window`, and is the
    largest of those that are (of equal ones the first class); then nothing is detected for `suppression` slices.

    Parameters
    ----------
    when : int64 [k], the newest slice of each inference.
    scores : uint8 [k, classes].
    """
    if len(scores) < rule.window:
        return []
    total = np.cumsum(np.pad(scores.astype(np.int64), ((1, 0), (0, 0))), axis=0)
    summed = total[rule.window :] - total[: -rule.window]
    enough = np.array(rule.thresholds, np.int64) * rule.window
    passed = np.where(summed >= enough, summed, -1)
    best = passed.argmax(axis=1)
    candidates = np.flatnonzero(passed.max(axis=1) >= 0)
    times = when[rule.window - 1 :]
    found: list[Detection] = []
    free = -1
    for index in candidates:
        if times[index] > free:
            word = int(best[index])
            found.append(Detection(int(times[index]), word, int(summed[index, word]) // rule.window))
            free = int(times[index]) + rule.suppression
    return found
