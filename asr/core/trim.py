"""Find the start and end of the speech in a recording, by energy in four bands.

Levels are measured in 20 ms windows every 10 ms. Bands let a soft "f" or "s" at an end count as speech, quiet as it is
overall, and ignore hum. A band is active where its level is above both the user's threshold (relative to the loudest
part of the recording) and the band's noise floor, for longer than a click. A band in which speech hardly exceeds the
noise floor is ignored.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from asr.core.audio import SAMPLE_RATE

WINDOW = 320  # samples, 20 ms
HOP = 160  # samples, 10 ms
BANDS = (80.0, 500.0, 1500.0, 3500.0, 8000.0)  # Hz, edges; below is hum, wind and handling noise

_LOUD_FRAMES = 10  # the peak is the level reached for 0.1 s, which excludes clicks
_FLOOR_FRAMES = 50  # the quietest 0.5 s is the noise floor: longer than any consonant or pause in a word
_ABOVE_FLOOR = 9.0  # dB
_CONTRAST = 12.0  # dB from the floor to the loudest part; with less there is no pause to measure the floor in
_SHORTEST_RUN = 4  # windows; a click lasts two, and the filter rings into a third

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Bounds:
    """The speech of a recording."""

    start: int  # sample
    end: int  # sample, exclusive
    peak_db: float  # level of the loudest 0.1 s, dB relative to full scale


def find(samples: Samples, silence_db: float = -40.0) -> Bounds:
    """Return the bounds of the speech in samples [n] (16 kHz, full scale 1.0).

    Where nothing stands out, the whole recording is speech.

    Parameters
    ----------
    silence_db : dB, negative; levels this far below the loudest part are silence.
    """
    levels = band_levels(_without_hum(samples))
    total = 10 * np.log10(np.sum(10 ** (levels / 10), axis=1))
    peak = float(np.sort(total)[-min(_LOUD_FRAMES, total.size)])
    whole = Bounds(0, samples.shape[0], peak)
    active = np.zeros(total.size, dtype=bool)
    usable = False
    if total.size >= 2 * _FLOOR_FRAMES:
        for level in levels.T:
            floor = _floor(level)
            if float(np.sort(level)[-_LOUD_FRAMES]) - floor >= _CONTRAST:
                active |= _without_clicks(level > max(peak + silence_db, floor + _ABOVE_FLOOR))
                usable = True
    if not usable:
        # No pause to measure a noise floor in: only near-digital silence is cut.
        active = _without_clicks(total > peak + silence_db)
    frames = np.flatnonzero(active)
    if frames.size == 0:
        return whole
    start = int(frames[0]) * HOP
    end = min(int(frames[-1]) * HOP + WINDOW, samples.shape[0])
    return Bounds(start, end, peak)


def cut(samples: Samples, bounds: Bounds, margin: float) -> Samples:
    """Return the speech with up to `margin` seconds on each side."""
    extra = round(margin * SAMPLE_RATE)
    return samples[max(0, bounds.start - extra) : bounds.end + extra]


def band_levels(samples: Samples) -> npt.NDArray[np.float64]:
    """Return band levels, float64 [windows, bands] in dB; 0 dB is a full-scale square wave."""
    short = WINDOW - samples.shape[0]
    if short > 0:
        samples = np.pad(samples, (0, short))
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    shape = np.hanning(WINDOW).astype(np.float32)
    power = np.abs(np.fft.rfft(windows * shape, axis=1)) ** 2
    edges = np.round(np.array(BANDS) * WINDOW / SAMPLE_RATE).astype(int)
    edges[-1] = power.shape[1]
    sums = np.stack([power[:, a:b].sum(axis=1) for a, b in itertools.pairwise(edges)], axis=1)
    # Parseval: doubled for the one-sided spectrum, normalised by the window's energy to a mean square.
    mean_square = 2 * sums / (WINDOW * float(np.sum(shape.astype(np.float64) ** 2)))
    return np.asarray(10 * np.log10(mean_square + 1e-12), dtype=np.float64)


def _without_hum(samples: Samples) -> Samples:
    """Remove frequencies below the lowest band, which would leak into it."""
    from scipy import signal

    filter_ = signal.butter(4, BANDS[0], "highpass", fs=SAMPLE_RATE, output="sos")
    # Starts in the steady state of the first sample, or a DC offset would begin with a click.
    state = signal.sosfilt_zi(filter_) * (samples[0] if samples.size else 0.0)
    return np.asarray(signal.sosfilt(filter_, samples, zi=state)[0], dtype=np.float32)


def _floor(level: npt.NDArray[np.float64]) -> float:
    """Return the median level in dB of the quietest 0.5 s; the median ignores a click in it."""
    stretches = np.lib.stride_tricks.sliding_window_view(level, _FLOOR_FRAMES)
    return float(np.median(stretches[:: _FLOOR_FRAMES // 5], axis=1).min())


def _without_clicks(active: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Drop runs of fewer than _SHORTEST_RUN active windows."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], active.astype(np.int8), [0]])))
    kept = np.zeros_like(active)
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if end - start >= _SHORTEST_RUN:
            kept[start:end] = True
    return kept
