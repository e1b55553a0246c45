"""SpecAugment for the client's features: stretches of time and bands of frequency hidden behind the mean."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from asr.augment.spectrum import Float
from asr.settings.augment import Augment

MEL_BANDS = 40  # of the client's Mfcc op
FRAME_STEP = 0.020  # s


@dataclass(frozen=True)
class Hidden:
    """What masks hide of an utterance.

    Attributes
    ----------
    stretches : first frame and the one after the last of each; they may overlap.
    bands : first mel band and the one after the last of each; they may overlap.
    """

    stretches: tuple[tuple[int, int], ...]
    bands: tuple[tuple[int, int], ...]


@functools.cache
def _cosines(coefficients: int) -> tuple[Float, Float]:
    """Return the DCT of the client's Mfcc op, [40, coefficients], and its transposed inverse."""
    bands, orders = np.arange(MEL_BANDS), np.arange(coefficients)
    forward = np.sqrt(2.0 / MEL_BANDS) * np.cos(np.pi / MEL_BANDS * np.outer(bands + 0.5, orders))
    # Its coefficient 0 is a factor of sqrt(2) above the orthonormal transform's.
    backward = forward.copy()
    backward[:, 0] *= 0.5
    return forward.astype(np.float32), backward.astype(np.float32)


def hide(features: Float, rng: np.random.Generator, settings: Augment) -> Float:
    """Return a copy of `features` with random parts replaced by the utterance's mean.

    Park et al., SpecAugment (Interspeech 2019). Bands of frequency are hidden in the mel spectrum that the
    coefficients stand for, and the change is carried back: a masked coefficient would be no band of anything.

    Parameters
    ----------
    features : float32 [frames, coefficients], MFCCs as the client computes them, before any normalisation.
    rng : generator; equal ones hide equal parts.
    settings : counts and sizes. Together the stretches of time stay below `time_mask_share` of the utterance,
        so a word of 0.4 s loses two or three frames and never itself.
    """
    frames, coefficients = features.shape
    hidden = features.copy()
    if frames == 0:
        return hidden
    parts = choose(frames, rng, settings)
    mean = features.mean(axis=0, dtype=np.float64).astype(np.float32)
    for first, last in parts.stretches:
        hidden[first:last] = mean
    forward, backward = _cosines(coefficients)
    for low, high in parts.bands:
        rows = slice(low, high)
        hidden += ((mean - hidden) @ backward[rows].T) @ forward[rows]
    return hidden


def choose(frames: int, rng: np.random.Generator, settings: Augment) -> Hidden:
    """Draw what `hide` hides of an utterance of one frame or more."""
    left = int(frames * settings.time_mask_share)
    longest = round(settings.time_mask_longest / FRAME_STEP)
    stretches = []
    for _ in range(settings.time_masks):
        width = int(rng.integers(0, min(longest, left) + 1))
        first = int(rng.integers(0, frames - width + 1))
        if width:
            stretches.append((first, first + width))
        left -= width
    bands = []
    for _ in range(settings.frequency_masks):
        width = int(rng.integers(0, settings.frequency_mask_widest + 1))
        low = int(rng.integers(0, MEL_BANDS - width + 1))
        if width:
            bands.append((low, low + width))
    return Hidden(tuple(stretches), tuple(bands))
