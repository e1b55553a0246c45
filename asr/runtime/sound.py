"""Sound from a WAV file, a pipe or a microphone: mono int16 at the network's rate, a chunk at a time.

Reads RIFF/WAVE with 8 to 32-bit integers or 32-bit floats (Microsoft and IBM, "Multimedia Programming Interface and
Data Specifications 1.0", 1991; and WAVE_FORMAT_EXTENSIBLE). Sizes in the file are not trusted.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from .resampler import Resampler

Int16 = npt.NDArray[np.int16]
Float32 = npt.NDArray[np.float32]

CHUNK = 0.02  # s that are read at a time
RATES = (4000, 192000)  # Hz
MOST_CHANNELS = 64

_INTEGER, _FLOATING, _EXTENSIBLE = 1, 3, 0xFFFE
# Programs that write into a pipe do not know the length, and claim one of these and more.
_UNKNOWN_LENGTH = 0x7FF00000
_MOST_CHUNKS = 1000  # of a RIFF file, before its samples
_LOST = 0.05  # s that may be missing: some programs count the header as sound
_OTHERS = {b"fLaC": "FLAC", b"OggS": "Ogg", b"ID3": "MP3", b"\xff\xfb": "MP3", b"FORM": "AIFF", b"RF64": "RF64"}


class SoundError(ValueError):
    """Sound that cannot be read; the text is one line."""


@dataclass(frozen=True)
class Form:
    """The form of the samples.

    Attributes
    ----------
    rate : Hz.
    channels : interleaved.
    bits : of a sample.
    floating : whether a sample is a float.
    """

    rate: int
    channels: int
    bits: int
    floating: bool = False

    @property
    def width(self) -> int:
        """Bytes of one sample of all channels."""
        return self.channels * self.bits // 8


RAW = Form(16000, 1, 16)


def read_sound(file: BinaryIO, rate: int, *, raw: bool = False) -> Iterator[Int16]:
    """Yield the sound of a WAV file: int16 [n] of one channel at `rate` Hz, 20 ms at a time.

    Parameters
    ----------
    file : a file or a pipe.
    raw : without a header it is mono PCM of 16 bits at 16 kHz, and no error.

    Raises
    ------
    SoundError : it is no such sound, has no samples, or is cut off.
    """
    start = _read(file, 4)
    if start == b"RIFF":
        form, size = _read_header(file)
        pieces = _pieces(file, b"", form, size)
    elif not start:
        raise SoundError("it is empty (0 bytes)")
    else:
        other = next((name for sign, name in _OTHERS.items() if start.startswith(sign)), "")
        if other or not raw:
            found = f"it is {other}, not WAV" if other else "it is no WAV file"
            raise SoundError(f"{found}; convert it with: ffmpeg -i FILE sound.wav")
        form = RAW
        pieces = _pieces(file, start, form, None)
    yield from _convert(pieces, form, rate)


def _read(file: BinaryIO, count: int) -> bytes:
    """Return `count` bytes, fewer only at the end; a pipe may give them in pieces."""
    found = b""
    while len(found) < count:
        piece = file.read(count - len(found))
        if not piece:
            break
        found += piece
    return found


def _read_header(file: BinaryIO) -> tuple[Form, int | None]:
    """Return the form of a WAV file and the bytes of its samples, None if unknown; leave the file at the first."""
    if _read(file, 8)[4:] != b"WAVE":
        raise SoundError("it is a RIFF file, but no WAV file")
    form: Form | None = None
    for _ in range(_MOST_CHUNKS):
        header = _read(file, 8)
        if len(header) < 8:
            break
        name, length = struct.unpack("<4sI", header)
        if name == b"data":
            if form is None:
                break
            return form, _checked_size(file, form, length)
        content = _read(file, min(length, 64))
        if name == b"fmt ":
            form = _read_form(content)
        left = length + (length & 1) - len(content)
        while left > 0:
            skipped = len(_read(file, min(left, 1 << 16)))
            if not skipped:
                break
            left -= skipped
    raise SoundError("it is a WAV file without samples, cut off or damaged")


def _read_form(content: bytes) -> Form:
    if len(content) < 16:
        raise SoundError("its fmt chunk is cut off")
    kind, channels, rate, _, _, bits = struct.unpack("<HHIIHH", content[:16])
    if kind == _EXTENSIBLE and len(content) >= 26:
        kind = struct.unpack("<H", content[24:26])[0]
    if (kind, bits) not in ((_INTEGER, 8), (_INTEGER, 16), (_INTEGER, 24), (_INTEGER, 32), (_FLOATING, 32)):
        raise SoundError(f"its samples have {bits} bits of format {kind}; convert it to 16-bit PCM")
    return checked(Form(rate, channels, bits, kind == _FLOATING))


def checked(form: Form) -> Form:
    """Return a form; SoundError if no sound has that rate or that many channels."""
    if not RATES[0] <= form.rate <= RATES[1] or not 0 < form.channels <= MOST_CHANNELS:
        raise SoundError(f"{form.channels} channels at {form.rate} Hz are not plausible")
    return form


def _checked_size(file: BinaryIO, form: Form, claimed: int) -> int | None:
    """Return the bytes of samples; None if nobody knows."""
    if not file.seekable():
        return None if claimed >= _UNKNOWN_LENGTH or not claimed else claimed
    here = file.tell()
    present = file.seek(0, os.SEEK_END) - here
    file.seek(here)
    if claimed >= _UNKNOWN_LENGTH:
        return present
    if (claimed - present) / form.width > _LOST * form.rate:
        lengths = f"{present / form.width / form.rate:.1f} of {claimed / form.width / form.rate:.1f} s"
        raise SoundError(f"it is cut off: {lengths} are there" if present else "it has no samples")
    return min(claimed, present)


def _pieces(file: BinaryIO, first: bytes, form: Form, size: int | None) -> Iterator[bytes]:
    """Yield whole samples, 20 ms at a time."""
    length = max(1, round(CHUNK * form.rate)) * form.width
    given = 0
    while size is None or given < size:
        wanted = length if size is None else min(length, size - given)
        piece = first + _read(file, wanted - len(first))
        first = b""
        given += len(piece)
        if len(piece) >= form.width:
            yield piece[: len(piece) // form.width * form.width]
        if len(piece) < wanted:
            break
    if given < form.width:
        raise SoundError("it has no samples")


class Converter:
    """Turns raw samples of any form into int16 of one channel.

    Parameters
    ----------
    form : of the samples that come.
    rate : of what is returned, Hz.
    """

    def __init__(self, form: Form, rate: int) -> None:
        self._form = form
        self._plain = form == Form(rate, 1, 16)
        self._resampler = Resampler(form.rate, rate) if form.rate != rate else None
        self._rest = b""

    def accept(self, piece: bytes) -> Int16:
        """Return the sound of some bytes: int16 [n]; part of a sample waits for the next bytes."""
        piece = self._rest + piece
        whole = len(piece) // self._form.width * self._form.width
        piece, self._rest = piece[:whole], piece[whole:]
        if self._plain:
            return np.frombuffer(piece, "<i2").astype(np.int16)
        mono = _floats(piece, self._form).reshape(-1, self._form.channels).mean(axis=1, dtype=np.float32)
        return to_int16(self._resampler.accept(mono) if self._resampler else mono)

    def finish(self) -> Int16:
        """Return what is left when the sound has ended: int16 [n]."""
        return to_int16(self._resampler.finish()) if self._resampler else np.zeros(0, np.int16)


def _convert(pieces: Iterable[bytes], form: Form, rate: int) -> Iterator[Int16]:
    """Yield pieces as int16 of one channel at `rate`."""
    converter = Converter(form, rate)
    for piece in pieces:
        yield converter.accept(piece)
    if form.rate != rate:
        yield converter.finish()


def _floats(piece: bytes, form: Form) -> Float32:
    """Return samples in [-1, 1), float32 [n * channels]."""
    if form.floating:
        floats = np.frombuffer(piece, "<f4").astype(np.float32)
        return np.nan_to_num(floats, nan=0.0, posinf=1.0, neginf=-1.0)
    if form.bits == 8:
        return (np.frombuffer(piece, np.uint8).astype(np.float32) - np.float32(128)) / np.float32(128)
    if form.bits == 16:
        return np.frombuffer(piece, "<i2").astype(np.float32) / np.float32(1 << 15)
    if form.bits == 24:
        raw = np.frombuffer(piece, np.uint8).reshape(-1, 3)
        wide = np.zeros((len(raw), 4), np.uint8)
        wide[:, 1:] = raw
        return wide.reshape(-1).view("<i4").astype(np.float32) / np.float32(1 << 31)
    return np.frombuffer(piece, "<i4").astype(np.float32) / np.float32(1 << 31)


def to_int16(samples: Float32) -> Int16:
    """Return float samples as int16, rounded and clipped at full scale."""
    found: Int16 = np.clip(np.rint(samples * np.float32(32768)), -32768, 32767).astype(np.int16)
    return found


def paced(chunks: Iterable[Int16], rate: int) -> Iterator[Int16]:
    """Yield chunks no sooner than a microphone would give them."""
    began, given = time.monotonic(), 0
    for chunk in chunks:
        given += len(chunk)
        time.sleep(max(0.0, began + given / rate - time.monotonic()))
        yield chunk
