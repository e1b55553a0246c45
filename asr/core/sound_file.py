"""Decode sound files of any format: soundfile, or ffmpeg and sox where they are installed."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.core import file_kind, wav_header
from asr.core.errors import AudioError

LONGEST = 3 * 3600  # s; longer files are refused: as float32 they would fill a small machine's memory
MOST_SAMPLES = LONGEST * 48000  # over all channels, for the same reason
RATES = (1000, 768000)  # Hz; anything outside is a damaged header

_BLOCK = 1 << 18  # frames read at a time, so that a false header cannot make us allocate what it claims
_CONVERTER_TIMEOUT = 120  # s
_UNREADABLE_FIX = "Convert it to WAV or FLAC, or record it again"

Float = npt.NDArray[np.float32]


def read(path: Path | str) -> tuple[Float, int]:
    """Read a sound file of any format, rate and number of channels.

    Formats that soundfile does not know are converted by ffmpeg or sox, where installed.

    Returns
    -------
    samples : float32 [n, channels], full scale is 1.0.
    rate : Hz.

    Raises
    ------
    AudioError : missing, empty, of unknown format, truncated, too long, or with NaN or infinite samples.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
    except OSError as error:
        raise AudioError(f"cannot be read: {error.strerror}", path=path, fix="Check the name") from None
    if not path.is_file():
        raise AudioError("is not a file", path=path, fix="Give the path of a sound file")
    if not os.access(path, os.R_OK):
        raise AudioError("cannot be read: Permission denied", path=path, fix="Give yourself the right to read it")
    if size == 0:
        raise AudioError("the file is empty (0 bytes)", path=path, fix="Record it again")
    try:
        samples, rate = _read_soundfile(path)
    except _UnknownFormatError as error:
        if what := file_kind.describe(file_kind.beginning(path)):
            raise AudioError(f"this is {what}, not sound", path=path, fix="Replace it by the sound file") from None
        samples, rate = _read_converted(path, str(error))
    if samples.shape[0] == 0:
        raise AudioError("it has no samples", path=path, fix="Record it again")
    if not np.isfinite(samples).all():
        bad = int(np.count_nonzero(~np.isfinite(samples)))
        raise AudioError(f"{bad} of its samples are not numbers (NaN or infinity)", path=path, fix=_UNREADABLE_FIX)
    return samples, rate


class _UnknownFormatError(Exception):
    """soundfile cannot open the file; another program may."""


def _read_soundfile(path: Path) -> tuple[Float, int]:
    import soundfile

    try:
        file: Any = soundfile.SoundFile(wav_header.opened(path))
    except (RuntimeError, TypeError, ValueError) as error:
        # soundfile raises TypeError for headerless files (.raw).
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
                f"the file is damaged {_place(taken, claimed, rate)}: {_reason(error)}", path=path, fix=_UNREADABLE_FIX
            ) from None
    claimed = max(claimed, _claimed_by_riff(path, taken))
    if claimed - taken > wav_header.LOST * rate:
        raise AudioError(
            f"the file is truncated {_place(taken, claimed, rate)}", path=path, fix="Copy it again, or record it again"
        )
    samples = np.concatenate(blocks) if blocks else np.zeros((0, channels), dtype=np.float32)
    return samples, rate


def _claimed_by_riff(path: Path, taken: int) -> int:
    """Return the number of frames in a RIFF file's header, given that `taken` are present; 0 if unknown.

    libsndfile does not report truncated WAV files.
    """
    header = wav_header.read_header(path)
    if header is None or not 0 < header.present < header.claimed or header.is_guess:
        return 0
    return math.ceil(taken * header.claimed / header.present)


def _reason(error: Exception) -> str:
    """Return libsndfile's message without the path."""
    words = str(getattr(error, "error_string", error)).strip().rstrip(".")
    return words.removeprefix("Error : ") or type(error).__name__


def _place(taken: int, claimed: int, rate: int) -> str:
    # A lower bound: a compressed stream that fails loses the whole block.
    seconds = f"{claimed / rate:.1f} s"
    return f"after {taken / rate:.1f} of {seconds}" if taken else f"(it should last {seconds})"


def _check_bounds(path: Path, rate: int, channels: int, frames: int) -> None:
    if not RATES[0] <= rate <= RATES[1]:
        raise AudioError(f"a sample rate of {rate} Hz is not plausible", path=path, fix=_UNREADABLE_FIX)
    if frames * channels > MOST_SAMPLES or frames / rate > LONGEST:
        hours = frames / rate / 3600
        raise AudioError(
            f"lasts {hours:.1f} h with {channels} channel{'s' if channels > 1 else ''}; "
            f"the limit is {LONGEST // 3600} h",
            path=path,
            fix="Cut it into pieces",
        )


def _read_converted(path: Path, reason: str) -> tuple[Float, int]:
    """Convert the file to WAV with ffmpeg or sox, and read that."""
    commands = {
        # Only local files: a playlist must not make ffmpeg fetch anything.
        "ffmpeg": "-nostdin -v error -protocol_whitelist file -i SOURCE -map 0:a:0 -c:a pcm_f32le TARGET",
        "sox": "-V1 SOURCE -e floating-point -b 32 TARGET",
    }
    programs = {name: found for name in commands if (found := shutil.which(name))}
    if not programs:
        raise AudioError(
            f"libsndfile cannot read it ({reason})",
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
                reason = f"{name} did not finish in {_CONVERTER_TIMEOUT} s"
                continue
            if done.returncode == 0 and target.is_file():
                try:
                    return _read_soundfile(target)
                except (_UnknownFormatError, AudioError) as error:
                    reason = f"the output of {name} is not readable: {error}"
                    continue
            lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
            reason = f"{name}: {lines[-1].strip()}" if lines else f"{name} failed"
    raise AudioError(f"it cannot be read as sound ({reason})", path=path, fix=_UNREADABLE_FIX)
