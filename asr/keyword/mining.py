"""Hard negatives: moments of other speech that a half trained network takes for a word, to learn from in turn.

A clip of other speech drawn at random is easily told from a word; the few that are not decide how often a device
speaks up unasked. So the network listens to hours of training speakers' other speech as it comes out of a
microphone, and what it mistakes joins its clips (bootstrapping, Sung and Poggio, 1998).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr.keyword.shards import Int8, Reader, Writer

SET = "other"  # the set that holds the streams' slices; label 1 marks the first slice of a piece
HARD = "hard"  # the set of the moments found
STRIDE = 2  # slices from one look to the next
_APART = 25  # slices; of mistakes closer together only the worst is taken
_LEAST = 0.05  # share of certainty for a word; less is no mistake worth learning from
_BATCH = 4096  # windows that go through the network at once

Predict = Callable[[Int8], npt.NDArray[np.float32]]


def pieces(streams: Reader) -> list[Int8]:
    """Return the slices of each piece of sound, int8 [n, channels]."""
    slices = streams.all()
    starts = np.flatnonzero(streams.labels == 1)
    return np.split(slices, starts[1:]) if len(starts) else []


def worst(certainty: npt.NDArray[np.float64], apart: int) -> npt.NDArray[np.int64]:
    """Return the places of the largest values, largest first, none closer than `apart` to a larger one."""
    order = np.argsort(-certainty, kind="stable")
    free = np.ones(len(certainty), bool)
    found = []
    for place in order:
        if certainty[place] < _LEAST:
            break
        if free[place]:
            found.append(int(place))
            free[max(0, place - apart + 1) : place + apart] = False
    return np.array(found, np.int64)


def mine(streams: Reader, predict: Predict, slices: int, folder: Path, most: int) -> int:
    """Write the moments of the streams that the network is surest are a word as the set `hard`, labelled unknown.

    Parameters
    ----------
    streams : the set `other`.
    predict : rows int8 [n, slices * channels] to logits float32 [n, classes]; silence and unknown come first.
    slices : of a window.
    folder : where the set is written; an earlier one is replaced.
    most : moments to take.

    Returns
    -------
    How many there are.
    """
    found: list[tuple[float, Int8]] = []
    for piece in pieces(streams):
        if len(piece) < slices:
            continue
        windows = np.lib.stride_tricks.sliding_window_view(piece, slices, axis=0)[::STRIDE]
        certainty = []
        for start in range(0, len(windows), _BATCH):
            rows = _rows(windows[start : start + _BATCH])
            logits = predict(rows).astype(np.float64)
            likely = np.exp(logits - logits.max(axis=1, keepdims=True))
            certainty.append(likely[:, 2:].max(axis=1) / likely.sum(axis=1))
        each = np.concatenate(certainty)
        found += [(float(each[place]), _rows(windows[place : place + 1])) for place in worst(each, _APART // STRIDE)]
    found.sort(key=lambda pair: -pair[0])
    writer = Writer(folder, HARD, slices * streams.rows(np.zeros(min(1, len(streams)), np.int64)).shape[1])
    for _, row in found[:most]:
        writer.add(row, [1])
    writer.close()
    return len(found[:most])


def _rows(windows: Int8) -> Int8:
    """Return windows int8 [n, channels, slices] as the network takes them."""
    return np.ascontiguousarray(windows.transpose(0, 2, 1)).reshape(len(windows), -1)
