"""WAV headers that give another length than there is: what is read, and what is said of it."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.core import audio, wav_header
from asr.core.errors import AudioError

SAMPLES = (np.sin(np.arange(29_000) / 9) * 9000).astype("<i2")  # 58 kB


def wav(claimed: int, after: bytes = b"", before: bytes = b"") -> bytes:
    """Return a WAV file of SAMPLES whose header gives `claimed` bytes."""
    form = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 16000, 32000, 2, 16)
    data = b"data" + struct.pack("<I", claimed) + SAMPLES.tobytes() + after
    body = b"WAVE" + form + before + data
    return b"RIFF" + struct.pack("<I", min(len(body), 0xFFFFFFFF)) + body


LIST = b"LIST" + struct.pack("<I", 4004) + b"INFO" + bytes(range(1, 251)) * 16


@pytest.mark.parametrize(
    ("data", "remark"),
    [
        (wav(58_000), ""),
        (wav(58_000, b"\0"), ""),
        (wav(58_001), ""),
        (wav(58_000, LIST), ""),
        (wav(58_000, b"TAG" + bytes(range(1, 126)) * 20), ""),
        (wav(58_000, bytes(9000)), ""),
        (wav(58_000, before=LIST), ""),
        (wav(0), "its header says 0.0 s, and 1.8 s are there, which are all read"),
        (wav(0, before=LIST), "its header says 0.0 s"),
        (wav(16_000), "its header says 0.5 s, and 1.8 s are there"),
        (wav(2_000_000_000), "its header says 62500.0 s, and 1.8 s are there"),
        (wav(0xFFFFFFFF), ""),
        (wav(0x80000000), ""),
        (wav(0x7FFFFFFF - 36), ""),
    ],
)
def test_all_that_is_there_is_read(tmp_path: Path, data: bytes, remark: str) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(data)
    found, rate = audio.read(path)
    assert rate == 16000
    np.testing.assert_array_equal(np.rint(found[: len(SAMPLES), 0] * 32768), SAMPLES)
    # A recorder that claims the maximum says nothing of what follows.
    assert len(found) - len(SAMPLES) <= 1
    header = wav_header.read_header(path)
    assert header is not None and header.remark.startswith(remark) and bool(header.remark) == bool(remark)
    assert path.read_bytes() == data


def test_a_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(wav(116_000))
    with pytest.raises(AudioError, match=r"truncated after 1\.8 of 3\.6 s"):
        audio.load(tmp_path / "x.wav")


def test_other_files_have_no_such_header(tmp_path: Path) -> None:
    for kind in ("FLAC", "RF64", "AIFF"):
        soundfile.write(tmp_path / "x", SAMPLES, 16000, format=kind)
        assert wav_header.read_header(tmp_path / "x") is None
    (tmp_path / "x").write_bytes(wav(58_000)[:30])
    assert wav_header.read_header(tmp_path / "x") is None
