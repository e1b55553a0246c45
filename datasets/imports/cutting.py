"""Parts of long recordings, written as files of their own because a recordings.csv names whole files."""

from __future__ import annotations

import re
from pathlib import Path

from asr.core import audio
from asr.core.errors import AudioError
from asr.core.files import file_state, fingerprint
from datasets.imports.corpus import Item

LONGEST = 600  # s; longer parts are refused, so that they fit into memory
_LOST = 0.1  # s that a part may end after the sound; tables round their times


def cut(item: Item, folder: Path) -> Path:
    """Write the part of a sound that an item is, and return its path; what is there already is kept.

    The part has the rate of the sound, 16 bits and one channel. Its name holds a fingerprint of the sound's path, size
    and time and of the part's times, so that a changed source is cut again.

    Raises
    ------
    AudioError : the sound cannot be read, or the part is not in it.
    """
    assert item.cut is not None
    source = Path(item.sound)
    mark = fingerprint(*file_state(source), *item.cut)[:16]
    target = folder / f"{re.sub(r'[^A-Za-z0-9+-]+', '_', item.name)[:60]}-{mark}.wav"
    if not target.exists():
        samples, rate = _read(source, *item.cut)
        audio.write_wav(target, audio.mix(samples), rate)
    return target


def _read(source: Path, start: float, end: float) -> tuple[audio.Float, int]:
    """Return the samples of a part, float32 [n, channels], and their rate, Hz."""
    import soundfile

    try:
        with soundfile.SoundFile(str(source)) as file:
            rate = int(file.samplerate)
            seconds = file.frames / rate
            last = seconds if end < 0 else end
            if not start < last <= seconds + _LOST:
                raise AudioError(f"{start:g} to {last:g} s is not within its {seconds:.2f} s", path=source)
            if last - start > LONGEST:
                raise AudioError(f"{last - start:.0f} s is too long; the limit is {LONGEST} s", path=source)
            file.seek(round(start * rate))
            samples = file.read(round((last - start) * rate), dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, TypeError, ValueError) as error:
        words = str(getattr(error, "error_string", error)).strip().rstrip(".")
        raise AudioError(f"it cannot be cut ({words})", path=source, fix="Convert it to WAV or FLAC") from None
    if not len(samples):
        raise AudioError(f"it has no sound from {start:g} s on", path=source)
    return samples, rate
