"""Cut a long recording at its silences into takes.

The sound is speech where one of four bands is above the band's noise floor (as in `asr.core.trim`, whose bands these
are): bands let soft consonants count and keep hum out. The floor of a band is a low quantile of its smoothed level,
which the pauses between takes reach. There is hysteresis: one level above the floor opens a take, a lower one holds it.
Gaps shorter than a pause are part of a take, and what is shorter than a word is a click.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from asr.core import trim
from asr.core.audio import SAMPLE_RATE

Float = npt.NDArray[np.float32]
Bool = npt.NDArray[np.bool_]

_FLOOR = 0.1  # quantile of a band's level: a tenth of a recording at least is pauses
_LOUD = 0.98  # quantile that is its loudest part
_SMOOTHED = 3  # windows of 10 ms
_OPENS, _HOLDS = 7.0, 2.0  # dB above the floor
_DEPTH = 60.0  # dB below the loudest part; what is quieter belongs to no take, however quiet the room
_CONTRAST = 10.0  # dB from the floor to the loudest part; a band with less says nothing


@dataclass(frozen=True)
class Take:
    """The speech of one take, in samples at 16 kHz; `end` is exclusive."""

    start: int
    end: int


def find_takes(samples: Float, pause: float = 0.25, shortest: float = 0.12) -> list[Take]:
    """Return the takes of a recording in order; none where it holds no speech.

    Parameters
    ----------
    samples : float32 [n] at 16 kHz, full scale 1.0.
    pause : s; a shorter gap is part of a take.
    shortest : s of speech; what is shorter is a click.
    """
    if not len(samples):
        return []
    levels = _smooth(trim.band_levels(samples))
    holds, opens = np.zeros(len(levels), bool), np.zeros(len(levels), bool)
    total = 10 * np.log10(np.sum(10 ** (levels / 10), axis=1))
    loudest = float(np.quantile(total, _LOUD))
    for level in levels.T:
        floor = float(np.quantile(level, _FLOOR))
        if float(np.quantile(level, _LOUD)) - floor >= _CONTRAST:
            holds |= level > max(floor + _HOLDS, loudest - _DEPTH)
            opens |= level > max(floor + _OPENS, loudest - _DEPTH)
    runs = [(first, last) for first, last in _runs(holds) if opens[first:last].any()]
    joined: list[tuple[int, int]] = []
    for first, last in runs:
        if joined and (first - joined[-1][1]) * trim.HOP < pause * SAMPLE_RATE:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    found = [Take(first * trim.HOP, min((last - 1) * trim.HOP + trim.WINDOW, len(samples))) for first, last in joined]
    return [take for take in found if take.end - take.start >= shortest * SAMPLE_RATE]


def with_margins(takes: list[Take], length: int, margin: float = 0.25) -> list[Take]:
    """Return takes with up to `margin` seconds of sound around them, so that none overlaps another.

    Parameters
    ----------
    length : samples of the recording.
    """
    extra = round(margin * SAMPLE_RATE)
    if not takes:
        return []
    middles = [0, *((one.end + other.start) // 2 for one, other in itertools.pairwise(takes)), length]
    return [
        Take(max(take.start - extra, before), min(take.end + extra, after))
        for take, before, after in zip(takes, middles, middles[1:], strict=False)
    ]


def _smooth(levels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return levels of the mean power over a few windows: float64 [windows, bands], dB."""
    power = 10 ** (levels / 10)
    ends = np.pad(power, ((_SMOOTHED // 2, _SMOOTHED // 2), (0, 0)), mode="edge")
    means = np.lib.stride_tricks.sliding_window_view(ends, _SMOOTHED, axis=0).mean(axis=-1)
    return np.asarray(10 * np.log10(means + 1e-12))


def _runs(active: Bool) -> list[tuple[int, int]]:
    """Return the stretches of True, first and last exclusive."""
    edges = np.flatnonzero(np.diff(active, prepend=False, append=False))
    return [(int(first), int(last)) for first, last in zip(edges[::2], edges[1::2], strict=True)]
