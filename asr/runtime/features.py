"""Mel-frequency cepstral coefficients in NumPy, equal to the client's within 1e-5, and their constants.

The reference is TensorFlow's AudioSpectrogram and Mfcc ops, which the DeepSpeech client runs window by window; training
calls the same ops (asr.ctc.features). The mel filterbank follows TensorFlow's mfcc_mel_filterbank.cc (Apache-2.0; see
NOTICE). This module imports NumPy alone, so that a device needs nothing else.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

WINDOW_MS = 32  # length of an analysis window
STEP_MS = 20  # from one window to the next
COEFFICIENTS = 26  # cepstral coefficients a frame
CONTEXT = 9  # frames of context on either side of a frame
WINDOW_FRAMES = 2 * CONTEXT + 1  # frames that the first layer takes
MEL_CHANNELS = 40
LOWEST_HZ = 20.0  # lower edge of the first mel channel; the upper edge of the last is half the sample rate
FLOOR = 1e-12  # least energy of a channel, before the logarithm

_LEAST_FFT = 16  # points; the filterbank needs some bins

# TensorFlow's threads flush smaller powers to zero; a constant of one step at 48 kHz has such powers.
_TINY = np.finfo(np.float32).tiny

Samples = npt.NDArray[np.int16] | npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Tables:
    """Constants of one sample rate."""

    window: int  # samples
    step: int  # samples
    fft: int  # points of the Fourier transform
    hann: Float64  # [window]
    filterbank: Float64  # [bins, channels]
    dct: Float64  # [channels, coefficients]


def window_samples(sample_rate: int) -> int:
    """Return the samples of one window, rounded down as the client does."""
    return sample_rate * WINDOW_MS // 1000


def step_samples(sample_rate: int) -> int:
    """Return the samples from one window to the next, rounded down as the client does."""
    return sample_rate * STEP_MS // 1000


def frame_count(n_samples: int, sample_rate: int = 16000) -> int:
    """Return the number of frames that the client computes for a whole recording of `n_samples` samples.

    One for each full window, and one more: at the end of a stream the client always computes a window of the samples
    left in its buffer, padded with zeros. The buffer keeps the samples that windows share, so the last frame covers the
    last 12 ms at least twice; an empty recording has one frame of silence.
    """
    window, step = window_samples(sample_rate), step_samples(sample_rate)
    return 1 if n_samples < window else 2 + (n_samples - window) // step


def pad_samples(samples: Samples, sample_rate: int = 16000) -> Float64:
    """Return samples in [-1, 1) with zeros appended, so that all frames are full windows: float64 [n].

    Raises
    ------
    ValueError : `samples` is not one-dimensional int16 or float32, or the rate is too low for a window.
    """
    if samples.ndim != 1 or samples.dtype not in (np.int16, np.float32):
        raise ValueError(f"samples must be int16 or float32 [n], not {samples.dtype} {list(samples.shape)}")
    tables = _tables(sample_rate)
    frames = frame_count(len(samples), sample_rate)
    padded = np.zeros((frames - 1) * tables.step + tables.window, dtype=np.float64)
    padded[: len(samples)] = samples
    if samples.dtype == np.int16:
        padded *= 1 / 32768
    return padded


def mfcc(samples: Samples, sample_rate: int = 16000) -> npt.NDArray[np.float32]:
    """Return the features that the client computes for a whole recording.

    Parameters
    ----------
    samples : int16 or float32 [n], float32 in [-1, 1). The client takes int16; float32 samples that were not rounded
        to 1/32768 give slightly other features.
    sample_rate : Hz. The client's rate is in its model; 16000 unless trained otherwise.

    Returns
    -------
    float32 [frame_count(n, sample_rate), 26] : window 0.032 s, step 0.020 s, coefficient 0 included. The last
        frame is the client's zero-padded one.

    Raises
    ------
    ValueError : as `pad_samples`.
    """
    return _cepstra(pad_samples(samples, sample_rate), _tables(sample_rate))


class MfccStream:
    """The features of `mfcc`, while the samples come in.

    Parameters
    ----------
    sample_rate : Hz.
    """

    def __init__(self, sample_rate: int = 16000) -> None:
        self._tables = _tables(sample_rate)
        self._rest = np.zeros(0)

    def copy(self) -> MfccStream:
        """Return a stream that has taken the same, and goes its own way from here."""
        return copy.copy(self)  # no array of it is ever changed in place

    def accept(self, samples: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
        """Return the frames of the windows that are full now: int16 [n] to float32 [t, 26]."""
        tables = self._tables
        waiting = np.concatenate((self._rest, samples / 32768))
        count = max(0, 1 + (len(waiting) - tables.window) // tables.step)
        self._rest = waiting[count * tables.step :]
        if not count:
            return np.zeros((0, COEFFICIENTS), np.float32)
        return _cepstra(waiting[: (count - 1) * tables.step + tables.window], tables)

    def finish(self) -> npt.NDArray[np.float32]:
        """Return the last frame of a recording that ends here, float32 [1, 26]; the stream can go on."""
        padded = np.zeros(self._tables.window)
        padded[: len(self._rest)] = self._rest
        return _cepstra(padded, self._tables)


def _cepstra(samples: Float64, tables: _Tables) -> npt.NDArray[np.float32]:
    """Return the frames of float64 [n] in [-1, 1), which full windows cover."""
    windows = np.lib.stride_tricks.sliding_window_view(samples, tables.window)[:: tables.step]
    spectrum = np.fft.rfft(windows * tables.hann, tables.fft)
    power = spectrum.real**2 + spectrum.imag**2
    power[power < _TINY] = 0.0
    energies = np.sqrt(power) @ tables.filterbank
    cepstra: Float64 = np.log(np.maximum(energies, FLOOR)) @ tables.dct
    return cepstra.astype(np.float32)


def context_windows(features: npt.NDArray[np.float32], context: int = CONTEXT) -> npt.NDArray[np.float32]:
    """Return each frame with its neighbours, as the client feeds them to the network.

    Parameters
    ----------
    features : float32 [frames, coefficients].
    context : frames on either side; beyond the ends they are zeros.

    Returns
    -------
    float32 [frames, (2 * context + 1) * coefficients] : earliest frame first.
    """
    frames, coefficients = features.shape
    padded = np.zeros((frames + 2 * context, coefficients), dtype=np.float32)
    padded[context : context + frames] = features
    view = np.lib.stride_tricks.sliding_window_view(padded.reshape(-1), (2 * context + 1) * coefficients)
    return np.ascontiguousarray(view[::coefficients])


def channel_edge(channel: int, sample_rate: int = 16000) -> float:
    """Return the frequency, Hz, halfway on the mel scale between a channel, from 0, and the one below it."""
    lowest = _mel(LOWEST_HZ)
    spacing = (_mel(sample_rate / 2) - lowest) / (MEL_CHANNELS + 1)
    return 700.0 * math.expm1((lowest + spacing * (channel + 0.5)) / 1127.0)


def _mel(hertz: float) -> float:
    return 1127.0 * math.log1p(hertz / 700.0)


@lru_cache(maxsize=16)
def _tables(sample_rate: int) -> _Tables:
    """Return the tables of a sample rate, computed with `math`, whose last bit does not depend on NumPy's build."""
    window, step = window_samples(sample_rate), step_samples(sample_rate)
    fft = 1 << (window - 1).bit_length() if window > 0 else 0
    if fft < _LEAST_FFT:
        raise ValueError(f"a sample rate of {sample_rate} Hz is too low for windows of {WINDOW_MS} ms")
    hann = [0.5 - 0.5 * math.cos(2.0 * math.pi * i / window) for i in range(window)]
    norm, arc = math.sqrt(2.0 / MEL_CHANNELS), math.pi / MEL_CHANNELS
    dct = [[norm * math.cos(i * arc * (j + 0.5)) for i in range(COEFFICIENTS)] for j in range(MEL_CHANNELS)]
    return _Tables(window, step, fft, np.array(hann), _filterbank(sample_rate, fft // 2 + 1), np.array(dct))


def _filterbank(sample_rate: int, bins: int) -> Float64:
    """Return the weight of each bin in each mel channel, float64 [bins, MEL_CHANNELS].

    Triangles on the mel scale, each rising from the centre below to its own and falling to the one above: a bin between
    two centres is shared between their channels.
    """
    highest = sample_rate / 2.0
    lowest = _mel(LOWEST_HZ)
    spacing = (_mel(highest) - lowest) / (MEL_CHANNELS + 1)
    centres = [lowest + spacing * (i + 1) for i in range(MEL_CHANNELS + 1)]
    hertz_per_bin = 0.5 * sample_rate / (bins - 1)
    first, last = int(1.5 + LOWEST_HZ / hertz_per_bin), int(highest / hertz_per_bin)
    weights = np.zeros((bins, MEL_CHANNELS))
    above = 0  # the first channel whose centre is not below the bin
    for i in range(first, min(last, bins - 1) + 1):
        mel = _mel(i * hertz_per_bin)
        while above < MEL_CHANNELS and centres[above] < mel:
            above += 1
        below = centres[above - 1] if above else lowest
        falling = (centres[above] - mel) / (centres[above] - below)
        if above:
            weights[i, above - 1] = falling
        if above < MEL_CHANNELS:
            weights[i, above] = 1 - falling
    return weights
