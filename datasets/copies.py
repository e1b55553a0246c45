"""Copies: one take that is in a collection twice, whatever its text, speaker, level or encoding.

Each recording has a sketch: how the energies of a few bands go on around its loudest moment, and around the middle of
its energy. Gain, a codec and a cut at an edge hardly change them. Recordings with like sketches are then compared
sample by sample, so that two takes of one sentence are never taken for one.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.core import audio
from asr.core.errors import AudioError
from datasets.defects import HOP, WINDOW, decibels

Float = npt.NDArray[np.float32]
Int8 = npt.NDArray[np.int8]
Pairs = npt.NDArray[np.int64]

ANCHORS = 2  # the loudest moment, the middle of the energy
DIMENSIONS = 127
# Correlation of 100 to 1500 Hz where two sounds overlap. 570 copies (MP3 at 32 kbit/s, another gain, 50 ms cut off) of
# orders and wake words were above 0.98; 6,000 pairs of takes with the likest sketches were below 0.9.
SAME = 0.95

_LIKE = 0.95  # cosine of two sketches that are compared further
_BANDS, _EDGES = 12, (200.0, 3600.0)  # Hz; what codecs and telephones keep
_TIMES, _REACH = 40, 0.77  # s on either side
_RANGE = 40.0  # dB below the loudest; what is quieter is room or codec
_KEPT_TIMES, _KEPT_BANDS = 16, 8  # coefficients of the cosine transform; the rest is ripple
_COARSE = 32  # dimensions that are compared first
_BLOCK = 1024  # sketches; two blocks and their products fit into the processor's cache
_MANY = 20_000  # pairs of two blocks
_NEAR = 6  # spectra around the loudest
_RATE = 4000  # Hz, at which sounds are compared
_BAND = (100.0, 1500.0)  # Hz
_LONGEST = 8.0  # s that are compared
_OVERLAP = 0.7  # of the energy of each


def sketch(power: Float) -> Int8:
    """Return the sketch of a recording's spectra, float32 [frames, 257]: int8 [ANCHORS, DIMENSIONS]."""
    energies = power @ _filters()
    total = energies.sum(axis=1)
    hump = _hump()
    smooth = np.convolve(total, hump, "same")[: len(total)] if len(total) >= len(hump) else total
    smooth = smooth / max(float(smooth.max()), 1e-20)
    places = np.arange(len(smooth))
    loudest = int(smooth.argmax())
    near = slice(max(0, loudest - _NEAR), loudest + _NEAR + 1)
    levels = decibels(energies)
    levels = np.maximum(levels - levels.max() + _RANGE, 0)
    # Silence around the recording, for moments outside it.
    padded = np.pad(levels, ((1, 1), (0, 0)))
    found = np.zeros((ANCHORS, DIMENSIONS), np.int8)
    steps = np.linspace(-_REACH, _REACH, _TIMES) * audio.SAMPLE_RATE / HOP
    for row, centre in enumerate((_mean(places[near], np.maximum(smooth[near] - 0.5, 0)), _mean(places, smooth))):
        at = np.clip(centre + steps + 1, 0, len(padded) - 1.001)
        first = at.astype(int)
        part = (at - first).astype(np.float32)[:, None]
        around = padded[first] * (1 - part) + padded[first + 1] * part
        values = around.reshape(-1) @ _transform()
        found[row] = np.rint(127 * values / max(float(np.linalg.norm(values)), 1e-6))
    return found


def like(sketches: Int8, most: int) -> tuple[Pairs, bool]:
    """Return the pairs of recordings with the likest sketches, and whether these are all that are like enough.

    Parameters
    ----------
    sketches : int8 [n, ANCHORS, DIMENSIONS]; one of zeros, as of silence, is like none.
    most : pairs that are returned.

    Returns
    -------
    int64 [pairs, 2], the likest first; the first of a pair comes before the second.
    """
    count, complete = len(sketches), True
    places, likeness = np.zeros(0, np.int64), np.zeros(0, np.float32)
    for start in range(0, count, _BLOCK):
        rows = _unit(sketches[start : start + _BLOCK])
        for other in range(start, count, _BLOCK):
            columns = rows if other == start else _unit(sketches[other : other + _BLOCK])
            for one, two in zip(rows, columns, strict=True):
                # An upper bound of the product: what is left out adds at most the product of its norms.
                first, second = np.nonzero(_coarse(one) @ _coarse(two).T >= _LIKE)
                if len(first) > _MANY:  # gathering them would take more memory than multiplying all
                    products = (one @ two.T)[first, second]
                else:
                    products = np.einsum("nd,nd->n", one[first], two[second])
                kept = (products >= _LIKE) & (start + first < other + second)
                places = np.concatenate((places, (start + first[kept]) * count + other + second[kept]))
                likeness = np.concatenate((likeness, products[kept]))
            if len(places) > 4 * most:
                places, likeness, cut = _likest(places, likeness, most)
                complete = complete and not cut
    places, likeness, cut = _likest(places, likeness, most)
    return np.stack(np.divmod(places, max(1, count)), axis=1), complete and not cut


