"""NumPy's features against the kernels of the client's graph, run by TensorFlow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from asr.alphabet import Alphabet
from asr.ctc import features
from export.graph import graph_def
from tests.small_networks import GraphRunner, small_network

RATES = (8000, 16000, 22050, 44100)
Int16 = npt.NDArray[np.int16]
_runners: dict[int, GraphRunner] = {}


def graph_features(samples: Int16, rate: int) -> npt.NDArray[np.float32]:
    if rate not in _runners:
        _runners[rate] = GraphRunner(graph_def(small_network(1), Alphabet(), sample_rate=rate))
    return _runners[rate].features(samples, int(rate * 0.020))


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


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("sound", [voice, noise, hiss, silence])
def test_bit_identical_with_the_graph(sound, rate) -> None:
    samples = sound(rate, 2.5)
    np.testing.assert_array_equal(features.mfcc(samples, rate), graph_features(samples, rate))


@pytest.mark.parametrize("rate", RATES)
def test_real_speech_differs_in_last_places_at_most(rate, shared_data: Path) -> None:
    """NumPy's Fourier transform rounds in another order, which a rare value shows (see the module's text)."""
    soundfile = pytest.importorskip("soundfile")
    soxr = pytest.importorskip("soxr")
    recordings = sorted((shared_data / "coffee" / "recordings").iterdir())[:40:10]
    assert recordings
    values = different = 0
    for recording in recordings:
        samples, own_rate = soundfile.read(recording, dtype="float32", always_2d=True)
        resampled = soxr.resample(samples[:, 0], own_rate, rate)
        rounded = np.clip(np.round(resampled * 32768), -32768, 32767).astype(np.int16)[: rate * 6]
        found, expected = features.mfcc(rounded, rate), graph_features(rounded, rate)
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() <= 2.4e-7
        values, different = values + found.size, different + int((found != expected).sum())
    assert values > 10_000
    assert different <= 3e-4 * values


@pytest.mark.parametrize("extra", [-513, -512, -1, 0, 1, 319, 320, 321])
def test_frames_and_tail_are_those_of_the_graph(extra) -> None:
    samples = voice(16000, 0.4)[: 512 + extra] if extra < 0 else voice(16000, 1.0)[: 512 + 320 * 4 + extra]
    found = features.mfcc(samples)
    assert len(found) == features.frame_count(len(samples))
    np.testing.assert_array_equal(found, graph_features(samples, 16000))


def test_nothing_at_all_is_one_frame_of_silence() -> None:
    np.testing.assert_array_equal(
        features.mfcc(np.zeros(0, np.int16)), features.mfcc(np.zeros(512, np.int16))[:1]
    )


def test_float_samples_are_the_same_sound() -> None:
    samples = voice(16000, 1.0)
    np.testing.assert_array_equal(features.mfcc(samples), features.mfcc(samples.astype(np.float32) / 32768))


def test_frames_do_not_depend_on_what_is_computed_with_them() -> None:
    samples = voice(16000, 12.0)
    whole = features.mfcc(samples)
    np.testing.assert_array_equal(whole[300:310], features.mfcc(samples[300 * 320 :])[:10])


@pytest.mark.parametrize("kind", [np.float64, np.int32])
@pytest.mark.parametrize("shape", [(9,), (9, 2)])
def test_other_samples_are_refused(kind, shape) -> None:
    samples = np.zeros(shape, kind)
    with pytest.raises(ValueError, match="int16 or float32"):
        features.mfcc(samples)


def test_context_windows_are_frames_with_their_neighbours() -> None:
    frames = np.random.default_rng(0).normal(size=(5, 26)).astype(np.float32)
    windows = features.context_windows(frames, 9).reshape(5, 19, 26)
    for centre in range(5):
        for offset in range(-9, 10):
            neighbour = centre + offset
            expected = frames[neighbour] if 0 <= neighbour < 5 else np.zeros(26)
            np.testing.assert_array_equal(windows[centre, offset + 9], expected)
