"""Each fault of a sound is found where it was planted, with its figure, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import soxr

from datasets import defects
from datasets.defects import Measures
from tests.recorded_speech import RATE, Float, recording

RNG = np.random.default_rng(3)


def measures(sound: Float, rate: int = RATE) -> Measures:
    heard = sound if rate == RATE else soxr.resample(sound, rate, RATE)
    return defects.measure(sound[:, None], rate, heard, defects.spectra(heard))


def found(sound: Float) -> list[tuple[str, str]]:
    return [(one.kind, one.severity) for one in defects.findings("a.wav", measures(sound), 8000.0)]


def tone(sound: Float, hertz: float, amplitude: float) -> Float:
    return (amplitude * np.sin(2 * np.pi * hertz * np.arange(len(sound)) / RATE)).astype(np.float32)


def middle(sound: Float) -> int:
    """A place where the voice is loud."""
    levels = defects.decibels(defects.spectra(sound)[:, 3:].sum(axis=1))
    return int(levels.argmax()) * defects.HOP + defects.WINDOW // 2


FAULTS: list[tuple[str, str, Callable[[Float], Float]]] = [
    ("clipped", "error", lambda x: np.clip(x * 8, -1, 1)),
    ("clipped", "error", lambda x: np.clip(x * 8, -1, 1) * np.float32(0.2)),
    ("quiet", "warning", lambda x: x * np.float32(0.01)),
    ("silent", "error", lambda x: x * np.float32(0.0005)),
    ("offset", "warning", lambda x: x + np.float32(0.05)),
    ("hum", "warning", lambda x: x + tone(x, 50, 0.02)),
    ("hum", "warning", lambda x: x + tone(x, 120, 0.02)),
    ("noise", "warning", lambda x: x + RNG.standard_normal(len(x)).astype(np.float32) * np.float32(0.03)),
    ("no speech", "error", lambda x: RNG.standard_normal(len(x)).astype(np.float32) * np.float32(0.03)),
    ("cut", "warning", lambda x: x[middle(x) :]),
    ("cut", "warning", lambda x: x[: middle(x)]),
    ("bandwidth", "warning", lambda x: soxr.resample(soxr.resample(x, RATE, 8000), 8000, RATE)),
]


@pytest.mark.parametrize("number", range(len(FAULTS)), ids=[f"{kind}-{n}" for n, (kind, _, _) in enumerate(FAULTS)])
def test_a_planted_fault_is_found(number: int) -> None:
    kind, severity, change = FAULTS[number]
    for seed in range(3):
        told = found(np.asarray(change(recording(seed, 1.6)), np.float32))
        assert (kind, severity) in told and (severity == "error" or "error" not in dict(told).values()), told


def test_good_recordings_have_none() -> None:
    takes = [recording(seed, 0.8 + 0.2 * (seed % 5), pitch=90 + 15 * (seed % 10)) for seed in range(12)]
    assert [found(take) for take in takes] == [[]] * 12


def test_measures_are_those_of_what_was_planted() -> None:
    clean = recording(1, 1.6)
    assert measures(clean + np.float32(0.03)).offset == pytest.approx(0.03, abs=0.001)
    hum = measures(clean + tone(clean, 60, 0.02) + tone(clean, 180, 0.01))
    # The mean square of a sine is half of its squared amplitude.
    assert hum.mains == 60 and hum.hum == pytest.approx(10 * np.log10((0.02**2 + 0.01**2) / 2), abs=0.7)
    loud = np.clip(clean * 6, -1, 1)
    assert measures(loud).clipped == pytest.approx(float(np.mean(np.abs(clean * 6) >= 0.9995)), abs=1e-6)
    narrow = soxr.resample(soxr.resample(clean, RATE, 6000), 6000, RATE)
    assert measures(narrow).bandwidth == pytest.approx(3000, abs=250)
    assert measures(soxr.resample(clean, RATE, 8000), 8000).bandwidth == pytest.approx(4000, abs=150)
    noise = RNG.standard_normal(RATE * 2).astype(np.float32) * np.float32(0.1)
    # Less what lies below 94 Hz, 1 % of white noise.
    assert measures(noise).level == pytest.approx(-20, abs=1.0)


def test_a_low_voice_of_steady_pitch_is_no_hum() -> None:
    for pitch in (50.0, 60.0, 100.0, 120.0):
        assert measures(recording(5, 2.0, pitch=pitch)).mains == 0.0


def test_spectra_hold_the_power_of_the_sound() -> None:
    noise = RNG.standard_normal(RATE).astype(np.float32) * np.float32(0.1)
    assert float(defects.spectra(noise).sum(axis=1).mean()) == pytest.approx(0.01, rel=0.05)


@pytest.mark.parametrize("length", [1, 100, 511, 512, 513, 5000])
def test_the_shortest_sounds_are_measured(length: int) -> None:
    assert all(np.isfinite(measures(recording(1)[8000 : 8000 + length])))
