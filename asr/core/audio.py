"""Sound: find, load, convert and write it.

Inside the project sound is mono, 16 kHz, float32 in [-1, 1) or int16. Full scale of int16 is 32768, so that 16-bit
recordings survive float32 unchanged. asr.core.sound_file decodes files of other formats.
"""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr.core import tree
from asr.core.errors import AudioError
from asr.core.files import write_bytes
from asr.core.sound_file import read

SAMPLE_RATE = 16000  # Hz, of all models
SUFFIXES = frozenset(
    (
        *(".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aac", ".aif", ".aiff", ".aifc", ".au", ".caf"),
        *(".webm", ".wma", ".amr", ".3gp", ".mp4", ".w64", ".rf64", ".wave", ".bwf", ".sph", ".nist", ".snd", ".voc"),
        *(".3ga", ".3gpp", ".3g2", ".awb", ".m4b", ".m4r", ".mp2", ".mpga", ".spx", ".weba", ".mka", ".mov", ".wv"),
    )
)
HEADER = 44  # bytes before the samples of a canonical WAV file

Float = npt.NDArray[np.float32]
Int16 = npt.NDArray[np.int16]


def is_sound(path: Path) -> bool:
    """Tell whether a path has the suffix of a sound file and is not hidden, as macOS's companion files are."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def sound_files(folder: Path) -> list[Path]:
    """Return the sound files in a folder and below it, by path; empty if there is no folder.

    Links to folders are followed.
    """
    found = tree.walk(folder) if folder.is_dir() else ()
    return sorted(item.path for item in found if not item.fault and is_sound(item.path))


def header_rate(path: Path | str) -> int | None:
    """Return the sample rate in a file's header, Hz; None if soundfile cannot read it."""
    import soundfile

    try:
        return int(soundfile.info(str(path)).samplerate)
    except (soundfile.SoundFileError, OSError):
        return None


def load(path: Path | str, rate: int = SAMPLE_RATE) -> Float:
    """Read a sound file as one channel at `rate` Hz: float32 [n] in [-1, 1).

    Raises
    ------
    AudioError : as `asr.core.sound_file.read`.
    """
    samples, found = read(path)
    return as_mono(samples, found, rate)


def as_mono(samples: Float, from_rate: int, to_rate: int = SAMPLE_RATE) -> Float:
    """Return samples [n, channels] mixed to one channel and resampled: float32 [m] in [-1, 1)."""
    mono = resample(mix(samples), from_rate, to_rate)
    # The resampler overshoots at full scale, and float files may exceed it.
    return np.clip(mono, -1.0, 32767 / 32768, out=mono)


def mix(samples: Float) -> Float:
    """Return the mean of the channels of samples [n, channels], float32 [n].

    Where the channels cancel out (reversed polarity of one microphone), returns the loudest.
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
    """Return float samples as int16, rounded and clipped at full scale; int16 is returned unchanged."""
    array = np.asarray(samples)
    if array.dtype == np.int16:
        return array
    if not np.issubdtype(array.dtype, np.floating):
        raise TypeError(f"expected float or int16 samples, found {array.dtype}")
    return np.clip(np.rint(array * 32768.0), -32768, 32767).astype(np.int16)


def to_float(samples: npt.ArrayLike) -> Float:
    """Return int16 samples as float32 in [-1, 1), or float samples as float32."""
    array = np.asarray(samples)
    if array.dtype == np.int16:
        return array.astype(np.float32) / np.float32(32768)
    return array.astype(np.float32, copy=False)


def wav_bytes(samples: npt.ArrayLike, rate: int = SAMPLE_RATE) -> bytes:
    """Return mono samples [n], int16 or float, as a canonical 16-bit WAV file: 44 bytes, then the data."""
    data = to_int16(samples)
    if data.ndim != 1:
        raise ValueError(f"expected one channel [n], found the shape {data.shape}")
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setparams((1, 2, rate, data.size, "NONE", ""))
        file.writeframesraw(data.astype("<i2").tobytes())
    return written.getvalue()


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
    AudioError : missing, truncated, or of another format.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise AudioError(f"cannot be read: {error.strerror}", path=path, fix="Make the clips again") from None
    return parse_wav(data, path)


def parse_wav(data: bytes, path: Path | str) -> Int16:
    """Return the samples of a mono, 16 kHz, 16-bit WAV file in memory, int16 [n]; see `read_wav`.

    Parameters
    ----------
    path : of the file, for messages.
    """
    fix = "Make the clips again"
    try:
        with wave.open(io.BytesIO(data)) as file:
            form = file.getnchannels(), file.getframerate(), file.getsampwidth()
            count, body = file.getnframes(), file.readframes(file.getnframes())
    except (wave.Error, EOFError):
        form = None
    if form != (1, SAMPLE_RATE, 2):
        raise AudioError("is not a mono 16 kHz 16-bit WAV file", path=path, fix=fix)
    if len(body) < 2 * count:
        raise AudioError("the file is truncated", path=path, fix=fix)
    return np.frombuffer(body, dtype="<i2").astype(np.int16, copy=False)
