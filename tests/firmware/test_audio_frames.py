"""Frames of sound: the C writer on the host and in QEMU against the reader, garbage and losses included."""

from __future__ import annotations

import ctypes
import re
import struct
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from asr.core import audio
from asr.runtime.framed import FrameReader, read_framed
from asr.runtime.sound import SoundError
from tests.firmware_host import LIB, WARNINGS
from tools.firmware import machine

Sound = NDArray[np.int16]


class Frames(ctypes.Structure):
    _fields_ = (("sequence", ctypes.c_uint32), ("position", ctypes.c_uint32))


class Writer:
    """The C writer on this machine."""

    def __init__(self, library: ctypes.CDLL, sequence: int = 0, position: int = 0) -> None:
        self.library = library
        self.state = Frames(sequence, position)

    def frame(self, samples: Sound) -> bytes:
        made = (ctypes.c_uint8 * (20 + 2 * len(samples)))()
        size = ctypes.c_size_t()
        given = np.ascontiguousarray(samples)
        pointer = given.ctypes.data_as(ctypes.c_void_p)
        error = self.library.audio_frames_write(
            ctypes.byref(self.state), pointer, ctypes.c_size_t(len(given)), made, ctypes.c_size_t(len(made)),
            ctypes.byref(size),
        )  # fmt: skip
        assert (error, size.value) == (0, len(made))
        return bytes(made)

    def frames(self, samples: Sound, block: int = 320) -> list[bytes]:
        return [self.frame(samples[at : at + block]) for at in range(0, len(samples), block)]

    def skip(self, count: int) -> None:
        assert self.library.audio_frames_skip(ctypes.byref(self.state), ctypes.c_size_t(count)) == 0


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    target = tmp_path_factory.mktemp("frames") / "frames.so"
    command = ["gcc", *WARNINGS, "-O2", "-shared", "-fPIC", f"-I{LIB}", LIB / "audio_frames.c", "-o", target]
    subprocess.run([str(word) for word in command], check=True)
    return ctypes.CDLL(str(target))


def sound(count: int, seed: int = 1) -> Sound:
    return np.random.default_rng(seed).integers(-32768, 32768, count).astype(np.int16)


def read(*pieces: bytes, told: list[str] | None = None) -> Sound:
    found = list(read_framed(pieces, tell=(told if told is not None else []).append))
    return np.concatenate([np.zeros(0, np.int16), *found])


def test_a_frame_has_the_bytes_of_the_format(library: ctypes.CDLL) -> None:
    made = Writer(library, 7, 1000).frame(np.array([1, -2, 32767], np.int16))
    body = struct.pack("<BBHII3h", 1, 16, 3, 7, 1000, 1, -2, 32767)
    assert made == b"\xa5ASR" + body + struct.pack("<I", zlib.crc32(body))
    header = (LIB / "audio_frames.h").read_text()
    assert re.search(r"MOST_SAMPLES 512u", header) and re.search(r"at most 1044 bytes", header)


def test_the_writer_refuses_what_it_cannot_write(library: ctypes.CDLL) -> None:
    state, made, size = Frames(3, 4), (ctypes.c_uint8 * 2000)(), ctypes.c_size_t(99)
    samples = (ctypes.c_int16 * 600)()

    def write(count: int, capacity: int, state: object = ctypes.byref(state), samples: object = samples) -> int:
        return int(library.audio_frames_write(
            state, samples, ctypes.c_size_t(count), made, ctypes.c_size_t(capacity), ctypes.byref(size)
        ))  # fmt: skip

    assert write(3, 100, None) == write(3, 100, samples=None) == 1 and size.value == 0
    assert write(0, 2000) == write(513, 2000) == 2
    assert write(3, 25) == 3 and size.value == 0
    assert (state.sequence, state.position) == (3, 4) and not any(made)
    assert write(512, 1044) == 0 and size.value == 1044
    assert library.audio_frames_reset(None) == library.audio_frames_skip(None, ctypes.c_size_t(1)) == 1


@pytest.mark.parametrize("piece", [1, 7, 300, 660, 100_000])
def test_what_is_written_is_read_whatever_the_pieces(library: ctypes.CDLL, piece: int) -> None:
    samples = sound(10_000)
    stream = b"".join(Writer(library).frames(samples, 317))
    pieces = [stream[at : at + piece] for at in range(0, len(stream), piece)]
    told: list[str] = []
    np.testing.assert_array_equal(read(*pieces, told=told), samples)
    assert told == []


