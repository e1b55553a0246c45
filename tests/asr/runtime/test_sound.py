"""Sound for the runtime against soundfile and soxr, and files that are none."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.runtime.resampler import Resampler
from asr.runtime.sound import SoundError, read_sound
from tests.asr.runtime.tone_device import Int16


def read(content: bytes, rate: int = 16000, *, raw: bool = False) -> Int16:
    return np.concatenate(list(read_sound(io.BytesIO(content), rate, raw=raw)))


def written(samples: np.ndarray, rate: int, subtype: str, form: str = "WAV") -> bytes:
    out = io.BytesIO()
    soundfile.write(out, samples, rate, subtype=subtype, format=form)
    return out.getvalue()


class Pipe(io.RawIOBase):
    """Gives what was written in small pieces, and knows no length."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._content.read(min(size, 100))


@pytest.mark.parametrize("form", ["WAV", "WAVEX"])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT"])
@pytest.mark.parametrize("channels", [1, 2])
def test_files_are_read_as_soundfile_reads_them(subtype: str, channels: int, form: str) -> None:
    samples = 0.3 * np.random.default_rng(1).standard_normal((4321, channels)).clip(-3, 3)
    content = written(samples, 16000, subtype, form)
    expected, _ = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    found = read(content)
    assert found.dtype == np.int16
    np.testing.assert_allclose(found, 32768 * expected.mean(axis=1), atol=0.51)


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000])
def test_other_rates_are_resampled_as_soxr_does(rate: int) -> None:
    # Chirps within the band that both leave alone.
    seconds = np.arange(rate) / rate
    top = 0.8 * min(rate, 16000) / 2
    samples = (0.5 * np.sin(np.pi * top * seconds**2)).astype(np.float32)
    expected = soxr.resample(samples, rate, 16000, quality="VHQ")
    resampler = Resampler(rate, 16000)
    parts = [resampler.accept(part) for part in np.array_split(samples, [1, 7, 500, 501, 2000])]
    found = np.concatenate((*parts, resampler.finish()))
    assert len(found) == len(expected) == 16000
    np.testing.assert_allclose(found[400:-400], expected[400:-400], atol=2e-3)
    # What the new rate cannot hold does not come back as something else.
    if rate > 20000:
        high = Resampler(rate, 16000).accept(np.sin(2 * np.pi * 9500 * seconds).astype(np.float32))
        assert np.abs(high[400:-400]).max() < 2e-3


def test_a_pipe_need_not_know_its_length() -> None:
    samples = np.arange(-3000, 3000, dtype=np.int16)
    content = written(samples, 16000, "PCM_16")
    unknown = bytearray(content)
    unknown[40:44] = struct.pack("<I", 0xFFFFFFFF)
    for data in (bytes(unknown), content):
        found = np.concatenate(list(read_sound(Pipe(data), 16000)))  # type: ignore[arg-type]
        np.testing.assert_array_equal(found, samples)
    np.testing.assert_array_equal(read(samples.tobytes(), raw=True), samples)
    # Programs write other chunks before the samples.
    between = content[:36] + b"LIST" + struct.pack("<I", 5) + b"INFOx\0" + content[36:]
    np.testing.assert_array_equal(read(between), samples)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"it is empty \(0 bytes\)"),
        (b"hello, this is text", "it is no WAV file; convert it with: ffmpeg"),
        (b"fLaC" + bytes(100), "it is FLAC, not WAV"),
        (b"RIFF\x04\0\0\0AVI ", "it is a RIFF file, but no WAV file"),
        (written(np.zeros(0), 16000, "PCM_16"), "it has no samples"),
        (written(np.zeros(16000), 16000, "PCM_16")[:12000], r"it is cut off: 0\.4 of 1\.0 s are there"),
        (written(np.zeros(16000), 16000, "PCM_16")[:40], "without samples, cut off or damaged"),
        (written(np.zeros(16000), 16000, "DOUBLE"), "64 bits of format 3; convert it to 16-bit PCM"),
        (written(np.zeros(100), 500, "PCM_16"), "1 channels at 500 Hz are not plausible"),
    ],
)
def test_what_is_no_sound_is_refused_in_a_line(content: bytes, message: str) -> None:
    with pytest.raises(SoundError, match=message):
        read(content)


@given(st.binary(max_size=80), st.integers(0, 43), st.booleans())
@settings(max_examples=300)
def test_damaged_headers_do_no_harm(noise: bytes, place: int, raw: bool) -> None:
    content = bytearray(written(np.zeros(50), 16000, "PCM_16"))
    content[place : place + len(noise)] = noise
    try:
        found = read(bytes(content), raw=raw)
    except SoundError as error:
        assert "\n" not in str(error)
    else:
        assert len(found) <= 4 * len(content)  # 4 kHz of 8 bits to 16 kHz


def test_sound_is_read_a_piece_at_a_time(tmp_path: Path) -> None:
    samples = np.random.default_rng(3).integers(-9000, 9000, 48000).astype(np.int16)
    (tmp_path / "a.wav").write_bytes(written(samples, 16000, "PCM_16"))
    with (tmp_path / "a.wav").open("rb") as file:
        pieces = list(read_sound(file, 16000))
    assert {len(piece) for piece in pieces} == {320}
