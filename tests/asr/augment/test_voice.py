"""Speed, tempo, pitch and vocal tract, measured on sounds whose pitch and formants are known."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.augment import voice

RATE = 16000


def sine(frequency: float, seconds: float = 1.0) -> np.ndarray:
    return (0.4 * np.sin(2 * np.pi * frequency * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


def loudest_frequency(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(samples.shape[0]), 1 << 18))
    return float(spectrum.argmax()) * RATE / (1 << 18)


def vowel(pitch: float, formants: tuple[float, ...] = (700.0, 1200.0, 2600.0)) -> np.ndarray:
    """Clicks at the pitch through resonances of 80 Hz: what Klatt's synthesiser does."""
    samples = np.zeros(RATE, np.float64)
    samples[np.arange(0, RATE, RATE / pitch).astype(int)] = 1.0
    for formant in formants:
        radius = np.exp(-np.pi * 80.0 / RATE)
        samples = scipy.signal.lfilter(
            [1.0], [1.0, -2 * radius * np.cos(2 * np.pi * formant / RATE), radius**2], samples
        )
    return (0.5 * samples / np.abs(samples).max()).astype(np.float32)


def formant_near(samples: np.ndarray, guess: float) -> float:
    """The nearest resonance by linear prediction, which knows nothing of cepstra."""
    middle = samples[4000:12000].astype(np.float64) * np.hamming(8000)
    order = 12
    autocorrelation = np.correlate(middle, middle, "full")[7999 : 7999 + order + 1]
    autocorrelation[0] *= 1.0 + 1e-9
    matrix = scipy.linalg.toeplitz(autocorrelation[:order])
    coefficients = np.linalg.solve(matrix, autocorrelation[1 : order + 1])
    roots = np.roots([1.0, *(-coefficients)])
    frequencies = np.angle(roots[(roots.imag > 0) & (np.abs(roots) > 0.9)]) * RATE / (2 * np.pi)
    return float(frequencies[np.abs(frequencies - guess).argmin()])


def fundamental(samples: np.ndarray) -> float:
    middle = samples[4000:12000].astype(np.float64)
    middle = middle - middle.mean()
    likeness = np.correlate(middle, middle, "full")[7999:]
    return RATE / (50 + float(likeness[50:220].argmax()))


@pytest.mark.parametrize("ratio", [0.8, 0.95, 1.1, 1.25])
def test_speed_moves_duration_and_frequency(ratio: float) -> None:
    played = voice.change_speed(sine(500.0), ratio)
    assert played.shape[0] == round(RATE / ratio)
    assert loudest_frequency(played) == pytest.approx(500.0 * ratio, rel=2e-3)


@pytest.mark.parametrize("ratio", [0.8, 0.95, 1.1, 1.25])
@pytest.mark.parametrize("frequency", [150.0, 440.0, 1900.0])
def test_tempo_moves_duration_alone(ratio: float, frequency: float) -> None:
    played = voice.change_tempo(sine(frequency), ratio)
    assert played.shape[0] == round(RATE / ratio)
    assert loudest_frequency(played) == pytest.approx(frequency, rel=4e-3)
    # A piece put in the wrong place cancels its neighbour, which the level would show.
    levels = np.sqrt(
        np.mean(
            played[800:-1600].reshape(-1)[: (played.shape[0] - 2400) // 400 * 400].reshape(-1, 400) ** 2,
            axis=1,
        )
    )
    assert levels.min() > 0.8 * 0.4 / np.sqrt(2)


@pytest.mark.parametrize("semitones", [-4.0, -1.5, 2.0, 4.0])
def test_pitch_moves_frequency_and_keeps_duration(semitones: float) -> None:
    moved = voice.change_voice(sine(440.0), pitch=semitones)
    assert moved.shape[0] == pytest.approx(RATE, abs=2)
    assert loudest_frequency(moved) == pytest.approx(440.0 * 2 ** (semitones / 12), rel=4e-3)


@pytest.mark.parametrize("semitones", [-3.0, 3.0])
def test_pitch_keeps_the_formants(semitones: float) -> None:
    moved = voice.change_voice(vowel(120.0), pitch=semitones)
    assert fundamental(moved) == pytest.approx(120.0 * 2 ** (semitones / 12), rel=0.02)
    assert formant_near(moved, 1200.0) == pytest.approx(1200.0, rel=0.04)


@pytest.mark.parametrize("ratio", [0.87, 1.15])
@pytest.mark.parametrize("formant", [700.0, 1200.0, 2600.0])
def test_vocal_tract_moves_formants_and_keeps_the_pitch(ratio: float, formant: float) -> None:
    original = vowel(110.0)
    moved = voice.change_formants(original, ratio)
    assert moved.shape == original.shape
    assert fundamental(moved) == pytest.approx(fundamental(original), rel=0.01)
    assert formant_near(moved, formant * ratio) == pytest.approx(formant * ratio, rel=0.04)


def test_tempo_leaves_the_spectrum_of_speech(shared_data) -> None:
    from asr.core import audio
    from asr.runtime.features import mfcc

    samples = audio.load(shared_data / "coffee" / "recordings" / "02b77977.flac")
    slow = mfcc(voice.change_tempo(samples, 0.8))
    fast = mfcc(voice.change_tempo(samples, 1.25))
    # Both say the same, so their mean features agree; those of half the speed's pitch shift would not.
    spread = mfcc(samples).std(axis=0)
    assert np.abs((slow.mean(axis=0) - fast.mean(axis=0)) / spread).max() < 0.2


@given(
    length=st.integers(0, 9000),
    speed=st.floats(0.5, 2.0),
    tempo=st.floats(0.5, 2.0),
    pitch=st.floats(-12.0, 12.0),
    tract=st.floats(0.5, 2.0),
    seed=st.integers(0, 99),
)
@settings(max_examples=60)
def test_any_length_and_ratio(
    length: int, speed: float, tempo: float, pitch: float, tract: float, seed: int
) -> None:
    samples = np.random.default_rng(seed).uniform(-1, 1, length).astype(np.float32)
    before = samples.copy()
    changed = voice.change_voice(samples, speed, tempo, pitch, tract)
    assert changed.dtype == np.float32
    assert np.isfinite(changed).all()
    assert changed.shape[0] == pytest.approx(length / (speed * tempo), abs=3)
    assert np.array_equal(samples, before)
