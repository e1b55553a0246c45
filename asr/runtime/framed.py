"""Sound in frames from a board, over a serial line or UDP (docs/formats.md). firmware/lib/audio_frames.c writes them.

A frame has its number and the place of its first sample. So a reader finds the next frame after garbage, knows how many
were lost, and puts silence where sound is missing, which keeps times right.
"""

from __future__ import annotations

import struct
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import numpy.typing as npt

from .sound import SoundError

MAGIC = b"\xa5ASR"
VERSION = 1
MOST_SAMPLES = 512  # of a frame
FILLED = 1.0  # s of silence in place of lost sound, at most for one gap
_HEADER = struct.Struct("<4sBBHII")  # magic, version, kHz, samples, sequence, position
_CHECKSUM = 4  # bytes, behind the samples
_MODULUS = 1 << 32
_LATE = 64  # frames; one that is this far back or nearer came late, one further back is of another stream

Int16 = npt.NDArray[np.int16]


class FrameReader:
    """Finds frames in bytes that come in pieces of any size.

    Parameters
    ----------
    rate : that the sound must have, Hz.
    filled : s of silence in place of lost sound, at most for one gap.

    Attributes
    ----------
    frames : read.
    lost : frames that are missing between those that were read.
    late : frames that came after a later one, or twice; they are dropped.
    garbage : bytes that are in no frame.
    restarts : of the board.
    """

    def __init__(self, rate: int = 16000, filled: float = FILLED) -> None:
        self._rate = rate
        self._most_filled = round(filled * rate)
        self._waiting = b""
        self._kept = 0  # place in the bytes that came, before which nothing is needed any more
        self._expected: tuple[int, int] | None = None  # sequence and position of the next frame
        self.frames = self.lost = self.late = self.garbage = self.restarts = 0

    def accept(self, piece: bytes) -> Int16:
        """Return the sound of the frames that a piece completes, with silence in its gaps: int16 [n].

        Raises
        ------
        SoundError : a frame has another version or rate.
        """
        data = self._waiting + piece
        found: list[Int16] = [np.zeros(0, np.int16)]
        at = 0
        while (start := self._find(data, at)) is not None:
            _, version, kilohertz, count, sequence, position = _HEADER.unpack_from(data, start)
            if version != VERSION:
                raise SoundError(f"its frames have version {version}, and this program reads {VERSION}")
            if kilohertz * 1000 != self._rate:
                raise SoundError(f"its frames have {kilohertz} kHz, not {self._rate / 1000:g}")
            samples = np.frombuffer(data, "<i2", count, start + _HEADER.size).astype(np.int16)
            found += self._place(sequence, position, samples)
            at = start + _size(count)
        self._waiting = data[self._kept :]
        return np.concatenate(found)

    def _find(self, data: bytes, at: int) -> int | None:
        """Return where the next frame begins; None where more bytes are needed, from `_kept` on."""
        before = at
        while (start := data.find(MAGIC, at)) >= 0:
            if len(data) - start < _HEADER.size:
                break
            count = _HEADER.unpack_from(data, start)[3]
            end = start + _size(count)
            if 0 < count <= MOST_SAMPLES:
                if len(data) < end:
                    break
                (wanted,) = struct.unpack_from("<I", data, end - _CHECKSUM)
                if zlib.crc32(data[start + len(MAGIC) : end - _CHECKSUM]) == wanted:
                    self.garbage += start - before
                    return start
            at = start + 1
        # The end may be the beginning of a frame.
        self._kept = start if start >= 0 else max(at, len(data) - len(MAGIC) + 1)
        self.garbage += self._kept - before
        return None

    def _place(self, sequence: int, position: int, samples: Int16) -> list[Int16]:
        """Return a frame's samples after the silence that is missing before it."""
        silence = 0
        if self._expected is not None:
            missing = (sequence - self._expected[0]) % _MODULUS
            skipped = (position - self._expected[1]) % _MODULUS
            if sequence and missing >= _MODULUS - _LATE:
                self.late += 1
                return []
            if not sequence or missing >= _MODULUS // 2 or skipped >= _MODULUS // 2:
                # The numbers of a long stream come round to 0 as well, but then nothing is missing.
                self.restarts += int((missing, skipped) != (0, 0))
                missing = skipped = 0
            self.lost += missing
            silence = min(skipped, self._most_filled)
        self.frames += 1
        self._expected = (sequence + 1) % _MODULUS, (position + len(samples)) % _MODULUS
        return [np.zeros(silence, np.int16), samples]


def _size(count: int) -> int:
    """Return the bytes of a frame."""
    return _HEADER.size + 2 * count + _CHECKSUM


def read_framed(
    chunks: Iterable[bytes], rate: int = 16000, tell: Callable[[str], None] | None = None, filled: float = FILLED
) -> Iterator[Int16]:
    """Yield the sound of a framed stream: int16 [n] at `rate` Hz, with silence in place of what was lost.

    Parameters
    ----------
    chunks : bytes of a serial line or datagrams of UDP, of any size.
    tell : takes a line about frames that were lost; None: standard error.
    filled : s of silence at most for one gap.

    Raises
    ------
    SoundError : a frame has another version or rate.
    """
    tell = tell or _to_stderr
    reader = FrameReader(rate, filled)
    for chunk in chunks:
        lost = reader.lost
        sound = reader.accept(chunk)
        if reader.lost > lost:
            tell(f"frames of sound lost: {reader.lost - lost}, {reader.lost} in all")
        if len(sound):
            yield sound


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr)
