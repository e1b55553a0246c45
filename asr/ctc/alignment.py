"""Where in the sound each label of a transcript lies: the likeliest way that CTC can write it (forced alignment)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from asr import audio
from asr.ctc.features import step_samples, window_samples


def align(logits: npt.NDArray[np.float32], labels: npt.NDArray[np.int32]) -> npt.NDArray[np.intp]:
    """Return the frame at which each label is likeliest on the best path, int [labels], rising.

    The Viterbi search through CTC's states: Graves et al., Connectionist Temporal Classification, 2006.

    Parameters
    ----------
    logits : float32 [frames, n_labels + 1], blank last.
    labels : int32 [labels], at least one.

    Raises
    ------
    ValueError : the frames are too few for the labels.
    """
    frames, blank = len(logits), logits.shape[1] - 1
    states = np.full(2 * len(labels) + 1, blank)
    states[1::2] = labels
    # A blank between two labels may be passed over, unless the labels are equal.
    skips = np.zeros(len(states), bool)
    skips[3::2] = labels[1:] != labels[:-1]
    exact = logits.astype(np.float64)
    emitted = (exact - np.logaddexp.reduce(exact, axis=1, keepdims=True))[:, states]
    score = np.full(len(states), -np.inf)
    score[:2] = emitted[0, :2]
    came_from = np.zeros((frames, len(states)), np.int8)
    for frame in range(1, frames):
        ways = np.full((3, len(states)), -np.inf)
        ways[0] = score
        ways[1, 1:] = score[:-1]
        ways[2, 2:] = np.where(skips[2:], score[:-2], -np.inf)
        came_from[frame] = ways.argmax(axis=0)
        score = ways.max(axis=0) + emitted[frame]
    state = len(states) - 1 if score[-1] >= score[-2] else len(states) - 2
    if not np.isfinite(score[state]):
        raise ValueError(f"{frames} frames are too few for {len(labels)} labels")
    path = np.empty(frames, np.intp)
    for frame in range(frames - 1, -1, -1):
        path[frame] = state
        state -= int(came_from[frame, state])
    found = np.empty(len(labels), np.intp)
    for index in range(len(labels)):
        (held,) = np.nonzero(path == 2 * index + 1)
        found[index] = held[emitted[held, 2 * index + 1].argmax()]
    return found


def spikes(
    network: Callable[..., Any], features: npt.NDArray[np.float32], labels: npt.NDArray[np.int32]
) -> npt.NDArray[np.intp]:
    """Return the sample at which a network is surest of each label of a clip, int [labels], rising.

    It has heard the label by then: that began some 50 to 100 ms before.

    Parameters
    ----------
    network : float32 [1, frames, 26] to logits float32 [1, frames, n_labels + 1].
    features : float32 [frames, 26] of the clip, at 16 kHz.
    """
    logits = np.asarray(network(features[np.newaxis], training=False))[0]
    return align(logits, labels) * step_samples(audio.SAMPLE_RATE) + window_samples(audio.SAMPLE_RATE) // 2
