"""The keyword frontend: bit for bit the microfrontend's C++, however the sound is cut into blocks."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from asr.core import audio
from asr.core.errors import SetupError
from asr.keyword import frontend
from asr.keyword.frontend import AverageFrontend, Frontend, features
from tools import frontend_tables
from tools.bench import microfrontend

Int16 = npt.NDArray[np.int16]
SECONDS = 20
N = SECONDS * frontend.SAMPLE_RATE


@pytest.fixture(scope="module")
def reference() -> microfrontend.Microfrontend:
    """The C++ of the pinned source package, compiled."""
    try:
        return microfrontend.Microfrontend.build()
    except SetupError as error:
        pytest.skip(str(error))


def noise(seed: int, level: float) -> Int16:
    samples = np.random.default_rng(seed).normal(0, level, N)
    return np.clip(samples, -32768, 32767).astype(np.int16)


def tone(frequency: float) -> npt.NDArray[np.float64]:
    return np.sin(2 * np.pi * frequency * np.arange(N) / frontend.SAMPLE_RATE)


def clicks() -> Int16:
    rng = np.random.default_rng(4)
    samples = np.zeros(N, np.int16)
    samples[rng.integers(0, N, 500)] = rng.choice([-32768, 32767], 500)
    return samples


# Every one is here for a branch: the largest magnitudes, none at all, the shifts in between, and loud after quiet.
SOUNDS: dict[str, Callable[[], Int16]] = {
    "silence": lambda: np.zeros(N, np.int16),
    "lowest": lambda: np.full(N, -32768, np.int16),
    "highest": lambda: np.full(N, 32767, np.int16),
    "full-scale noise": lambda: np.random.default_rng(1).integers(-32768, 32768, N).astype(np.int16),
    "extremes": lambda: np.random.default_rng(2).choice([-32768, 32767], N).astype(np.int16),
    "least significant bit": lambda: np.random.default_rng(3).integers(-1, 2, N).astype(np.int16),
    "quiet": lambda: noise(5, 10),
    "middling": lambda: noise(6, 500),
    "loud": lambda: noise(7, 8000),
    "clicks": clicks,
    "bursts": lambda: np.where(np.arange(N) // 8000 % 2, noise(8, 20000), 0).astype(np.int16),
    "fading in": lambda: (noise(9, 0.2) + noise(9, 8000) * np.linspace(0, 1, N) ** 4).astype(np.int16),
    **{
        f"{wave} of {frequency} Hz": lambda f=frequency, w=wave: (  # type: ignore[misc]
            np.round(32767 * tone(f)) if w == "sine" else np.where(tone(f) >= 0, 32767, -32768)
        ).astype(np.int16)
        for frequency in (100, 440, 3999, 7500)
        for wave in ("sine", "square")
    },
}


def test_values_are_the_reference_s(reference: microfrontend.Microfrontend) -> None:
    compared = differing = 0
    for name, make in SOUNDS.items():
        samples = make()
        expected = reference.values(samples)
        assert expected.shape == (SECONDS * 50 - 1, frontend.CHANNELS)
        found = Frontend().values(samples)
        wrong = int(np.count_nonzero(found != expected))
        assert wrong == 0, f"{name}: {wrong} of {expected.size} differ"
        compared, differing = compared + expected.size, differing + wrong
    assert compared >= 500_000
    assert differing == 0


def test_values_of_speech_are_the_reference_s(reference: microfrontend.Microfrontend, shared_data: Path) -> None:
    recordings = sorted((shared_data / "wakewords").rglob("*.flac"))[::40]
    assert len(recordings) >= 20
    for recording in recordings:
        sound = audio.load(recording)
        samples = np.clip(np.round(sound * 32768), -32768, 32767).astype(np.int16)
        np.testing.assert_array_equal(Frontend().values(samples), reference.values(samples), err_msg=str(recording))


def test_tables_are_what_their_script_writes() -> None:
    assert frontend_tables.HEADER.read_text(encoding="utf-8") == frontend_tables.render()
    assert frontend_tables.AVERAGE_HEADER.read_text(encoding="utf-8") == frontend_tables.render_average()


def test_the_fingerprint_is_the_headers() -> None:
    assert f"FRONTEND_FINGERPRINT 0x{frontend.fingerprint():08x}u" in frontend_tables.render()


@pytest.mark.parametrize("length", [1, 7, 160, 319, 320, 321, 480, 512, 4000])
def test_blocks_of_any_length_give_the_same_slices(length: int) -> None:
    samples = noise(10, 3000)[: 3 * frontend.SAMPLE_RATE]
    stream = Frontend()
    blocks = [stream.process(samples[start : start + length]) for start in range(0, samples.size, length)]
    np.testing.assert_array_equal(np.concatenate(blocks), features(samples))


@pytest.mark.parametrize(
    ("samples", "slices"), [(0, 0), (479, 0), (480, 1), (799, 1), (800, 2), (16000, 49), (16159, 49), (16160, 50)]
)
def test_a_slice_is_due_every_20_ms_after_the_first_30(samples: int, slices: int) -> None:
    assert features(np.zeros(samples, np.int16)).shape == (slices, frontend.CHANNELS)


def test_bytes_are_scaled_as_micro_speech_scales_them() -> None:
    samples = np.concatenate([SOUNDS["square of 3999 Hz"](), noise(11, 3000)])
    values = Frontend().values(samples).astype(np.int32)
    # micro_features_generator.cc: value_scale 256, value_div (int)(25.6f * 26.0f + 0.5f).
    expected = np.clip((values * 256 + 666 // 2) // 666 - 128, -128, 127)
    assert values.max() > 666  # so that the clip is tried as well
    np.testing.assert_array_equal(features(samples), expected)


def simple_features(samples: Int16) -> npt.NDArray[np.float64]:
    """Return twice the mean powers of TensorFlow Lite Micro's simple_features_generator.cc, not yet rounded."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(480) / 480)
    windows = np.lib.stride_tricks.sliding_window_view(samples, 480)[::320] / 32768 * hann
    power = np.abs(np.fft.rfft(windows, 512)[:, :256]) ** 2
    groups = np.pad(power, ((0, 0), (0, 2))).reshape(len(windows), 43, 6)
    return groups.sum(axis=2) / 6 * (255.0 / 127.5)  # type: ignore[no-any-return]


