"""A voice with pauses, for tests of recordings: harmonics before moving resonances, hisses, and a quiet room."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import signal

RATE = 16000
Float = npt.NDArray[np.float32]


def recording(
    seed: int, seconds: float = 1.2, *, pause: float = 0.5, pitch: float = 120.0, tract: float = 1.0
) -> Float:
    """Return a recording, float32 [n] at 16 kHz.

    Parameters
    ----------
    seed : of what is said.
    seconds, pause : of the speech, and of each of the two pauses around it.
    pitch, tract : of the speaker: Hz, and a factor of the resonances.
    """
    rng = np.random.default_rng(seed)
    n = round(seconds * RATE)
    times = np.arange(n) / n
    glide = pitch * rng.uniform(0.95, 1.05) * (1 + 0.25 * np.sin(2 * np.pi * times * rng.uniform(0.8, 2.0)))
    pulses = np.diff(np.floor(np.cumsum(glide) / RATE), prepend=0.0)
    voice = np.zeros(n)
    parts = 8
    for low, high in ((300, 800), (900, 2300), (2500, 3400)):
        for part in range(parts):
            centre = min(rng.uniform(low, high) * tract, 7000)
            b, a = signal.iirpeak(centre, 9, fs=RATE)
            voice += signal.lfilter(b, a, pulses) * np.exp(-(((times - (part + 0.5) / parts) * parts / 0.9) ** 2))
    b, a = signal.butter(4, (3500, 7900), "band", fs=RATE)
    hiss = signal.lfilter(b, a, rng.standard_normal(n))
    for part in range(parts):
        voice += 0.02 * rng.uniform(0, 1) * hiss * np.exp(-(((times - part / parts) * parts / 0.4) ** 2))
    voice *= 0.4 / np.abs(voice).max()
    voice *= np.minimum(1, np.minimum(np.arange(n), np.arange(n)[::-1]) / 800)
    around = round(pause * RATE)
    room = 0.0002 * rng.standard_normal(n + 2 * around)
    return (np.pad(voice, around) + room).astype(np.float32)
