"""What features are made into before the first layer: statistics of the training clips, kept in its weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from asr.core import audio
from asr.runtime.features import COEFFICIENTS, mfcc

Float = npt.NDArray[np.float32]

# Recordings above this rate fill most of the bands there are.
NARROW = 11025  # Hz

_CLIPS = 400  # listened to for the narrow transform
_RIDGE = 1e-3  # added to the variance of each coefficient
_LOWEST = 4000  # Hz
_LEAST = 1e-6  # variance that a coefficient is taken to have at least


def measure(features: Sequence[Float], bands: npt.NDArray[np.float64] | None = None) -> tuple[Float, Float]:
    """Return what brings features to zero mean and unit variance over all frames.

    Parameters
    ----------
    features : float32 [frames, 26] each.
    bands : [26, n]; it is features @ bands that are to be so.

    Returns
    -------
    mean : float32 [26].
    scale : float32 [26], 1 / standard deviation; with `bands` [26, n], for (features - mean) @ scale.
    """
    width = COEFFICIENTS if bands is None else bands.shape[1]
    total, banded, squares = np.zeros(COEFFICIENTS), np.zeros(width), np.zeros(width)
    count = 0
    for one in features:
        heard = one if bands is None else one @ bands
        total += one.sum(axis=0, dtype=np.float64)
        banded += heard.sum(axis=0, dtype=np.float64)
        squares += np.square(heard, dtype=np.float64).sum(axis=0)
        count += len(one)
    mean = total / max(count, 1)
    deviation = np.sqrt(np.maximum(squares / max(count, 1) - (banded / max(count, 1)) ** 2, _LEAST))
    scale = 1 / deviation if bands is None else bands / deviation
    return mean.astype(np.float32), scale.astype(np.float32)


def narrow(
    clips: Sequence[npt.NDArray[np.int16]], rate: int, bands: npt.NDArray[np.float64] | None = None
) -> tuple[Float, Float]:
    """Return a normalisation for clips that were recorded at a lower rate than the client hears at.

    Of their 40 mel bands those above the recorder's reach hold rounding noise, always alike. A cepstrum spans all
    bands: how loud a voice is against that noise is written over everything that tells sounds apart, in every
    coefficient, and differs from speaker to speaker. But the cepstra that the same sound has at the recorder's own
    rate are all but a linear function of these, which a first layer can hold.

    Parameters
    ----------
    clips : int16 [n] at 16 kHz.
    rate : of the recorder, Hz; below 4000 it is taken for 4000, where every mel channel still holds a frequency.
    bands : [26, n]; features @ bands are wanted at the lower rate.

    Returns
    -------
    mean : float32 [26].
    scale : float32 [26, 26 or n]: (features - mean) @ scale is the least squares estimate of the features at the
        lower rate, each of unit variance. Those of which there is none are left small.
    """
    rate = max(rate, _LOWEST)
    wide, low = [], []
    for number in np.unique(np.linspace(0, len(clips) - 1, _CLIPS).astype(int)):
        clip = clips[number]
        here = mfcc(clip, exact=False)
        there = mfcc(audio.to_int16(audio.resample(audio.to_float(clip), audio.SAMPLE_RATE, rate)), rate, exact=False)
        # Windows and steps last equally long; the last one is cut off at either rate in its own way.
        frames = min(len(here), len(there)) - 1
        wide.append(here[:frames])
        low.append(there[:frames] if bands is None else there[:frames] @ bands)
    x, y = (np.concatenate(one).astype(np.float64) for one in (wide, low))
    mean, centred = x.mean(axis=0), x - x.mean(axis=0)
    gram = centred.T @ centred / len(x) + _RIDGE * np.eye(COEFFICIENTS)
    transform = np.linalg.solve(gram, centred.T @ (y - y.mean(axis=0)) / len(x))
    deviation = np.sqrt(np.maximum(y.var(axis=0), _LEAST))
    return mean.astype(np.float32), (transform / deviation).astype(np.float32)
