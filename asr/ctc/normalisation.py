"""Normalisation of features before the first layer: statistics of the training clips, kept in its weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from asr.core import audio
from asr.runtime.features import COEFFICIENTS, mfcc

Float = npt.NDArray[np.float32]

# Recordings above this rate fill most of the mel bands.
NARROW = 11025  # Hz

_CLIPS = 400  # used for the narrow-band transform
_RIDGE = 1e-3  # added to the variance of each coefficient
_LOWEST = 4000  # Hz
_LEAST = 1e-6  # least variance of a coefficient


def measure(features: Sequence[Float], bands: npt.NDArray[np.float64] | None = None) -> tuple[Float, Float]:
    """Return the mean and scale that give features zero mean and unit variance over all frames.

    Parameters
    ----------
    features : float32 [frames, 26] each.
    bands : [26, n]; features @ bands are normalised instead.

    Returns
    -------
    mean : float32 [26].
    scale : float32 [26], 1 / standard deviation; with `bands` [26, n], for (features - mean) @ scale.
    """
    width = COEFFICIENTS if bands is None else bands.shape[1]
    total, banded, squares = np.zeros(COEFFICIENTS), np.zeros(width), np.zeros(width)
    count = 0
    for one in features:
        values = one if bands is None else one @ bands
        total += one.sum(axis=0, dtype=np.float64)
        banded += values.sum(axis=0, dtype=np.float64)
        squares += np.square(values, dtype=np.float64).sum(axis=0)
        count += len(one)
    mean = total / max(count, 1)
    deviation = np.sqrt(np.maximum(squares / max(count, 1) - (banded / max(count, 1)) ** 2, _LEAST))
    scale = 1 / deviation if bands is None else bands / deviation
    return mean.astype(np.float32), scale.astype(np.float32)


def narrow(
    clips: Sequence[npt.NDArray[np.int16]], rate: int, bands: npt.NDArray[np.float64] | None = None
) -> tuple[Float, Float]:
    """Return a normalisation for clips that were recorded at a lower sample rate than the client's.

    Of their 40 mel bands, those above the recorder's Nyquist frequency hold constant rounding noise. A cepstrum spans
    all bands, so that the level of a voice above that noise, which differs from speaker to speaker, dominates every
    coefficient. But the cepstra of the same sound at the recorder's own rate are close to a linear function of these,
    which a first layer can hold.

    Parameters
    ----------
    clips : int16 [n] at 16 kHz.
    rate : of the recorder, Hz; below 4000, 4000 is used, the lowest at which every mel channel has a frequency.
    bands : [26, n]; the target is features @ bands at the lower rate.

    Returns
    -------
    mean : float32 [26].
    scale : float32 [26, 26 or n]: (features - mean) @ scale is the least squares estimate of the features at the
        lower rate, each of unit variance.
    """
    rate = max(rate, _LOWEST)
    wide, low = [], []
    for number in np.unique(np.linspace(0, len(clips) - 1, _CLIPS).astype(int)):
        clip = clips[number]
        here = mfcc(clip)
        there = mfcc(audio.to_int16(audio.resample(audio.to_float(clip), audio.SAMPLE_RATE, rate)), rate)
        # Windows and steps have the same duration at both rates; only the padded last window differs.
        frames = min(len(here), len(there)) - 1
        wide.append(here[:frames])
        low.append(there[:frames] if bands is None else there[:frames] @ bands)
    x, y = (np.concatenate(one).astype(np.float64) for one in (wide, low))
    mean, centred = x.mean(axis=0), x - x.mean(axis=0)
    gram = centred.T @ centred / len(x) + _RIDGE * np.eye(COEFFICIENTS)
    transform = np.linalg.solve(gram, centred.T @ (y - y.mean(axis=0)) / len(x))
    deviation = np.sqrt(np.maximum(y.var(axis=0), _LEAST))
    return mean.astype(np.float32), (transform / deviation).astype(np.float32)
