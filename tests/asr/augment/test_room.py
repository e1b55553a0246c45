"""Simulated rooms against the room acoustics of ISO 3382 and Sabine."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal

from asr.augment import room

RATE = 16000


def decay_time(response: np.ndarray, low: float = 125.0, high: float = 1500.0) -> float:
    """Reverberation time by backward integration from -5 to -35 dB (ISO 3382's T30), in a band."""
    filtered = scipy.signal.sosfiltfilt(
        scipy.signal.butter(4, (low, high), "bandpass", fs=RATE, output="sos"), response
    )
    energy = np.cumsum(filtered[::-1] ** 2)[::-1]
    level = 10 * np.log10(energy / energy[0] + 1e-30)
    inside = (level < -5) & (level > -35)
    times = np.arange(response.shape[0]) / RATE
    slope = np.polyfit(times[inside], level[inside], 1)[0]
    return -60.0 / slope


@pytest.mark.parametrize("reverberation", [0.25, 0.5, 0.8])
def test_decays_in_the_asked_time(reverberation: float) -> None:
    times = [
        decay_time(room.simulate(np.random.default_rng(seed), reverberation, 2.0).response)
        for seed in range(8)
    ]
    assert np.median(times) == pytest.approx(reverberation, rel=0.15)


def test_highs_decay_faster() -> None:
    response = room.simulate(np.random.default_rng(3), 0.6, 2.0).response
    assert decay_time(response, 3500, 7000) < 0.9 * decay_time(response)


def test_direct_sound_fades_with_distance() -> None:
    # Direct energy falls by 6 dB a doubling of the distance while the reverberant energy stays (Sabine).
    ratios = {}
    for distance in (0.25, 1.0):
        found = []
        for seed in range(40):
            made = room.simulate(np.random.default_rng(seed), 0.5, distance)
            if made.distance == pytest.approx(distance, rel=0.01):
                found.append(made.response[0] ** 2 / np.sum(made.response[320:].astype(float) ** 2))
        ratios[distance] = 10 * np.log10(np.median(found))
    assert ratios[0.25] - ratios[1.0] == pytest.approx(12.0, abs=1.5)


def test_direct_to_reverberant_ratio_is_that_of_the_critical_distance() -> None:
    # At the critical distance, 0.057 sqrt(V / T), both are equal. V lies between 9.7 and 154 m^3.
    distance, reverberation = 1.0, 0.5
    expected = [10 * np.log10(0.057**2 * volume / reverberation / distance**2) for volume in (9.7, 154.0)]
    ratios = []
    for seed in range(30):
        response = room.simulate(np.random.default_rng(seed), reverberation, distance).response.astype(float)
        ratios.append(10 * np.log10(response[0] ** 2 / np.sum(response[1:] ** 2)))
    assert expected[0] - 1.5 < np.median(ratios) < expected[1] + 1.5


def test_reverberate_is_convolution_without_delay() -> None:
    made = room.simulate(np.random.default_rng(0), 0.4, 0.5)
    samples = np.random.default_rng(1).standard_normal(20000).astype(np.float32)
    expected = scipy.signal.fftconvolve(samples.astype(np.float64), made.response)[:20000]
    assert np.abs(room.reverberate(samples, made) - expected).max() < 1e-4
    assert made.response[0] > 0
    assert np.sum(made.response.astype(float) ** 2) == pytest.approx(1.0, abs=1e-4)


def test_bank_depends_on_its_seed_alone() -> None:
    first = room.make_rooms(5, 6, (0.2, 0.6), (0.3, 2.0))
    again = room.make_rooms(5, 6, (0.2, 0.6), (0.3, 2.0))
    other = room.make_rooms(6, 6, (0.2, 0.6), (0.3, 2.0))
    assert all(np.array_equal(a.response, b.response) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0].response, other[0].response)
    assert all(0.2 <= made.reverberation <= 0.6 for made in first)
