"""NumPy's features against TensorFlow's ops, which are those of the client's graph."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from asr.ctc.features import exact_mfcc
from asr.runtime import features
from tests.feature_sounds import RATES, SOUNDS, speech, voice

TOLERANCE = 1e-5


@pytest.mark.parametrize("rate", [*RATES, 48000])
@pytest.mark.parametrize("sound", SOUNDS)
def test_equal_to_the_ops(sound, rate) -> None:
    samples = sound(rate, 2.5)
    np.testing.assert_allclose(features.mfcc(samples, rate), exact_mfcc(samples, rate), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("rate", RATES)
def test_equal_to_the_ops_on_speech(rate, shared_data: Path) -> None:
    for samples in speech(shared_data, rate):
        np.testing.assert_allclose(features.mfcc(samples, rate), exact_mfcc(samples, rate), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("rate", [0, 31, 280])
def test_a_rate_too_low_for_a_window_is_refused(rate) -> None:
    with pytest.raises(ValueError, match=f"{rate} Hz is too low"):
        features.mfcc(np.zeros(9, np.int16), rate)


def test_an_empty_recording_is_one_frame_of_silence() -> None:
    found = features.mfcc(np.zeros(0, np.int16))
    np.testing.assert_allclose(found, exact_mfcc(np.zeros(512, np.int16))[:1], rtol=0, atol=TOLERANCE)


def test_float_samples_are_the_same_sound() -> None:
    samples = voice(16000, 1.0)
    np.testing.assert_array_equal(features.mfcc(samples), features.mfcc(samples.astype(np.float32) / 32768))


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize("size", [1, 160, 319, 1000, 40000])
def test_a_stream_gives_the_frames_of_the_recording(rate, size) -> None:
    sound = voice(rate, 1.0)
    for length in (0, 100, 511, 512, 831, 832, 833, len(sound)):
        samples = sound[:length]
        if size == 1 and length > 900:
            continue
        stream = features.MfccStream(rate)
        parts = [stream.accept(samples[first : first + size]) for first in range(0, length, size)]
        # Looking at the end does not disturb what follows it.
        ended = stream.copy()
        ended.accept(sound[:700])
        found = np.concatenate((*parts, stream.finish()))
        np.testing.assert_array_equal(found[-1:], stream.finish())
        np.testing.assert_allclose(found, features.mfcc(samples, rate), rtol=0, atol=1e-6)


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


def test_the_module_needs_numpy_alone() -> None:
    """A device has nothing else: neither TensorFlow nor SciPy nor the rest of the project."""
    script = (
        "import sys\n"
        f"exec(compile(open({features.__file__!r}).read(), 'features', 'exec'), vars(sys.modules['__main__']))\n"
        "print(*{name.partition('.')[0] for name in sys.modules} & {'tensorflow', 'scipy', 'asr'})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
