"""Sound files in and out: the one place that reads and writes them.

Inside the project sound is mono, 16 kHz, float32 in [-1, 1) or int16. Full scale of int16 is 32768, so that a
16-bit recording survives the way through float32 unchanged.
"""

from __future__ import annotations

import math
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.core.errors import AudioError
from asr.core.files import write_bytes

SAMPLE_RATE = 16000  # Hz, of everything the models hear
LONGEST = 3 * 3600  # s, a longer file is refused: as float32 it would fill a small machine's memory
MOST_SAMPLES = LONGEST * 48000  # over all channels, for the same reason
RATES = (1000, 768000)  # Hz, anything outside is a damaged header
SUFFIXES = frozenset(
    (
        *(".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aac", ".aif", ".aiff", ".aifc", ".au", ".caf"),
        *(".webm", ".wma", ".amr", ".3gp", ".mp4", ".w64", ".rf64"),
    )
)  # of sound files
HEADER = 44  # bytes before the samples of a canonical WAV file

_BLOCK = 1 << 18  # frames read at a time, so that a header that lies cannot make us allocate what it claims
_CONVERTER_TIMEOUT = 120  # s
# What writes into a pipe does not know how much will come, and claims as much as there can be (sox, arecord, ffmpeg).
_UNKNOWN_LENGTH = 0x7FF00000  # bytes
_MOST_CHUNKS = 1000  # of a RIFF file, looked at for the one that holds the sound
_LOST = 0.05  # s, that a file may be shorter than it claims: some programs count the header, too
_UNREADABLE_FIX = "Convert it to WAV or FLAC, or record it again"

Float = npt.NDArray[np.float32]
Int16 = npt.NDArray[np.int16]


def read(path: Path | str) -> tuple[Float, int]:
    """Read a sound file of any format, rate and number of channels.

    soundfile reads it; sox or ffmpeg, where installed, convert what soundfile does not know.

    Returns
    -------
    samples : float32 [n, channels], full scale is 1.0.
    rate : Hz.

    Raises
    ------
    AudioError : missing, empty, of an unknown format, broken off, absurdly long, or not made of numbers.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
    except OSError as error:
        raise AudioError(f"cannot be read: {error.strerror}", path=path, fix="Check the name") from None
    if not path.is_file():
        raise AudioError("is not a file", path=path, fix="Name a sound file")
    if size == 0:
        raise AudioError("the file is empty (0 bytes)", path=path, fix="Record it again")
    try:
        samples, rate = _read_soundfile(path)
    except _UnknownFormatError as error:
        samples, rate = _read_converted(path, str(error))
    if samples.shape[0] == 0:
        raise AudioError("it holds no samples", path=path, fix="Record it again")
    if not np.isfinite(samples).all():
        bad = int(np.count_nonzero(~np.isfinite(samples)))
        raise AudioError(
            f"{bad} of its samples are not numbers (NaN or infinity)", path=path, fix=_UNREADABLE_FIX
        )
    return samples, rate


def is_sound(path: Path) -> bool:
    """Tell whether a file's name is that of a sound file; hidden ones, as macOS leaves beside each, are none."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def sound_files(folder: Path) -> list[Path]:
    """Return the sound files in a folder and below it, by path; none where there is no folder."""
    found = folder.rglob("*") if folder.is_dir() else ()
    return sorted(path for path in found if is_sound(path) and path.is_file())


def header_rate(path: Path | str) -> int | None:
    """Return the sample rate that a file's header tells, Hz; None where soundfile cannot read it."""
    import soundfile

    try:
        return int(soundfile.info(str(path)).samplerate)
    except (soundfile.SoundFileError, OSError):
        return None


def load(path: Path | str, rate: int = SAMPLE_RATE) -> Float:
    """Read a sound file as one channel at `rate` Hz: float32 [n] in [-1, 1).

    Raises
    ------
    AudioError : as `read` does.
    """
    samples, found = read(path)
    return as_mono(samples, found, rate)


def as_mono(samples: Float, from_rate: int, to_rate: int = SAMPLE_RATE) -> Float:
    """Return samples [n, channels] mixed to one channel and resampled: float32 [m] in [-1, 1)."""
    mono = resample(mix(samples), from_rate, to_rate)
    # The resampler overshoots at full scale, and float files may hold more than it.
    return np.clip(mono, -1.0, 32767 / 32768, out=mono)


