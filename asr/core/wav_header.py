"""WAV files whose header says another length than they have: of recorders that stream, crash or count wrongly.

A recorder that does not know how long it will record writes 0, the maximum or a round number as the length of its data,
and may never correct it. libsndfile believes a length that is too short.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from pathlib import Path

LOST = 0.05  # s that may be missing or too many: some programs count the header as sound

_LONGEST = 3 * 3600  # s; no recording is meant to be that long
_UNKNOWN = 0x7FF00000  # bytes; programs that write into a pipe (sox, arecord, ffmpeg) claim the maximum
_ROUND = 1_000_000_000  # bytes; more is a guess, or a file of hours
_MOST_CHUNKS = 1000
_TAGS = (b"ID3", b"TAG", b"APETAGEX")  # of music programs, which append them


@dataclass(frozen=True)
class WavHeader:
    """The lengths of a WAV file.

    Attributes
    ----------
    start : of the samples, bytes from the beginning of the file.
    claimed : bytes of samples that the header gives.
    present : bytes from there to the end of the file.
    per_second : bytes of a second of sound.
    samples : bytes that are samples.
    """

    start: int
    claimed: int
    present: int
    per_second: int
    samples: int

    @property
    def is_false(self) -> bool:
        """Whether libsndfile would read less than is there."""
        return self.samples > self.claimed

    @property
    def is_guess(self) -> bool:
        """Whether the header gives a length that its writer did not know."""
        return self.claimed > self.present and self.samples == self.present

    @property
    def remark(self) -> str:
        """What is wrong with the header; "" if nothing is, or if the writer said that it knew no length."""
        if not self.is_false and (not self.is_guess or self.claimed >= _UNKNOWN):
            return ""
        there, said = self.samples / self.per_second, self.claimed / self.per_second
        return f"its header says {said:.1f} s, and {there:.1f} s are there, which are all read"


def read_header(path: Path | str) -> WavHeader | None:
    """Return the lengths of a WAV file; None for other files, RF64 and headers without samples or format."""
    with Path(path).open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        begin = file.read(12)
        if begin[:4] != b"RIFF" or begin[8:12] != b"WAVE":
            return None
        start, per_second = 12, 0
        for _ in range(_MOST_CHUNKS):
            file.seek(start)
            chunk = file.read(8)
            if len(chunk) < 8:
                return None
            name, length = struct.unpack("<4sI", chunk)
            start += 8
            if name == b"fmt ":
                form = file.read(16)
                if len(form) == 16:
                    (per_second,) = struct.unpack_from("<I", form, 8)
            elif name == b"data":
                if not per_second or size <= start:
                    return None
                file.seek(min(start + length + (length & 1), size))
                after = file.read(64)
                return _judge(start, length, size - start, per_second, after)
            start += length + (length & 1)
    return None


def opened(path: Path | str) -> str | io.RawIOBase:
    """Return what libsndfile should open: the path, or the file with its header corrected."""
    try:
        header = read_header(path)
    except OSError:
        header = None
    return str(path) if header is None or not header.is_false else _Corrected(Path(path), header)


def _judge(start: int, claimed: int, present: int, per_second: int, after: bytes) -> WavHeader:
    """Return the lengths, with what is taken for samples; `after` is what follows those that the header gives."""
    samples = min(claimed, present)
    if claimed < present and present - claimed > LOST * per_second:
        is_chunk = len(after) >= 8 and after[:4].isascii() and after[:4].decode("ascii").isprintable()
        if not is_chunk and not after.startswith(_TAGS) and after.strip(b"\0"):
            samples = present
    elif claimed > present and not (claimed >= _ROUND or claimed > _LONGEST * per_second):
        # A plausible length: the file was cut off.
        samples = claimed
    return WavHeader(start, claimed, present, per_second, samples)


class _Corrected(io.RawIOBase):
    """A WAV file with the length of its samples in the header, as a stream to read."""

    def __init__(self, path: Path, header: WavHeader) -> None:
        super().__init__()
        self._file = path.open("rb")
        begin = bytearray(self._file.read(header.start))
        struct.pack_into("<I", begin, 4, min(header.start - 8 + header.samples, 0xFFFFFFFF))
        struct.pack_into("<I", begin, header.start - 4, min(header.samples, 0xFFFFFFFF))
        self._begin = bytes(begin)
        self._file.seek(0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int = -1) -> bytes:
        at = self._file.tell()
        data = self._file.read(size)
        overlaid = self._begin[at : at + len(data)]
        return overlaid + data[len(overlaid) :]

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()
