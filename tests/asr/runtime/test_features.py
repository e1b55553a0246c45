"""NumPy's features against the kernels of the client's graph, run by TensorFlow."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from asr.core.alphabet import Alphabet
from asr.runtime import features
from asr.runtime.rdft import rdft
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


def tone(rate: int, seconds: float) -> Int16:
    """Return a pure tone on a frequency of the transform, which leaves the others all but empty."""
    return np.round(20000 * np.sin(2 * np.pi * np.arange(int(rate * seconds)) / 8)).astype(np.int16)


def faint_tone(rate: int, seconds: float) -> Int16:
    return np.round(3 * np.sin(2 * np.pi * 440 * np.arange(int(rate * seconds)) / rate)).astype(np.int16)


def offset(rate: int, seconds: float) -> Int16:
    """Return silence with a constant of one step, whose spectrum falls below the least float32 at 48 kHz."""
    return np.ones(int(rate * seconds), np.int16)


def loud_offset(rate: int, seconds: float) -> Int16:
    """Return a loud constant: far above it in frequency, the transform's rounding is all that there is."""
    return np.full(int(rate * seconds), 32767, np.int16)


@pytest.mark.parametrize("rate", [*RATES, 48000])
@pytest.mark.parametrize("sound", [voice, noise, hiss, silence, tone, faint_tone, offset, loud_offset])
def test_bit_identical_with_the_graph(sound, rate) -> None:
    samples = sound(rate, 2.5)
    np.testing.assert_array_equal(features.mfcc(samples, rate), graph_features(samples, rate))


@pytest.mark.parametrize("rate", RATES)
def test_bit_identical_with_the_graph_on_speech(rate, shared_data: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    soxr = pytest.importorskip("soxr")
    recordings = sorted((shared_data / "coffee" / "recordings").iterdir())[:40:10]
    assert recordings
    values = 0
    for recording in recordings:
        samples, own_rate = soundfile.read(recording, dtype="float32", always_2d=True)
        resampled = soxr.resample(samples[:, 0], own_rate, rate)
        rounded = np.clip(np.round(resampled * 32768), -32768, 32767).astype(np.int16)[: rate * 6]
        found = features.mfcc(rounded, rate)
        np.testing.assert_array_equal(found, graph_features(rounded, rate))
        values += found.size
    assert values > 10_000


@pytest.mark.parametrize("points", [16, 32, 64, 128, 256, 512, 1024, 2048, 4096])
def test_fourier_transform_is_that_of_tensorflow(points) -> None:
    """Every bit of the float64 that the kernels round to float32 later, from the function that they call."""
    tensorflow = pytest.importorskip("tensorflow")
    library = ctypes.CDLL(str(Path(tensorflow.sysconfig.get_lib()) / "libtensorflow_framework.so.2"))
    if not hasattr(library, "rdft"):
        pytest.skip("this build of TensorFlow keeps its Fourier transform to itself")
    doubles, ints = ctypes.POINTER(ctypes.c_double), ctypes.POINTER(ctypes.c_int)
    samples = np.random.default_rng(points).normal(size=(20, points))
    table, reversal = np.zeros(points), np.zeros(points, np.int32)
    expected = samples.copy()
    tables = reversal.ctypes.data_as(ints), table.ctypes.data_as(doubles)
    for window in expected:
        library.rdft(points, 1, window.ctypes.data_as(doubles), *tables)
    found = rdft(samples.T.copy())
    assert found.shape == (points // 2 + 1, 2, 20)
    # The package keeps the highest frequency, which is real, in the place of the lowest one's imaginary part.
    np.testing.assert_array_equal(found[-1, 0], expected[:, 1])
    np.testing.assert_array_equal(found[0, 0], expected[:, 0])
    np.testing.assert_array_equal(found[1:-1].reshape(points - 2, 20), expected.T[2:])
    assert not found[[0, -1], 1].any()


@pytest.mark.parametrize("points", [1, 8, 24, 500])
def test_other_fourier_transforms_are_refused(points) -> None:
    with pytest.raises(ValueError, match=f"{points} points; a power of two is needed"):
        rdft(np.zeros((points, 3)))


@pytest.mark.parametrize("rate", [0, 31, 280])
def test_a_rate_too_low_for_a_window_is_refused(rate) -> None:
    with pytest.raises(ValueError, match=f"{rate} Hz is too low"):
        features.mfcc(np.zeros(9, np.int16), rate)


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


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("sound", [voice, noise, hiss])
def test_the_fast_sums_differ_by_rounding_only(sound, rate) -> None:
    samples = sound(rate, 0.5)
    np.testing.assert_allclose(features.mfcc(samples, rate, exact=False), graph_features(samples, rate), atol=2e-4)


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