def mix(samples: Float) -> Float:
    """Return the mean of the channels of samples [n, channels], float32 [n].

    Where the channels cancel each other (one wire of a microphone swapped), the loudest stands for all.
    """
    if samples.shape[1] == 1:
        return samples[:, 0].copy()
    mono: Float = samples.mean(axis=1, dtype=np.float32)
    powers = np.einsum("nc,nc->c", samples, samples, dtype=np.float64)
    loudest = int(powers.argmax())
    if float(mono @ mono) < 0.02 * float(powers[loudest]):
        return samples[:, loudest].copy()
    return mono


def resample(samples: npt.ArrayLike, from_rate: int, to_rate: int) -> Float:
    """Return samples [n] or [n, channels] at another rate, band-limited (soxr, high quality), float32."""
    array = np.asarray(samples, dtype=np.float32)
    if from_rate == to_rate or array.shape[0] == 0:
        return array.copy()
    import soxr

    return np.asarray(soxr.resample(array, from_rate, to_rate, quality="HQ"), dtype=np.float32)


def to_int16(samples: npt.ArrayLike) -> Int16:
    """Return float samples as int16: rounded, and clipped at full scale; int16 comes back as it is."""
    array = np.asarray(samples)
    if array.dtype == np.int16:
        return array
    if not np.issubdtype(array.dtype, np.floating):
        raise TypeError(f"expected float or int16 samples, found {array.dtype}")
    return np.clip(np.rint(array * 32768.0), -32768, 32767).astype(np.int16)


def to_float(samples: npt.ArrayLike) -> Float:
    """Return int16 samples as float32 in [-1, 1); float samples come back as float32."""
    array = np.asarray(samples)
    if array.dtype == np.int16:
        return array.astype(np.float32) / np.float32(32768)
    return array.astype(np.float32, copy=False)


def wav_bytes(samples: npt.ArrayLike, rate: int = SAMPLE_RATE) -> bytes:
    """Return mono samples [n], int16 or float, as a canonical 16-bit WAV file: 44 bytes, then the data."""
    data = to_int16(samples)
    if data.ndim != 1:
        raise ValueError(f"expected one channel [n], found the shape {data.shape}")
    body = data.astype("<i2").tobytes()
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
    start = struct.pack("<4sI4s", b"RIFF", 36 + len(body), b"WAVE")
    return start + form + struct.pack("<4sI", b"data", len(body)) + body


def write_wav(path: Path | str, samples: npt.ArrayLike, rate: int = SAMPLE_RATE) -> None:
    """Write mono samples [n], int16 or float32, as a 16-bit PCM WAV file with a 44-byte header, atomically.

    Raises
    ------
    AudioError : the file cannot be written, as on a full disk.
    """
    try:
        write_bytes(path, wav_bytes(samples, rate))
    except OSError as error:
        raise AudioError(
            f"cannot be written: {error.strerror}", path=path, fix="Check the folder, and the disk's free space"
        ) from None


def read_wav(path: Path | str) -> Int16:
    """Read one of our own clips: mono, 16 kHz, 16-bit WAV; int16 [n]. Much faster than `load`.

    Raises
    ------
    AudioError : missing, cut off, or any other kind of file.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise AudioError(f"cannot be read: {error.strerror}", path=path, fix="Make the clips again") from None
    return parse_wav(data, path)


def parse_wav(data: bytes, path: Path | str) -> Int16:
    """Return the samples of a mono, 16 kHz, 16-bit WAV file that is in memory, int16 [n]; see `read_wav`.

    Parameters
    ----------
    path : where it came from, for messages.
    """
    expected = "is no mono 16 kHz 16-bit WAV file"
    fix = "Make the clips again"
    if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise AudioError(expected, path=path, fix=fix)
    offset, form = 12, None
    while offset + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, offset)
        start = offset + 8
        if name == b"fmt " and length >= 16 and start + 16 <= len(data):
            form = struct.unpack_from("<HHIIHH", data, start)
        elif name == b"data":
            if form is None or (form[0], form[1], form[2], form[5]) != (1, 1, SAMPLE_RATE, 16):
                raise AudioError(expected, path=path, fix=fix)
            if start + length > len(data):
                raise AudioError("the file is cut off", path=path, fix=fix)
            return np.frombuffer(data, dtype="<i2", count=length // 2, offset=start).astype(
                np.int16, copy=False
            )
        offset = start + length + (length & 1)
    raise AudioError(expected, path=path, fix=fix)


class _UnknownFormatError(Exception):
    """soundfile cannot open it; another program may."""


def _read_soundfile(path: Path) -> tuple[Float, int]:
    import soundfile

    try:
        file: Any = soundfile.SoundFile(str(path))
    except (RuntimeError, TypeError, ValueError) as error:
        # A TypeError is soundfile's answer to headerless files (.raw), whose rate nobody wrote down.
        raise _UnknownFormatError(_reason(error)) from None
    blocks: list[Float] = []
    with file:
        rate, channels, claimed = int(file.samplerate), int(file.channels), int(file.frames)
        _check_bounds(path, rate, channels, claimed)
        taken = 0
        try:
            while True:
                block = file.read(_BLOCK, dtype="float32", always_2d=True)
                if block.shape[0] == 0:
                    break
                blocks.append(block)
                taken += block.shape[0]
                _check_bounds(path, rate, channels, taken)
        except (RuntimeError, ValueError) as error:
            raise AudioError(
                f"the file is damaged {_place(taken, claimed, rate)}: {_reason(error)}",
                path=path,
                fix=_UNREADABLE_FIX,
            ) from None
    claimed = max(claimed, _claimed_by_riff(path, taken))
    if claimed - taken > _LOST * rate:
        raise AudioError(
            f"the file breaks off {_place(taken, claimed, rate)}", path=path, fix="Copy it again, or record it again"
        )
    samples = np.concatenate(blocks) if blocks else np.zeros((0, channels), dtype=np.float32)
    return samples, rate


def _claimed_by_riff(path: Path, taken: int) -> int:
    """Return how many frames a RIFF file's header promises, where `taken` are there; 0 where it does not tell.

    libsndfile takes a WAV file that breaks off for a short one.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        if file.read(4) != b"RIFF":
            return 0
        start = 12
        for _ in range(_MOST_CHUNKS):
            file.seek(start)
            header = file.read(8)
            if len(header) < 8:
                return 0
            name, length = struct.unpack("<4sI", header)
            there = size - start - 8
            if name == b"data":
                known = 0 < there < length < _UNKNOWN_LENGTH
                return math.ceil(taken * length / there) if known else 0
            start += 8 + length + (length & 1)
    return 0


