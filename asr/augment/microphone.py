"""Microphone and channel effects: equalisation, band limits, clipping, mu-law and gain."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from asr.augment.spectrum import Float, convolve_short, minimum_phase
from asr.core.audio import SAMPLE_RATE

TELEPHONE = (300.0, 3400.0)  # Hz, ITU-T G.120's band
_BINS = 1025  # from 0 Hz to half the rate
_TAPS = 513
_LOUDEST = np.float32(0.999)  # of full scale


@functools.cache
def _octaves() -> Float:
    """Return the octaves of each bin above 1 kHz, with frequencies below 40 Hz taken as 40 Hz."""
    frequencies = np.linspace(0.0, SAMPLE_RATE / 2, _BINS)
    return np.asarray(np.log2(np.maximum(frequencies, 40.0) / 1000.0), np.float32)


def tilt(slope: float) -> Float:
    """Return a response that rises by `slope` dB an octave and is 1 at 1 kHz."""
    response: Float = np.power(np.float32(10.0), _octaves() * np.float32(slope / 20.0))
    return response


def peak(frequency: float, height: float, width: float) -> Float:
    """Return a response of `height` dB at `frequency` Hz that falls off over `width` octaves to each side."""
    away = (_octaves() - np.float32(np.log2(frequency / 1000.0))) / np.float32(width)
    return np.power(np.float32(10.0), np.float32(height / 20.0) * np.exp(np.float32(-0.5) * away * away))


def band(low: float, high: float, low_order: int = 4, high_order: int = 8) -> Float:
    """Return a Butterworth response for `low` to `high` Hz: -3 dB there, 6 dB an octave for each order."""
    frequencies = np.linspace(0.0, SAMPLE_RATE / 2, _BINS, dtype=np.float32)
    frequencies[0] = 1e-3
    falls = 1.0 + np.minimum(low / frequencies, 100.0) ** (2 * low_order)
    rises = 1.0 + (frequencies / np.float32(high)) ** (2 * high_order)
    return np.asarray(np.sqrt(1.0 / (falls * rises)), np.float32)


def colour(samples: Float, response: Float) -> Float:
    """Filter `samples` [n] with a minimum-phase response (magnitudes [1025])."""
    return convolve_short(samples, minimum_phase(response, _TAPS))


def overdrive(samples: Float, excess: float) -> Float:
    """Clip `samples` [n] at `excess` dB below their peak, then restore the peak level."""
    if samples.shape[0] == 0:
        return samples.copy()
    limit = np.abs(samples).max() * np.float32(10.0 ** (-excess / 20.0))
    clipped: Float = np.clip(samples, -limit, limit)
    return clipped * np.float32(10.0 ** (excess / 20.0))


@functools.cache
def mu_law_table() -> npt.NDArray[np.int16]:
    """Return each int16 value after G.711 mu-law coding: int16 [65536], indexed by value + 32768.

    ITU-T G.711: 14-bit magnitudes in eight segments of sixteen steps, each twice as coarse as the last.
    """
    values = np.arange(-32768, 32768)
    biased = np.minimum(np.abs(values >> 2), 8158) + 33
    segment = np.floor(np.log2(biased)).astype(np.int64) - 5
    step = (biased >> (segment + 1)) & 15
    magnitude = ((2 * step + 33) << segment) - 33
    # The standard has 14 bits, int16 four times its values.
    return np.asarray(np.where(values < 0, -magnitude, magnitude) * 4, np.int16)


def send_by_telephone(samples: Float) -> Float:
    """Return `samples` [n] after an 8 kHz telephone line with mu-law companding."""
    import soxr

    n = samples.shape[0]
    if n == 0:
        return samples.copy()
    sent = soxr.resample(samples, SAMPLE_RATE, 8000, quality="MQ")
    values = np.clip(np.rint(sent * np.float32(32768.0)), -32768, 32767).astype(np.int32)
    coded = mu_law_table()[values + 32768].astype(np.float32) / np.float32(32768.0)
    received = soxr.resample(coded, 8000, SAMPLE_RATE, quality="MQ")[:n]
    result = np.zeros(n, np.float32)
    result[: received.shape[0]] = received
    return result


def amplify(samples: Float, gain: float) -> Float:
    """Amplify `samples` by `gain` dB, or by less where the peaks would exceed full scale."""
    if samples.shape[0] == 0:
        return samples.copy()
    factor = np.float32(10.0 ** (gain / 20.0))
    loudest = np.maximum(samples.max(), -samples.min())
    if loudest * factor > _LOUDEST:
        factor = _LOUDEST / loudest
    return samples * factor
