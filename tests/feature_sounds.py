"""Sounds that features are compared on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

RATES = (8000, 16000, 22050, 44100)  # Hz
Int16 = npt.NDArray[np.int16]


def voice(rate: int, seconds: float) -> Int16:
    """Return something between a voice and a siren: gliding harmonics, breath, and digital silence."""
    generator = np.random.default_rng(7)
    time = np.arange(int(rate * seconds)) / rate
    phase = 2 * np.pi * np.cumsum(120 + 60 * np.sin(2 * np.pi * 0.7 * time)) / rate
    harmonics = sum(np.sin(k * phase) / k for k in range(1, int(rate / 2 / 200)))
    sound = harmonics * np.clip(np.sin(2 * np.pi * 1.5 * time), 0, 1) * 6000
    sound += generator.normal(0, 300, len(time)) * (time > seconds / 2)
    return np.round(np.clip(sound, -32768, 32767)).astype(np.int16)


def noise(rate: int, seconds: float) -> Int16:
    return np.random.default_rng(3).integers(-32768, 32768, int(rate * seconds)).astype(np.int16)


def hiss(rate: int, seconds: float) -> Int16:
    return np.random.default_rng(4).integers(-1, 2, int(rate * seconds)).astype(np.int16)


def silence(rate: int, seconds: float) -> Int16:
    return np.zeros(int(rate * seconds), np.int16)


def tone(rate: int, seconds: float) -> Int16:
    """Return a pure tone on a frequency of the transform, which leaves the others all but empty."""
    return np.round(20000 * np.sin(2 * np.pi * np.arange(int(rate * seconds)) / 8)).astype(np.int16)


def faint_tone(rate: int, seconds: float) -> Int16:
    return np.round(3 * np.sin(2 * np.pi * 440 * np.arange(int(rate * seconds)) / rate)).astype(np.int16)


def offset(rate: int, seconds: float) -> Int16:
    """Return silence with a constant of one step, whose spectrum falls below the least float32 at 48 kHz."""
    return np.ones(int(rate * seconds), np.int16)


def loud_offset(rate: int, seconds: float) -> Int16:
    """Return a loud constant: far above it in frequency, only the transform's rounding is left."""
    return np.full(int(rate * seconds), 32767, np.int16)


SOUNDS = (voice, noise, hiss, silence, tone, faint_tone, offset, loud_offset)


def speech(shared_data: Path, rate: int) -> list[Int16]:
    """Return recordings of people, resampled to `rate`; the test is skipped where the libraries are missing."""
    soundfile = pytest.importorskip("soundfile")
    soxr = pytest.importorskip("soxr")
    recordings = sorted((shared_data / "coffee" / "recordings").iterdir())[:40:10]
    assert recordings
    found = []
    for recording in recordings:
        samples, own_rate = soundfile.read(recording, dtype="float32", always_2d=True)
        resampled = soxr.resample(samples[:, 0], own_rate, rate)
        found.append(np.round(resampled * 32768).clip(-32768, 32767).astype(np.int16)[: rate * 6])
    return found