def test_it_goes_on_after_garbage(library: ctypes.CDLL) -> None:
    samples = sound(320 * 8)
    frames = Writer(library).frames(samples)
    noise = np.random.default_rng(3).integers(0, 256, 5000).astype(np.uint8).tobytes()
    for rubbish in (noise, b"\xa5ASR", b"\xa5ASR\x01\x10\x00\x02" + noise[:40], b"\xa5\xa5AS", b"\xa5ASR" * 300):
        for piece in (11, 100_000):
            stream = rubbish + b"".join(frames[:4]) + rubbish + b"".join(frames[4:]) + bytes(1100)
            reader = FrameReader()
            found = [reader.accept(stream[at : at + piece]) for at in range(0, len(stream), piece)]
            np.testing.assert_array_equal(np.concatenate(found), samples)
            assert (reader.frames, reader.lost) == (8, 0)
            assert 2 * len(rubbish) <= reader.garbage <= 2 * len(rubbish) + 1100


def test_a_frame_with_a_wrong_bit_is_lost_and_silent(library: ctypes.CDLL) -> None:
    samples = sound(320 * 5)
    frames = Writer(library).frames(samples)
    expected = samples.copy()
    expected[640:960] = 0
    for place in (0, 4, 6, 8, 12, 16, 400, len(frames[2]) - 1):
        bad = bytearray(frames[2])
        bad[place] ^= 0x10
        told: list[str] = []
        np.testing.assert_array_equal(read(*frames[:2], bytes(bad), *frames[3:], bytes(1100), told=told), expected)
        assert told == ["frames of sound lost: 1, 1 in all"], place


def test_gaps_are_filled_up_to_a_bound(library: ctypes.CDLL) -> None:
    writer = Writer(library)
    first = writer.frame(sound(100))
    writer.skip(400)
    second = writer.frame(sound(100, 2))
    lost = [writer.frame(sound(512)) for _ in range(100)]  # 3.2 s
    third = writer.frame(sound(100, 3))
    reader = FrameReader(filled=0.5)
    found = [reader.accept(piece) for piece in (first, second, third)]
    assert [len(piece) for piece in found] == [100, 500, 8100]
    assert not found[1][:400].any() and not found[2][:8000].any()
    assert (reader.frames, reader.lost, reader.late, reader.restarts) == (3, len(lost), 0, 0)


def test_late_frames_restarts_and_numbers_that_come_round(library: ctypes.CDLL) -> None:
    frames = Writer(library).frames(sound(320 * 6))
    reader = FrameReader()
    lengths = [len(reader.accept(frames[number])) for number in (0, 1, 3, 2, 3, 4)]
    assert lengths == [320, 320, 640, 0, 0, 320] and (reader.lost, reader.late) == (1, 2)
    assert [len(reader.accept(frame)) for frame in Writer(library).frames(sound(640))] == [320, 320]
    assert (reader.restarts, reader.lost) == (1, 1)
    round_ = FrameReader()
    writer = Writer(library, (1 << 32) - 2, (1 << 32) - 500)
    assert [len(round_.accept(frame)) for frame in writer.frames(sound(320 * 4))] == [320] * 4
    assert (round_.frames, round_.lost, round_.restarts) == (4, 0, 0)


def test_another_version_or_rate_is_said(library: ctypes.CDLL) -> None:
    made = Writer(library).frame(sound(10))
    for place, message in ((4, "its frames have version 2"), (5, "its frames have 2 kHz, not 16")):
        body = bytearray(made[4:-4])
        body[place - 4] = 2
        with pytest.raises(SoundError, match=message):
            read(made[:4] + bytes(body) + struct.pack("<I", zlib.crc32(body)))
    with pytest.raises(SoundError, match="its frames have 16 kHz, not 8"):
        list(read_framed([made], 8000))


@pytest.mark.skipif(bool(machine.missing()), reason="no compiler and emulator of a Cortex-M4")
def test_the_board_in_qemu_writes_what_the_host_writes(library: ctypes.CDLL, tmp_path: Path) -> None:
    samples = sound(16_000)
    audio.write_wav(tmp_path / "sound.wav", samples)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "keyword_model.c").write_text("typedef int no_model_is_needed;\n")
    (tmp_path / "model" / "keyword_model.h").write_text("")
    elf = machine.build("frames", tmp_path / "model", tmp_path)
    for block in (320, 133):
        printed = machine.figures(machine.run(elf, tmp_path / "sound.wav", tmp_path / "frames", block, timeout=300))
        stream = (tmp_path / "frames").read_bytes()
        assert stream == b"".join(Writer(library).frames(samples, block))
        np.testing.assert_array_equal(read(stream), samples)
        assert printed["frames"] == -(-len(samples) // block)
        assert printed["stack"] < 512
