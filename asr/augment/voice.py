"""Change the speaker: speed, tempo, pitch and vocal tract length."""

from __future__ import annotations

import functools

import numpy as np
import scipy.fft

from asr.augment.spectrum import Float
from asr.core.audio import SAMPLE_RATE

_WINDOW = 400  # samples, 25 ms: two periods of a low voice
_HOP = _WINDOW // 2
_SEARCH = 128  # samples to each side, 8 ms: in total one period at 62 Hz
_COARSE = 4  # samples, step of the coarse search
_FRAME = 512  # samples, 32 ms; frame of the formant shift
_CEPSTRA = 52  # of 257; quefrencies below 3.3 ms, the vocal tract without the pitch of voices to 300 Hz
_FULL_CEPSTRA = 32  # of these; the others fade out
_LARGEST_WARP = 20.0  # dB, limits the gain in empty bands


def change_speed(samples: Float, ratio: float) -> Float:
    """Play `samples` [n] `ratio` times faster, which raises pitch and formants: [round(n / ratio)]."""
    if samples.shape[0] == 0 or abs(ratio - 1.0) < 1e-4:
        return samples.copy()
    import soxr

    played = soxr.resample(samples, SAMPLE_RATE * ratio, SAMPLE_RATE, quality="MQ")
    return _fit(np.asarray(played, np.float32), max(1, round(samples.shape[0] / ratio)))


