"""Sound in and out, against Python's own wave module, soundfile and arithmetic."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import textwrap
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from asr.core import audio
from asr.core.errors import AudioError

RATE = audio.SAMPLE_RATE


def tone(seconds: float, rate: int, frequency: float = 440.0, level: float = 0.5) -> npt.NDArray[np.float64]:
    return level * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)


def frequency_of(samples: npt.NDArray[np.float32], rate: int) -> float:
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(power.argmax()) * rate / len(samples)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 96000])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "FLOAT"])
def test_any_rate_and_depth_becomes_the_same_tone(tmp_path: Path, rate: int, subtype: str) -> None:
    path = tmp_path / "tone.wav"
    soundfile.write(path, np.stack([tone(0.5, rate), tone(0.5, rate)], axis=1), rate, subtype=subtype)
    samples = audio.load(path)
    assert samples.dtype == np.float32
    assert abs(len(samples) - RATE // 2) <= 1
    assert frequency_of(samples, RATE) == pytest.approx(440, abs=2)
    middle = samples[2000:6000]
    # 8 bits are one part in 128.
    assert float(np.abs(middle).max()) == pytest.approx(0.5, abs=0.012)


@pytest.mark.parametrize("name", ["tone.flac", "tone.ogg", "tone.mp3", "tone.aiff", "tone.au"])
def test_formats_of_soundfile(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    soundfile.write(path, tone(0.5, 16000), 16000)
    assert frequency_of(audio.load(path), RATE) == pytest.approx(440, abs=2)


def test_sixteen_bits_survive_unchanged(tmp_path: Path) -> None:
    values = np.arange(-32768, 32768, dtype=np.int16)
    soundfile.write(tmp_path / "all.flac", values, RATE)
    samples = audio.load(tmp_path / "all.flac")
    np.testing.assert_array_equal(audio.to_int16(samples), values)
    np.testing.assert_array_equal(samples, audio.to_float(values))


def test_int16_is_rounded_and_clipped() -> None:
    samples = np.array([0.0, 0.6 / 32768, -0.6 / 32768, 1.0, -1.0, 3.0, -3.0])
    assert audio.to_int16(samples).tolist() == [0, 1, -1, 32767, -32768, 32767, -32768]
    with pytest.raises(TypeError, match="int32"):
        audio.to_int16(np.array([1, 2], dtype=np.int32))


def test_wav_has_the_canonical_header(tmp_path: Path) -> None:
    samples = audio.to_int16(tone(0.1, RATE))
    path = tmp_path / "deep" / "clip.wav"
    audio.write_wav(path, samples)
    expected = io.BytesIO()
    with wave.open(expected, "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    assert path.read_bytes() == expected.getvalue()
    assert path.stat().st_size == audio.HEADER + 2 * len(samples)
    np.testing.assert_array_equal(audio.read_wav(path), samples)
    assert [item.name for item in path.parent.iterdir()] == ["clip.wav"]


def test_only_one_channel_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one channel"):
        audio.write_wav(tmp_path / "x.wav", np.zeros((10, 2), dtype=np.int16))


def test_read_wav_finds_the_samples_behind_other_chunks(tmp_path: Path) -> None:
    samples = np.arange(100, dtype=np.int16)
    plain = audio.wav_bytes(samples)
    extra = struct.pack("<4sI3sx", b"LIST", 3, b"abc")
    size = struct.pack("<I", len(plain) + len(extra) - 8)
    (tmp_path / "x.wav").write_bytes(plain[:4] + size + plain[8:36] + extra + plain[36:])
    np.testing.assert_array_equal(audio.read_wav(tmp_path / "x.wav"), samples)


def test_read_wav_refuses_what_is_not_a_clip(tmp_path: Path) -> None:
    samples = np.arange(100, dtype=np.int16)
    path = tmp_path / "x.wav"
    for data, words in (
        (audio.wav_bytes(samples)[:-1], "truncated"),
        (audio.wav_bytes(samples)[:30], "not a mono"),
        (audio.wav_bytes(samples, 8000), "not a mono"),
        (b"", "not a mono"),
    ):
        path.write_bytes(data)
        with pytest.raises(AudioError, match=words):
            audio.read_wav(path)
    with pytest.raises(AudioError, match=r"missing\.wav: cannot be read"):
        audio.read_wav(tmp_path / "missing.wav")


def test_channels_that_cancel_do_not_make_silence(tmp_path: Path) -> None:
    left = tone(0.5, RATE)
    soundfile.write(tmp_path / "x.wav", np.stack([left, -left], axis=1), RATE, subtype="FLOAT")
    assert float(np.abs(audio.load(tmp_path / "x.wav")).max()) == pytest.approx(0.5, abs=1e-4)
    soundfile.write(tmp_path / "y.wav", np.stack([left, 0 * left], axis=1), RATE, subtype="FLOAT")
    assert float(np.abs(audio.load(tmp_path / "y.wav")).max()) == pytest.approx(0.25, abs=1e-4)


def test_resampling_keeps_no_aliases() -> None:
    samples = audio.resample(tone(1.0, 48000, frequency=11000), 48000, RATE)
    # 11 kHz cannot be told at 16 kHz; a naive resampler would give 5 kHz.
    assert float(np.abs(samples[1000:-1000]).max()) < 0.001
    assert audio.resample(np.zeros(0, dtype=np.float32), 8000, RATE).shape == (0,)


def test_float_beyond_full_scale_is_limited(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", 4 * tone(0.1, RATE), RATE, subtype="FLOAT")
    samples = audio.load(tmp_path / "x.wav")
    assert samples.min() == -1.0
    assert samples.max() < 1.0


def test_a_full_disk_leaves_no_half_file(tmp_path: Path) -> None:
    """In a process of its own, whose files may not grow beyond 1,000 bytes."""
    program = """
        import resource, signal, sys, numpy as np
        from asr.core import audio, sound_file
        from asr.core.errors import AudioError
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            audio.write_wav(sys.argv[1], np.zeros(16000, dtype=np.int16))
        except AudioError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "x.wav")],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(audio.__file__).parents[2])},
        check=True,
    )
    assert "x.wav: cannot be written" in done.stdout
    assert not list(tmp_path.iterdir())


def test_a_header_tells_the_rate_without_reading_the_sound(tmp_path: Path) -> None:
    path = tmp_path / "telephone.flac"
    soundfile.write(path, np.zeros(100, np.int16), 8000)
    assert audio.header_rate(path) == 8000
    path.write_bytes(b"no sound")
    assert audio.header_rate(path) is None
    assert audio.header_rate(tmp_path / "gone.wav") is None