def test_average_is_the_mean_power_of_six_neighbours() -> None:
    seen = set()
    for name, make in SOUNDS.items():
        exact = simple_features(make())
        found = features(make(), "average")
        assert found.shape == (SECONDS * 50 - 1, 43)
        # roundf takes halves upwards; what lies on the very edge may go either way.
        edge = np.abs(exact + 0.5 - np.round(exact + 0.5)) < 1e-3
        expected = np.clip(np.floor(exact + 0.5), 0, 255)
        np.testing.assert_array_equal(found[~edge], expected[~edge], err_msg=name)
        assert np.abs(found - expected).max() <= 1
        seen |= set(found.ravel().tolist())
    assert seen == set(range(256))


def test_average_comes_out_the_same_in_blocks() -> None:
    samples = noise(14, 3000)[: 2 * frontend.SAMPLE_RATE]
    stream = AverageFrontend()
    blocks = [stream.process(samples[start : start + 333]) for start in range(0, samples.size, 333)]
    np.testing.assert_array_equal(np.concatenate(blocks), features(samples, "average"))


def test_an_unknown_recipe_is_refused() -> None:
    with pytest.raises(ValueError, match="micro and average"):
        features(np.zeros(16000, np.int16), "mfcc")


def test_reset_forgets() -> None:
    stream = Frontend()
    stream.process(noise(12, 5000)[:1234])
    stream.reset()
    np.testing.assert_array_equal(stream.process(noise(13, 500)), features(noise(13, 500)))


def test_other_types_are_refused() -> None:
    with pytest.raises(TypeError, match="int16"):
        features(np.zeros(16000, np.float32))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="one row"):
        features(np.zeros((2, 16000), np.int16))


def test_the_core_refuses_what_it_cannot_use() -> None:
    core = frontend.library()
    state = ctypes.create_string_buffer(4096)
    slices = (ctypes.c_int8 * 80)()
    samples = (ctypes.c_int16 * 960)()
    made = ctypes.c_size_t(7)
    process = ctypes.CDLL(core._name).frontend_process
    process.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t] * 2
    reset = ctypes.CDLL(core._name).frontend_reset
    assert reset(None) == 1
    assert reset(state) == 0

    def call(*arguments: object) -> int:  # state, samples, count, slices, capacity, &made
        return int(process(*arguments))

    assert call(None, samples, 960, slices, 2, ctypes.addressof(made)) == 1
    assert call(state, None, 960, slices, 2, ctypes.addressof(made)) == 1
    assert call(state, samples, 960, None, 2, ctypes.addressof(made)) == 1
    assert call(state, samples, 960, slices, 1, ctypes.addressof(made)) == 2
    assert made.value == 0
    assert call(state, samples, 960, slices, 2, ctypes.addressof(made)) == 0
    assert made.value == 2
    ctypes.memset(state, 0xFF, 4096)
    assert call(state, samples, 960, slices, 2, ctypes.addressof(made)) == 3
