"""A long sound file a piece at a time, so that its length takes no memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.core import audio, wav_header
from asr.core.errors import AudioError

LONG = 60.0  # s; shorter files are read at once, with every check of asr.core.sound_file

_PIECE = 1.0  # s
_LOST = 0.05  # s that may be missing, as in asr.core.sound_file

Int16 = npt.NDArray[np.int16]


def pieces(path: Path | str, rate: int = audio.SAMPLE_RATE) -> Iterator[Int16]:
    """Yield a sound file as one channel at `rate` Hz: int16 [n], a second at a time where the file is long.

    Raises
    ------
    AudioError : as `asr.core.audio.load`; of a long file, also in the middle.
    """
    import soundfile

    try:
        file = soundfile.SoundFile(wav_header.opened(path))
    except (soundfile.SoundFileError, OSError, TypeError, ValueError):
        yield audio.to_int16(audio.load(path, rate))
        return
    with file:
        if file.frames <= LONG * file.samplerate:
            yield audio.to_int16(audio.load(path, rate))
            return
        yield from _read(file, path, rate)


def _read(file: Any, path: Path | str, rate: int) -> Iterator[Int16]:
    import soundfile
    import soxr

    resampler = soxr.ResampleStream(file.samplerate, rate, 1, dtype="float32", quality="HQ")
    length, taken = max(1, round(_PIECE * file.samplerate)), 0
    while True:
        try:
            block = file.read(length, dtype="float32", always_2d=True)
        except (soundfile.SoundFileError, ValueError) as error:
            place = f"after {taken / file.samplerate:.1f} of {file.frames / file.samplerate:.1f} s"
            raise AudioError(f"the file is damaged {place}: {error}", path=path, fix="Record it again") from None
        last = len(block) < length
        taken += len(block)
        if last and file.frames - taken > _LOST * file.samplerate:
            place = f"after {taken / file.samplerate:.1f} of {file.frames / file.samplerate:.1f} s"
            raise AudioError(f"the file is truncated {place}", path=path, fix="Copy it again, or record it again")
        if not np.isfinite(block).all():
            raise AudioError("some of its samples are not numbers", path=path, fix="Record it again")
        mono = audio.mix(block) if len(block) else np.zeros(0, np.float32)
        found = mono if file.samplerate == rate else resampler.resample_chunk(mono, last=last)
        yield audio.to_int16(found)
        if last:
            return
