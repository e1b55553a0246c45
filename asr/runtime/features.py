"""Mel-frequency cepstral coefficients as the client's graph computes them, to the last bit.

The reference is TensorFlow's AudioSpectrogram and Mfcc kernels, which the DeepSpeech client runs on one
window at a time. Every sum below, the Fourier transform's in rdft.py included, therefore runs in the order of
those kernels, in float64, and rounds to float32 where they do. The mel filterbank follows TensorFlow's
mfcc_mel_filterbank.cc (Apache-2.0; see NOTICE).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import scipy.fft

from asr.runtime.rdft import LEAST_POINTS, rdft

WINDOW_MS = 32  # length of an analysis window
STEP_MS = 20  # from one window to the next
COEFFICIENTS = 26  # cepstral coefficients a frame
CONTEXT = 9  # frames of context on either side of a frame
MEL_CHANNELS = 40
LOWEST_HZ = 20.0  # lower edge of the first mel channel; the upper edge of the last is half the sample rate
WINDOW_FRAMES = 2 * CONTEXT + 1  # frames that the first layer takes
FLOOR = 1e-12  # least energy of a channel, before the logarithm

# TensorFlow's threads flush smaller powers to zero, which a constant of one step shows at 48 kHz.
_TINY = np.finfo(np.float32).tiny

# Frames computed together: large enough to hide NumPy's cost per call, small enough for the cache.
_BLOCK = 256

Samples = npt.NDArray[np.int16] | npt.NDArray[np.float32]


@dataclass(frozen=True)
class _Tables:
    """Constants of one sample rate."""

    window: int  # samples
    step: int  # samples
    fft: int  # points of the Fourier transform
    hann: npt.NDArray[np.float64]  # [window, 1]
    right: npt.NDArray[np.float64]  # [bins, 1]: share of a bin that its own channel's falling edge takes
    order: npt.NDArray[np.intp]  # [terms, channels]: rows to add up, see _energies
    cosines: npt.NDArray[np.float64]  # [channels, coefficients, 1]
    weights: npt.NDArray[np.float64]  # [bins, channels]: what `order` adds up, as a matrix


def window_samples(sample_rate: int) -> int:
    """Return the samples of one window, rounded down as the client does."""
    return sample_rate * WINDOW_MS // 1000


def step_samples(sample_rate: int) -> int:
    """Return the samples from one window to the next, rounded down as the client does."""
    return sample_rate * STEP_MS // 1000


def frame_count(n_samples: int, sample_rate: int = 16000) -> int:
    """Return how many frames the client makes of a whole recording of `n_samples` samples.

    One for each full window, and one more: at the end of a stream the client always computes what is left in
    its buffer, padded with zeros. The buffer keeps the samples that windows share, so that this last frame
    hears the last 12 ms at least once more; of an empty recording it is one frame of silence.
    """
    window, step = window_samples(sample_rate), step_samples(sample_rate)
    return 1 if n_samples < window else 2 + (n_samples - window) // step


def mfcc(samples: Samples, sample_rate: int = 16000, *, exact: bool = True) -> npt.NDArray[np.float32]:
    """Return the features that the client hears in a whole recording.

    Parameters
    ----------
    samples : int16 or float32 [n], float32 in [-1, 1). The client is given int16, so float32 samples that
        were never rounded to 1/32768 give features that no client will ever see; close, but not the same.
    sample_rate : Hz. The client's own rate is in its model; 16000 unless trained otherwise.
    exact : False: the same sums in whatever order is fastest, which moves features by about a millionth.

    Returns
    -------
    float32 [frame_count(n, sample_rate), 26] : window 0.032 s, step 0.020 s, coefficient 0 included. The last
        frame is the client's zero-padded one.

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
    windows = np.lib.stride_tricks.sliding_window_view(padded, tables.window)[:: tables.step].T
    if not exact:
        return _fast(windows.T, tables)
    features = np.empty((frames, COEFFICIENTS), dtype=np.float32)
    for first in range(0, frames, _BLOCK):
        block = slice(first, first + _BLOCK)
        features[block] = _cepstra(_energies(windows[:, block], tables), tables).T
    return features


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


def _energies(windows: npt.NDArray[np.float64], tables: _Tables) -> npt.NDArray[np.float64]:
    """Return the mel channels' energies, float64 [channels, frames], of windows float64 [window, frames]."""
    bins, frames = len(tables.right), windows.shape[1]
    padded = np.zeros((tables.fft, frames))
    np.multiply(windows, tables.hann, out=padded[: tables.window])
    spectrum = rdft(padded)
    power = (spectrum[:, 0] ** 2 + spectrum[:, 1] ** 2).astype(np.float32)
    power[power < _TINY] = 0.0
    # Rows: the bins' falling shares, their rising shares, and a row of zeros that pads short sums.
    shares = np.empty((2 * bins + 1, frames))
    magnitude = np.sqrt(power.astype(np.float64))
    np.multiply(magnitude, tables.right, out=shares[:bins])
    np.subtract(magnitude, shares[:bins], out=shares[bins:-1])
    shares[-1] = 0.0
    energies: npt.NDArray[np.float64] = shares[tables.order[0]]
    for rows in tables.order[1:]:
        energies += shares[rows]
    return energies


