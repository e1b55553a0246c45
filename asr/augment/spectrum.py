"""Signal processing shared by the effects: transforms, filters, levels and slow random curves."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.fft

from asr.core.audio import SAMPLE_RATE

Float = npt.NDArray[np.float32]
Complex = npt.NDArray[np.complex64]

ACTIVITY_MARGIN = 15.9  # dB, of ITU-T P.56: speech is louder than the active level less this margin
LEVEL_FRAME = 160  # samples, 10 ms
_CURVE_STEP = 128  # samples between the corners of a curve, 8 ms


def fast_length(n: int) -> int:
    """Return a transform length of at least `n` that is a power of two times 4, 5, 6 or 7.

    For our lengths this is up to a third faster than SciPy's next_fast_len, which allows any small factors.
    """
    if n <= 16:
        return 16
    power = 1 << (max(n - 1, 1).bit_length() - 3)
    return next(power * factor for factor in (4, 5, 6, 7, 8) if power * factor >= n)


def frame_powers(samples: Float) -> Float:
    """Return the mean power of each 10 ms of `samples`, float32 [max(1, n // 160)]."""
    whole = samples.shape[0] // LEVEL_FRAME
    if whole == 0:
        return np.array([np.mean(samples**2)], np.float32) if samples.shape[0] else np.zeros(1, np.float32)
    frames = samples[: whole * LEVEL_FRAME].reshape(whole, LEVEL_FRAME)
    powers: Float = np.einsum("ij,ij->i", frames, frames) / np.float32(LEVEL_FRAME)
    return powers


def active_power(samples: Float) -> float:
    """Return the active speech level of `samples` [n] as a mean power; 0.0 for silence.

    As in ITU-T P.56, the mean over the frames that are at most 15.9 dB below that mean, so that silence around the
    speech does not count.
    """
    powers = frame_powers(samples)
    level = float(powers.max())
    threshold = 10.0 ** (-ACTIVITY_MARGIN / 10.0)
    for _ in range(8):
        previous = level
        level = float(powers[powers >= level * threshold].mean()) if level > 0 else 0.0
        if level <= 0.0 or abs(level - previous) < 1e-3 * level:
            break
    return level


def convolve_short(samples: Float, taps: Float) -> Float:
    """Filter `samples` [n] with a causal impulse response of at most 1025 taps; the result is [n] too."""
    n, reach = samples.shape[0], taps.shape[0] - 1
    if n == 0:
        return samples.copy()
    # Measured: four times the filter, but at least 2048, is fastest.
    block = 2048 if reach <= 520 else 4096
    step = block - reach
    blocks = -(-n // step)
    padded = np.zeros(blocks * step, np.float32)
    padded[:n] = samples
    response = scipy.fft.rfft(taps.astype(np.float32), block)
    spectra = scipy.fft.rfft(padded.reshape(blocks, step), block, axis=1)
    spectra *= response
    pieces = scipy.fft.irfft(spectra, block, axis=1, overwrite_x=True)
    pieces[1:, :reach] += pieces[:-1, step:]
    result: Float = np.ascontiguousarray(pieces[:, :step]).reshape(-1)[:n]
    return result


def convolve_long(samples: Float, taps: Float) -> Float:
    """Filter `samples` [n] with a causal impulse response of any length; the tail beyond [n] is dropped."""
    n = samples.shape[0]
    if n == 0:
        return samples.copy()
    taps = taps[:n]
    length = fast_length(n + taps.shape[0] - 1)
    spectrum = scipy.fft.rfft(samples, length)
    spectrum *= scipy.fft.rfft(taps, length)
    result: Float = scipy.fft.irfft(spectrum, length, overwrite_x=True)[:n]
    return result


def minimum_phase(response: Float, taps: int) -> Float:
    """Return the minimum-phase filter float32 [taps] of the magnitudes `response` [bins], 0 Hz to half the rate.

    By the real cepstrum (Oppenheim and Schafer, Discrete-Time Signal Processing), which avoids pre-ringing.
    """
    length = 2 * (response.shape[0] - 1)
    cepstrum = scipy.fft.irfft(np.log(np.maximum(response, 1e-5)), length)
    cepstrum[1 : length // 2] *= 2.0
    cepstrum[length // 2 + 1 :] = 0.0
    impulse: Float = scipy.fft.irfft(np.exp(scipy.fft.rfft(cepstrum)), length)[:taps].astype(np.float32)
    fade = taps // 4
    impulse[taps - fade :] *= np.linspace(1.0, 0.0, fade, dtype=np.float32)
    return impulse


def random_response(rng: np.random.Generator, bins: int, spread: float, corners: int = 7) -> Float:
    """Return random magnitudes float32 [bins], smooth in log-frequency, with a standard deviation of `spread` dB."""
    octaves = np.log2(np.maximum(np.arange(bins), 0.5) / (bins - 1)) + 7.0
    where = np.linspace(0.0, 7.0, corners)
    levels = rng.normal(0.0, spread, corners)
    return (10.0 ** (np.interp(octaves, where, levels) / 20.0)).astype(np.float32)


def random_curve(rng: np.random.Generator, n: int, interval: float, spread: float) -> Float:
    """Return a random gain float32 [n] with corners every `interval` s and a standard deviation of `spread` dB."""
    blocks = -(-n // _CURVE_STEP)
    corners = max(2, round(n / (interval * SAMPLE_RATE)) + 2)
    where = np.linspace(-rng.random(), corners - 1.0, blocks + 1)
    levels = np.interp(where, np.arange(corners), rng.normal(0.0, spread, corners))
    return expand_curve((10.0 ** (levels / 20.0)).astype(np.float32), n)


def expand_curve(corners: Float, n: int) -> Float:
    """Interpolate `corners` [k], 128 samples apart, linearly: float32 [n], n <= 128 (k - 1)."""
    ramp = np.arange(_CURVE_STEP, dtype=np.float32) / np.float32(_CURVE_STEP)
    lines = corners[:-1, None] + np.diff(corners)[:, None] * ramp
    result: Float = lines.reshape(-1)[:n]
    return result
