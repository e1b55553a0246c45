"""SpecAugment for the client's features: time and frequency masks filled with the mean."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from asr.augment.spectrum import Float
from asr.settings.augment import Augment

MEL_BANDS = 40  # of the client's Mfcc op
FRAME_STEP = 0.020  # s


@dataclass(frozen=True)
class Masks:
    """Time and frequency masks of an utterance; they may overlap."""

    times: tuple[tuple[int, int], ...]  # first frame and end of each, end exclusive
    bands: tuple[tuple[int, int], ...]  # first mel band and end of each, end exclusive


@functools.cache
def _cosines(coefficients: int) -> tuple[Float, Float]:
    """Return the DCT of the client's Mfcc op, float32 [40, coefficients], and its transposed inverse."""
    bands, orders = np.arange(MEL_BANDS), np.arange(coefficients)
    forward = np.sqrt(2.0 / MEL_BANDS) * np.cos(np.pi / MEL_BANDS * np.outer(bands + 0.5, orders))
    # Coefficient 0 is sqrt(2) times that of the orthonormal transform.
    backward = forward.copy()
    backward[:, 0] *= 0.5
    return forward.astype(np.float32), backward.astype(np.float32)


def apply_masks(features: Float, rng: np.random.Generator, settings: Augment) -> Float:
    """Return `features` with random masks filled with the utterance's mean.

    SpecAugment (Park et al., Interspeech 2019). Frequency masks are applied to the mel spectrum and transformed back,
    because a cepstral coefficient is not a band.

    Parameters
    ----------
    features : float32 [frames, coefficients], the client's MFCCs before normalisation.
    rng : the same state gives the same masks.
    settings : numbers and sizes. Time masks cover at most `time_mask_share` of the utterance, so that a word of 0.4 s
        loses two or three frames.
    """
    frames, coefficients = features.shape
    masked = features.copy()
    if frames == 0:
        return masked
    masks = draw_masks(frames, rng, settings)
    mean = features.mean(axis=0, dtype=np.float64).astype(np.float32)
    for first, last in masks.times:
        masked[first:last] = mean
    forward, backward = _cosines(coefficients)
    for low, high in masks.bands:
        rows = slice(low, high)
        masked += ((mean - masked) @ backward[rows].T) @ forward[rows]
    return masked


def draw_masks(frames: int, rng: np.random.Generator, settings: Augment) -> Masks:
    """Draw the masks of `apply_masks` for an utterance of one frame or more."""
    left = int(frames * settings.time_mask_share)
    longest = round(settings.time_mask_longest / FRAME_STEP)
    times = []
    for _ in range(settings.time_masks):
        width = int(rng.integers(0, min(longest, left) + 1))
        first = int(rng.integers(0, frames - width + 1))
        if width:
            times.append((first, first + width))
        left -= width
    bands = []
    for _ in range(settings.frequency_masks):
        width = int(rng.integers(0, settings.frequency_mask_widest + 1))
        low = int(rng.integers(0, MEL_BANDS - width + 1))
        if width:
            bands.append((low, low + width))
    return Masks(tuple(times), tuple(bands))