def _fast(windows: npt.NDArray[np.float64], tables: _Tables) -> npt.NDArray[np.float32]:
    """Return features float32 [frames, coefficients] of windows float64 [frames, window]."""
    spectrum = scipy.fft.rfft(windows * tables.hann[:, 0], tables.fft)
    power = spectrum.real**2 + spectrum.imag**2
    power[power < _TINY] = 0.0
    energies = np.sqrt(power) @ tables.weights
    cepstra: npt.NDArray[np.float64] = np.log(np.maximum(energies, FLOOR)) @ tables.cosines[:, :, 0]
    return cepstra.astype(np.float32)


def _cepstra(energies: npt.NDArray[np.float64], tables: _Tables) -> npt.NDArray[np.float64]:
    """Return the cosine transform of the logarithms, float64 [coefficients, frames]."""
    # NumPy's logarithm is at times a last bit off the C library's, far below what float32 keeps of the sum.
    logs = np.log(np.maximum(energies, FLOOR))
    cepstra: npt.NDArray[np.float64] = tables.cosines[0] * logs[0]
    for cosines, log in zip(tables.cosines[1:], logs[1:], strict=True):
        cepstra += cosines * log
    return cepstra


def channel_edge(channel: int, sample_rate: int = 16000) -> float:
    """Return the frequency, Hz, halfway on the mel scale between a channel, from 0, and the one below it."""
    lowest = _mel(LOWEST_HZ)
    spacing = (_mel(sample_rate / 2) - lowest) / (MEL_CHANNELS + 1)
    return 700.0 * math.expm1((lowest + spacing * (channel + 0.5)) / 1127.0)


def _mel(hertz: float) -> float:
    return 1127.0 * math.log1p(hertz / 700.0)


@lru_cache(maxsize=16)
def _tables(sample_rate: int) -> _Tables:
    """Compute the tables of a sample rate; with `math`, whose last bit does not depend on NumPy's build."""
    window, step = window_samples(sample_rate), step_samples(sample_rate)
    fft = 1 << (window - 1).bit_length() if window > 0 else 0
    if fft < LEAST_POINTS:
        raise ValueError(f"a sample rate of {sample_rate} Hz is too low for windows of {WINDOW_MS} ms")
    hann = [0.5 - 0.5 * math.cos(2.0 * math.pi * i / window) for i in range(window)]
    right, order = _filterbank(sample_rate, fft // 2 + 1)
    norm, arc = math.sqrt(2.0 / MEL_CHANNELS), math.pi / MEL_CHANNELS
    cosines = [
        [[norm * math.cos(i * arc * (j + 0.5))] for i in range(COEFFICIENTS)] for j in range(MEL_CHANNELS)
    ]
    weights = np.zeros((len(right), MEL_CHANNELS))
    for channel, rows in enumerate(order.T):
        for row in rows[rows < 2 * len(right)]:
            bin_ = row % len(right)
            weights[bin_, channel] = right[bin_] if row < len(right) else 1 - right[bin_]
    return _Tables(
        window,
        step,
        fft,
        np.array(hann)[:, np.newaxis],
        np.array(right)[:, np.newaxis],
        order,
        np.array(cosines),
        weights,
    )


def _filterbank(sample_rate: int, bins: int) -> tuple[list[float], npt.NDArray[np.intp]]:
    """Return each bin's falling share and, for each channel, the rows of `_energies` that make it up.

    Triangles on the mel scale, each rising from the centre below to its own and falling to the one above: a
    bin between two centres is shared between them. A channel's sum runs over the bins from low to high, so
    that the rising shares come before the falling ones.
    """
    highest = sample_rate / 2.0
    lowest = _mel(LOWEST_HZ)
    spacing = (_mel(highest) - lowest) / (MEL_CHANNELS + 1)
    centres = [lowest + spacing * (i + 1) for i in range(MEL_CHANNELS + 1)]
    hertz_per_bin = 0.5 * sample_rate / (bins - 1)
    first, last = int(1.5 + LOWEST_HZ / hertz_per_bin), int(highest / hertz_per_bin)
    right = [0.0] * bins
    terms: list[list[int]] = [[] for _ in range(MEL_CHANNELS)]
    above = 0  # the first channel whose centre is not below the bin
    for i in range(first, min(last, bins - 1) + 1):
        mel = _mel(i * hertz_per_bin)
        while above < MEL_CHANNELS and centres[above] < mel:
            above += 1
        below = centres[above - 1] if above else lowest
        right[i] = (centres[above] - mel) / (centres[above] - below)
        if above:
            terms[above - 1].append(i)
        if above < MEL_CHANNELS:
            terms[above].append(bins + i)
    longest = max(len(rows) for rows in terms)
    padded = [rows + [2 * bins] * (longest - len(rows)) for rows in terms]
    return right, np.array(padded, dtype=np.intp).T.copy()
