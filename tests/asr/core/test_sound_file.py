"""Decoding of sound files: formats, damage and absurd headers are errors that say what was found."""

from __future__ import annotations

import resource
import stat
import struct
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.core import audio, sound_file
from asr.core.errors import AudioError
from tests.asr.core.test_audio import frequency_of, tone

RATE = audio.SAMPLE_RATE


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
        (tmp_path / name).write_bytes(bytes(range(5, 250)) * 5)
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