def change_tempo(samples: Float, ratio: float) -> Float:
    """Change the tempo of `samples` [n] by `ratio` at the same pitch: [round(n / ratio)].

    WSOLA (Verhelst and Roelands, ICASSP 1993): overlapping pieces of 25 ms, each taken where it best continues the one
    before, found by a coarse search on every fourth sample and a fine one around the best.
    """
    n = samples.shape[0]
    length = max(1, round(n / ratio)) if n else 0
    if n < 2 * _WINDOW or abs(ratio - 1.0) < 1e-4:
        # Too short for two overlapping pieces.
        return change_speed(samples, ratio) if n else samples.copy()
    pieces = -(-length // _HOP) + 1
    room = _WINDOW + _SEARCH + _COARSE
    span = 2 * room + max(n, int((pieces + 1) * _HOP * ratio))
    padded = np.zeros(-(-(span + _WINDOW) // _COARSE) * _COARSE, np.float32)
    padded[room : room + n] = samples
    starts = _continuations(padded, room - _HOP, pieces, ratio)
    window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    found = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[starts] * window
    # Half of each piece overlaps the next; the first half of the first lies before the clip.
    overlapped = found[:-1, _HOP:] + found[1:, :_HOP]
    return _fit(overlapped.reshape(-1), length)


def _continuations(padded: Float, first: int, pieces: int, ratio: float) -> list[int]:
    """Return the start of each piece in `padded`, the first at `first`."""
    coarse = padded.reshape(-1, _COARSE).mean(axis=1)
    piece = _WINDOW // _COARSE
    sums = np.concatenate(([0.0], np.cumsum(coarse.astype(np.float64) ** 2)))
    energies = sums[piece:] - sums[:-piece]
    scale = (1.0 / np.sqrt(energies + 1e-7)).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)
    last = windows.shape[0] - 1
    most = coarse.shape[0] - piece
    width = 2 * _SEARCH // _COARSE
    starts = [first]
    place = first
    for index in range(1, pieces + 1):
        wanted = place + _HOP
        low = int((first + index * _HOP * ratio - _SEARCH) / _COARSE)
        low = min(max(low, 0), most - width)
        target = coarse[wanted // _COARSE : wanted // _COARSE + piece]
        likeness = np.correlate(coarse[low : low + width + piece], target, "valid")
        likeness *= scale[low : low + width + 1]
        near = (low + int(likeness.argmax())) * _COARSE + wanted % _COARSE
        near = min(max(near - _COARSE + 1, 0), last - 2 * _COARSE)
        place = near + int((windows[near : near + 2 * _COARSE - 1] @ windows[min(wanted, last)]).argmax())
        starts.append(place)
    return starts


def change_formants(samples: Float, ratio: float) -> Float:
    """Scale the formant frequencies of `samples` [n] by `ratio`; pitch and duration stay.

    A ratio above 1 is a shorter vocal tract. The envelope of a frame is its liftered cepstrum, a sum of cosines over
    frequency, so the warped envelope is the same sum at other frequencies, without interpolation.
    """
    n = samples.shape[0]
    if n == 0 or abs(ratio - 1.0) < 1e-4:
        return samples.copy()
    half = _FRAME // 2
    frames = -(-n // half) + 1
    padded = np.zeros((frames + 1) * half, np.float32)
    padded[half : half + n] = samples
    window = _root_hann()
    framed = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::half] * window
    spectra = scipy.fft.rfft(framed, axis=1)
    levels = np.log(spectra.real**2 + spectra.imag**2 + np.float32(1e-9))
    levels *= np.float32(0.5)
    analysis, weights, unmoved = _cepstral_tables()
    warped = np.minimum(np.arange(half + 1) / ratio, half) * (np.pi / half)
    moved = np.cos(np.outer(np.arange(_CEPSTRA), warped).astype(np.float32))
    gains = _product(_product(levels, analysis), weights * moved - unmoved)
    limit = np.float32(_LARGEST_WARP / 20.0 * np.log(10.0))
    spectra *= np.exp(np.clip(gains, -limit, limit))
    pieces = scipy.fft.irfft(spectra, axis=1, overwrite_x=True)
    pieces *= window
    return _fit((pieces[:-1, half:] + pieces[1:, :half]).reshape(-1), n)


@functools.cache
def _root_hann() -> Float:
    return np.sqrt(np.hanning(_FRAME + 1)[:-1]).astype(np.float32)


@functools.cache
def _cepstral_tables() -> tuple[Float, Float, Float]:
    """Return the matrices from log spectrum to cepstrum, lifter weights, and liftered cosines."""
    half = _FRAME // 2
    orders = np.arange(_CEPSTRA)
    cosines = np.cos(np.pi / half * np.outer(orders, np.arange(half + 1)))
    analysis = cosines.T * (2.0 / _FRAME)
    analysis[1:-1] *= 2.0
    # Fade out, because truncating the cepstrum would ripple the envelope.
    fade = np.clip((_CEPSTRA - orders) / (_CEPSTRA - _FULL_CEPSTRA), 0.0, 1.0)
    weights = (np.where(orders == 0, 0.5, 1.0) * np.sin(0.5 * np.pi * fade) ** 2)[:, None]
    return analysis.astype(np.float32), weights.astype(np.float32), (weights * cosines).astype(np.float32)


def change_voice(
    samples: Float, speed: float = 1.0, tempo: float = 1.0, pitch: float = 0.0, vocal_tract: float = 1.0
) -> Float:
    """Apply all four effects with one resampling, one change of tempo and one formant shift.

    Parameters
    ----------
    samples : float32 [n].
    speed, tempo : ratios, with and without change of pitch.
    pitch : semitones, with unchanged formants.
    vocal_tract : ratio of the formant frequencies.

    Returns
    -------
    float32 [about n / (speed * tempo)].
    """
    raised = 2.0 ** (pitch / 12.0)
    samples = change_speed(samples, speed * raised)
    samples = change_tempo(samples, tempo / raised)
    return change_formants(samples, vocal_tract / raised)


def _product(rows: Float, matrix: Float) -> Float:
    """Return rows [n, a] times matrix [a, b] as float32, sixteen rows at a time.

    BLAS libraries do not start threads for products of that size; threads would compete with training for the cores.
    """
    n, width = rows.shape
    padded = np.zeros((-(-n // 16), 16, width), np.float32)
    padded.reshape(-1, width)[:n] = rows
    product: Float = np.matmul(padded, matrix).reshape(-1, matrix.shape[1])[:n]
    return product


def _fit(samples: Float, length: int) -> Float:
    """Return `samples` cut or zero-padded to `length`."""
    if samples.shape[0] >= length:
        return np.ascontiguousarray(samples[:length])
    fitted = np.zeros(length, np.float32)
    fitted[: samples.shape[0]] = samples
    return fitted
