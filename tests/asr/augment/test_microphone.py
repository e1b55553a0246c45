"""Filters against their textbook responses, and mu-law against Python's own G.711."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.signal

from asr.augment import microphone
from asr.augment.spectrum import convolve_long, convolve_short, fast_length

RATE = 16000


def measured(response: np.ndarray, frequencies: list[float]) -> np.ndarray:
    """Gain in dB at frequencies, from sines through the whole path."""
    gains = []
    for frequency in frequencies:
        tone = np.sin(2 * np.pi * frequency * np.arange(RATE) / RATE).astype(np.float32)
        heard = microphone.colour(tone, response)[2000:-2000]
        gains.append(10 * np.log10(np.mean(heard.astype(float) ** 2) / 0.5))
    return np.array(gains)


def test_telephone_band_is_butterworth() -> None:
    frequencies = [100.0, 150.0, 300.0, 1000.0, 3400.0, 4500.0]
    low = scipy.signal.butter(4, 300, "highpass", fs=2e6, output="sos")
    high = scipy.signal.butter(8, 3400, "lowpass", fs=2e6, output="sos")
    expected = sum(
        20 * np.log10(np.abs(scipy.signal.freqz_sos(sos, frequencies, fs=2e6)[1])) for sos in (low, high)
    )
    found = measured(microphone.band(300.0, 3400.0), frequencies)
    assert np.abs(found - expected)[2:].max() < 0.7
    # A filter of 32 ms cannot be as steep as four poles at 100 Hz, but lows must be gone.
    assert (found[:2] < expected[:2] + 5.0).all()


def test_tilt_has_its_slope() -> None:
    found = measured(microphone.tilt(3.0), [500.0, 1000.0, 2000.0, 4000.0])
    assert found == pytest.approx([-3.0, 0.0, 3.0, 6.0], abs=0.2)


def test_peak_has_its_height_and_place() -> None:
    found = measured(microphone.peak(1500.0, -8.0, 0.3), [400.0, 1500.0, 5000.0])
    assert found == pytest.approx([0.0, -8.0, 0.0], abs=0.4)


def test_colour_is_causal() -> None:
    click = np.zeros(4000, np.float32)
    click[2000] = 1.0
    heard = microphone.colour(click, microphone.band(300.0, 3400.0))
    assert np.abs(heard[:2000]).max() < 1e-3 * np.abs(heard).max()


def test_mu_law_table_is_g711() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        audioop = pytest.importorskip(
            "audioop", reason="Python 3.13 dropped audioop, the reference for mu-law"
        )
    values = np.arange(-32768, 32768).astype("<i2")
    expected = np.frombuffer(audioop.ulaw2lin(audioop.lin2ulaw(values.tobytes(), 2), 2), "<i2")
    assert np.array_equal(microphone.mu_law_table(), expected)


def test_codec_has_the_noise_of_mu_law() -> None:
    # G.711 reaches about 38 dB for a sine at -10 dB of full scale (G.712 asks for 33 of a whole channel).
    tone = (0.3 * np.sin(2 * np.pi * 820.0 * np.arange(RATE) / RATE)).astype(np.float32)
    heard = microphone.send_by_telephone(tone)[1000:-1000]
    error = heard - tone[1000:-1000]
    ratio = 10 * np.log10(np.mean(tone**2) / np.mean(error**2))
    assert 33.0 < ratio < 42.0


def test_codec_removes_what_is_above_4_khz() -> None:
    tone = (0.3 * np.sin(2 * np.pi * 5000.0 * np.arange(RATE) / RATE)).astype(np.float32)
    assert np.sqrt(np.mean(microphone.send_by_telephone(tone)[1000:-1000] ** 2)) < 0.003


def test_overdrive_flattens_the_peaks_it_should() -> None:
    tone = (0.5 * np.sin(2 * np.pi * 200.0 * np.arange(RATE) / RATE)).astype(np.float32)
    heard = microphone.overdrive(tone, 6.0206)
    assert np.abs(heard).max() == pytest.approx(0.5, rel=1e-4)
    # A sine is above half its height for two thirds of the time.
    assert np.mean(np.abs(heard) > 0.4999) == pytest.approx(2 / 3, abs=0.01)


@pytest.mark.parametrize(("gain", "expected"), [(-6.0206, 0.25), (3.0, 0.5 * 10**0.15), (40.0, 0.999)])
def test_gain_stops_below_full_scale(gain: float, expected: float) -> None:
    samples = np.array([0.1, -0.5, 0.2], np.float32)
    assert np.abs(microphone.amplify(samples, gain)).max() == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("n", [1, 7, 300, 2047, 20000])
@pytest.mark.parametrize("taps", [1, 33, 513, 1024])
def test_convolutions_agree_with_the_plain_sum(n: int, taps: int) -> None:
    rng = np.random.default_rng(n + taps)
    samples, impulse = (rng.standard_normal(size).astype(np.float32) for size in (n, taps))
    expected = np.convolve(samples.astype(float), impulse)[:n]
    for convolve in (convolve_short, convolve_long):
        assert np.abs(convolve(samples, impulse) - expected).max() < 2e-3


@pytest.mark.parametrize("n", [1, 16, 17, 20, 21, 1000, 48000, 65536, 65537])
def test_fast_length_is_enough_and_not_much_more(n: int) -> None:
    assert n <= fast_length(n) <= max(16, 1.25 * n + 1)
    assert fast_length(n) % 2 == 0