def _reason(error: Exception) -> str:
    """Return libsndfile's own words, without the path that it puts before them."""
    words = str(getattr(error, "error_string", error)).strip().rstrip(".")
    return words.removeprefix("Error : ") or type(error).__name__


def _place(taken: int, claimed: int, rate: int) -> str:
    # A compressed stream that fails loses the whole block, so the place is a lower bound.
    return (
        f"after {taken / rate:.1f} of {claimed / rate:.1f} s"
        if taken
        else f"(it should last {claimed / rate:.1f} s)"
    )


def _check_bounds(path: Path, rate: int, channels: int, frames: int) -> None:
    if not RATES[0] <= rate <= RATES[1]:
        raise AudioError(f"a rate of {rate} Hz is not that of speech", path=path, fix=_UNREADABLE_FIX)
    if frames * channels > MOST_SAMPLES or frames / rate > LONGEST:
        hours = frames / rate / 3600
        raise AudioError(
            f"lasts {hours:.1f} h with {channels} channel{'s' if channels > 1 else ''}, "
            f"the longest read at once is {LONGEST // 3600} h",
            path=path,
            fix="Cut it into pieces",
        )


def _read_converted(path: Path, reason: str) -> tuple[Float, int]:
    """Have ffmpeg or sox turn the file into WAV, and read that."""
    commands = {
        # Only local files: a playlist must not make ffmpeg fetch anything.
        "ffmpeg": "-nostdin -v error -protocol_whitelist file -i SOURCE -map 0:a:0 -c:a pcm_f32le TARGET",
        "sox": "-V1 SOURCE -e floating-point -b 32 TARGET",
    }
    programs = {name: found for name in commands if (found := shutil.which(name))}
    if not programs:
        raise AudioError(
            f"is no sound file that libsndfile reads ({reason})",
            path=path,
            fix="Convert it to WAV or FLAC, or install ffmpeg or sox",
        )
    for name, program in programs.items():
        with tempfile.TemporaryDirectory(prefix="asr-audio-") as folder:
            target = Path(folder) / "converted.wav"
            values = {"SOURCE": str(path.resolve()), "TARGET": str(target)}
            command = [program, *(values.get(argument, argument) for argument in commands[name].split())]
            try:
                done = subprocess.run(command, capture_output=True, timeout=_CONVERTER_TIMEOUT, check=False)
            except subprocess.TimeoutExpired:
                reason = f"{name} gave up after {_CONVERTER_TIMEOUT} s"
                continue
            if done.returncode == 0 and target.is_file():
                try:
                    return _read_soundfile(target)
                except (_UnknownFormatError, AudioError) as error:
                    reason = f"{name} made nothing readable of it: {error}"
                    continue
            lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
            reason = f"{name}: {lines[-1].strip()}" if lines else f"{name} failed"
    raise AudioError(f"is no sound file that can be read ({reason})", path=path, fix=_UNREADABLE_FIX)
