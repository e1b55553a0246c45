"""Sound in and out, against Python's own wave module, soundfile and arithmetic."""

from __future__ import annotations

import io
import os
import resource
import stat
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

from asr.core import audio, sound_file
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
    (tmp_path / "x.wav").write_bytes(plain[:36] + extra + plain[36:])
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


def test_missing_empty_and_zero_length(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"no\.wav: cannot be read: No such file"):
        audio.load(tmp_path / "no.wav")
    with pytest.raises(AudioError, match="is not a file"):
        audio.load(tmp_path)
    (tmp_path / "empty.wav").write_bytes(b"")
    with pytest.raises(AudioError, match="0 bytes"):
        audio.load(tmp_path / "empty.wav")
    (tmp_path / "none.wav").write_bytes(audio.wav_bytes(np.zeros(0, dtype=np.int16)))
    with pytest.raises(AudioError, match="no samples"):
        audio.load(tmp_path / "none.wav")


def test_not_a_number(tmp_path: Path) -> None:
    samples = tone(0.1, RATE).astype(np.float32)
    samples[3], samples[5] = np.nan, np.inf
    soundfile.write(tmp_path / "x.wav", samples, RATE, subtype="FLOAT")
    with pytest.raises(AudioError, match="2 of its samples are not numbers"):
        audio.load(tmp_path / "x.wav")


def test_float_beyond_full_scale_is_limited(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", 4 * tone(0.1, RATE), RATE, subtype="FLOAT")
    samples = audio.load(tmp_path / "x.wav")
    assert samples.min() == -1.0
    assert samples.max() < 1.0


def test_a_flac_whose_stream_breaks(shared_data: Path) -> None:
    path = shared_data / "corrupt" / "lost_sync.flac"
    with soundfile.SoundFile(path) as file:
        assert file.frames > 0  # opening works; that is the trap
    with pytest.raises(AudioError, match=r"lost_sync\.flac: the file is damaged .*flac decoder lost sync"):
        audio.load(path)


def test_a_flac_that_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "x.flac"
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, 3 * RATE)
    soundfile.write(path, noise, RATE)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(AudioError, match=r"damaged|truncated"):
        audio.load(path)


@pytest.mark.parametrize(("subtype", "channels"), [("PCM_16", 1), ("FLOAT", 2), ("IMA_ADPCM", 1)])
def test_a_wav_that_is_cut_off(tmp_path: Path, subtype: str, channels: int) -> None:
    path = tmp_path / "x.wav"
    soundfile.write(path, np.tile(tone(3.0, RATE)[:, None], channels), RATE, subtype=subtype)
    assert len(audio.load(path)) == pytest.approx(3 * RATE, abs=1000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(AudioError, match=r"x\.wav: the file is truncated after 1\.[45] of 3\.[01] s"):
        audio.load(path)


@pytest.mark.parametrize("claimed", [0x7FFFFFFF, 0x7FFFFFFF - 36, 0x80000000, 0xFFFFFFFF, 2 * RATE + 44])
def test_a_wav_whose_writer_did_not_know_its_length(tmp_path: Path, claimed: int) -> None:
    data = bytearray(audio.wav_bytes(audio.to_int16(tone(1.0, RATE))))
    data[40:44] = struct.pack("<I", claimed)
    (tmp_path / "x.wav").write_bytes(data)
    assert len(audio.load(tmp_path / "x.wav")) == RATE


def test_an_absurd_length_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound_file, "LONGEST", 2)
    soundfile.write(tmp_path / "x.wav", np.zeros(3 * RATE), RATE)
    with pytest.raises(AudioError, match="Cut it into pieces"):
        audio.load(tmp_path / "x.wav")


def test_a_header_that_lies_about_its_length_allocates_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.flac"
    soundfile.write(path, tone(1.0, RATE), RATE)
    data = bytearray(path.read_bytes())
    # STREAMINFO's 36 bits of total samples: bytes 21 (low nibble) to 25 of the file.
    data[21] = (data[21] & 0xF0) | 0x0F
    data[22:26] = b"\xff\xff\xff\xff"
    path.write_bytes(bytes(data))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(AudioError):
        audio.load(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


def test_a_rate_of_no_sound(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(audio.wav_bytes(np.zeros(100, dtype=np.int16), rate=4))
    with pytest.raises(AudioError, match="4 Hz"):
        audio.load(tmp_path / "x.wav")


def test_text_without_a_converter_names_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("x.wav", "x.raw"):
        (tmp_path / name).write_text("this is no sound\n" * 50)
        with pytest.raises(AudioError, match="install ffmpeg or sox"):
            audio.load(tmp_path / name)


def fake_program(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f"#!{sys.executable}\n{textwrap.dedent(body)}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_ffmpeg_converts_what_soundfile_cannot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "x.m4a"
    source.write_bytes(b"\0\0\0\x18ftypM4A " + bytes(100))
    converted = tmp_path / "converted"
    soundfile.write(converted, tone(0.5, RATE), RATE, format="WAV", subtype="FLOAT")
    monkeypatch.setenv("PATH", str(tmp_path))
    fake_program(
        tmp_path,
        "ffmpeg",
        f"""
        import shutil, sys
        assert sys.argv[sys.argv.index("-i") + 1] == {str(source)!r}
        shutil.copy({str(converted)!r}, sys.argv[-1])
        """,
    )
    assert frequency_of(audio.load(source), RATE) == pytest.approx(440, abs=2)
    fake_program(tmp_path, "ffmpeg", "import sys; print('moov atom not found', file=sys.stderr); sys.exit(1)")
    with pytest.raises(AudioError, match="ffmpeg: moov atom not found"):
        audio.load(source)
    fake_program(tmp_path, "ffmpeg", "import time; time.sleep(60)")
    monkeypatch.setattr(sound_file, "_CONVERTER_TIMEOUT", 0.5)
    with pytest.raises(AudioError, match="did not finish"):
        audio.load(source)


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