def _likest(places: Pairs, likeness: Float, most: int) -> tuple[Pairs, Float, bool]:
    """Return each place once, the `most` likest first, and whether there were more."""
    order = np.argsort(-likeness, kind="stable")
    _, first = np.unique(places[order], return_index=True)
    order = order[np.sort(first)]
    return places[order[:most]], likeness[order[:most]], len(order) > most


@lru_cache(maxsize=200)
def load(path: Path | str) -> Float:
    """Return a recording as `correlation` takes it; empty where it cannot be read."""
    try:
        return narrow_band(audio.load(path))
    except AudioError:
        return np.zeros(0, np.float32)


def narrow_band(sound: Float) -> Float:
    """Return the first 8 s of a sound, float32 [n] at 16 kHz, at 4 kHz: what `correlation` compares."""
    return audio.resample(sound[: round(_LONGEST * audio.SAMPLE_RATE)], audio.SAMPLE_RATE, _RATE)


def correlation(one: Float, other: Float) -> float:
    """Return the normalised correlation of two sounds where they overlap, shifted so that it is largest: 0 to 1.

    0 where three tenths of the energy of one lie outside the overlap.

    Parameters
    ----------
    one, other : float32 [n], from `narrow_band`.
    """
    from scipy import fft

    if not len(one) or not len(other):
        return 0.0
    length = fft.next_fast_len(len(one) + len(other))
    hertz = np.arange(length) * (_RATE / length)
    inside = (hertz >= _BAND[0]) & (hertz < _BAND[1])
    # Positive frequencies alone form an analytic signal, whose magnitude ignores a phase shift by microphone or codec.
    spectra = [np.where(inside, fft.fft(sound, length), 0).astype(np.complex64) for sound in (one, other)]
    lag = int(np.abs(fft.ifft(spectra[0] * spectra[1].conj())).argmax())
    lag = lag - length if lag > length // 2 else lag
    first, second = (fft.ifft(spectrum)[: len(sound)] for spectrum, sound in zip(spectra, (one, other), strict=True))
    energies = [float(np.linalg.norm(part)) for part in (first, second)]
    first, second = (first[lag:], second) if lag >= 0 else (first, second[-lag:])
    count = min(len(first), len(second))
    norms = [float(np.linalg.norm(part[:count])) for part in (first, second)]
    if min(energies) <= 0 or any(norm**2 < _OVERLAP * energy**2 for norm, energy in zip(norms, energies, strict=True)):
        return 0.0
    return float(abs(np.vdot(first[:count], second[:count]))) / (norms[0] * norms[1])


def _unit(sketches: Int8) -> Float:
    """Return sketches as unit vectors: float32 [ANCHORS, n, DIMENSIONS]."""
    values = sketches.transpose(1, 0, 2).astype(np.float32)
    return np.asarray(values / np.maximum(np.linalg.norm(values, axis=2, keepdims=True), 1), np.float32)


def _coarse(unit: Float) -> Float:
    """Return the first dimensions, and the norm of the others as one more."""
    rest = np.linalg.norm(unit[:, _COARSE:], axis=1, keepdims=True)
    return np.concatenate((unit[:, :_COARSE], rest), axis=1)


def _mean(places: npt.NDArray[np.int_], weights: npt.NDArray[Any]) -> float:
    return float(places @ weights) / max(float(weights.sum()), 1e-20)


@lru_cache(maxsize=1)
def _hump() -> Float:
    hump = np.hanning(17)[1:-1]
    return np.asarray(hump / hump.sum(), np.float32)


@lru_cache(maxsize=1)
def _filters() -> Float:
    """Return which bin is in which band, float32 [257, bands]."""
    edges = np.geomspace(*_EDGES, _BANDS + 1)
    hertz = np.arange(WINDOW // 2 + 1) * audio.SAMPLE_RATE / WINDOW
    return np.asarray((hertz[:, None] >= edges[:-1]) & (hertz[:, None] < edges[1:]), np.float32)


@lru_cache(maxsize=1)
def _transform() -> Float:
    """Return the cosine transform of [times, bands], the slow before the fast: float32 [times * bands, DIMENSIONS]."""
    from scipy import fft

    times = fft.dct(np.eye(_TIMES), norm="ortho", axis=0)
    bands = fft.dct(np.eye(_BANDS), norm="ortho", axis=0)
    order = sorted(np.ndindex(_KEPT_TIMES, _KEPT_BANDS), key=lambda pair: (pair[0] / 2 + pair[1], pair))[1:]
    return np.stack([np.outer(times[t], bands[b]).reshape(-1) for t, b in order], axis=1).astype(np.float32)
