"""Mended copies of recordings: offset and hum taken out, level raised, pauses shortened. Originals are only read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asr.core import audio, sound_file, tables, trim
from asr.core.errors import AudioError, RecordingsError
from asr.core.files import atomic_path
from datasets import defects
from datasets.defects import Float
from datasets.inspection import on_all_cores
from datasets.recordings import COLUMNS, CSV_NAME, Recording

TABLE = "mended.csv"
NOTHING = "copied as it is"

_OFFSET = 0.005  # of full scale; more is taken out
_NOTCH = 2.0  # Hz wide
_QUIET = -40.0  # dB; a quieter recording is raised
_PEAK = 0.5  # of full scale, that it is raised to
_MOST_GAIN = 40.0  # dB; more would be noise
_PAUSE = 0.3  # s that stay on either side of the speech
_LONG = 0.5  # s; where less would be cut, nothing is
_RATES = (8000, 48000)  # Hz; others are resampled
_CHUNK = 16


@dataclass(frozen=True)
class Outcome:
    """What became of a recording, a row of mended.csv."""

    file: str  # in the new folder; "" where it was left out
    source: str
    done: str


def mend(recordings: Sequence[Recording], source: Path, target: Path) -> list[Outcome]:
    """Write a folder with a mended copy of each recording, a recordings.csv and a mended.csv.

    A recording that needs nothing is copied byte for byte. One that cannot be read or is silent is left out.

    Parameters
    ----------
    source : folder of the recordings; the new one has its layout.
    target : the new folder. It appears when it is complete.

    Raises
    ------
    RecordingsError : `target` exists and is not empty, or lies among the recordings.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise RecordingsError("it exists already, and mended copies need a new folder", path=target, fix="Name another")
    if target.resolve().is_relative_to(source.resolve()):
        raise RecordingsError("it is inside the folder of the recordings", path=target, fix="Name one outside")
    names = _names(recordings, source)
    with atomic_path(target.resolve()) as beside:
        beside.mkdir()
        jobs = [(str(one.path), str(beside / name), name) for one, name in zip(recordings, names, strict=True)]
        parts = [jobs[start : start + _CHUNK] for start in range(0, len(jobs), _CHUNK)]
        outcomes = [outcome for part in on_all_cores(_mend_files, parts, "mending") for outcome in part]
        rows = [
            (outcome.file, one.transcript, one.speaker, one.synthetic)
            for one, outcome in zip(recordings, outcomes, strict=True)
            if outcome.file
        ]
        tables.write(beside / CSV_NAME, (*COLUMNS, "synthetic"), rows)
        tables.write(beside / TABLE, ("file", "source", "done"), [(one.file, one.source, one.done) for one in outcomes])
    return outcomes


def mend_sound(samples: Float, rate: int) -> tuple[Float, list[str]]:
    """Return a recording as one channel, mended, and what was done; as it is where nothing was.

    Parameters
    ----------
    samples : float32 [n, channels].
    rate : Hz.
    """
    from scipy import signal

    sound, done = audio.mix(samples), []
    heard = audio.resample(sound, rate, audio.SAMPLE_RATE)
    found = defects.measure(samples, rate, heard, defects.spectra(heard))
    if abs(found.offset) > _OFFSET:
        sound -= np.float32(sound.mean(dtype=np.float64))
        done.append(f"DC offset of {found.offset:+.1%} removed")
    if tones := [tone for tone in defects.hum_tones(heard, found.level) if tone < 0.45 * rate]:
        mean = sound.mean()
        for tone in tones:
            sound = signal.filtfilt(*signal.iirnotch(tone, tone / _NOTCH, rate), sound - mean).astype(np.float32) + mean
        done.append(f"hum removed at {', '.join(f'{tone:.0f}' for tone in tones)} Hz")
    heard = audio.resample(sound, rate, audio.SAMPLE_RATE)
    bounds = trim.find(heard)
    start = max(0.0, bounds.start / audio.SAMPLE_RATE - _PAUSE)
    end = min(len(heard), bounds.end + round(_PAUSE * audio.SAMPLE_RATE)) / audio.SAMPLE_RATE
    if start + len(heard) / audio.SAMPLE_RATE - end > _LONG:
        sound = sound[round(start * rate) : round(end * rate)]
        done.append(f"{start:.1f} s cut off before and {len(heard) / audio.SAMPLE_RATE - end:.1f} s after the speech")
    peak = float(np.abs(sound).max(initial=0.0))
    if found.level < _QUIET and 0 < peak < _PEAK:
        gain = min(20 * float(np.log10(_PEAK / peak)), _MOST_GAIN)
        sound = sound * np.float32(10 ** (gain / 20))
        done.append(f"raised by {gain:.0f} dB")
    return np.clip(sound, -1.0, 32767 / 32768), done


def _mend_files(jobs: Sequence[tuple[str, str, str]]) -> list[Outcome]:
    return [_mend_file(*job) for job in jobs]


def _mend_file(source: str, target: str, name: str) -> Outcome:
    try:
        samples, rate = sound_file.read(source)
    except AudioError as error:
        return Outcome("", source, f"left out: {error.what}")
    heard = audio.as_mono(samples, rate)
    if defects.is_silent(defects.measure(samples, rate, heard, defects.spectra(heard))):
        return Outcome("", source, "left out: it is silent")
    sound, done = mend_sound(samples, rate)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if not done:
        kept = os.path.splitext(name)[0] + os.path.splitext(source)[1]
        shutil.copyfile(source, os.path.join(target.removesuffix(name), kept))
        return Outcome(kept, source, NOTHING)
    if not _RATES[0] <= rate <= _RATES[1]:
        sound, rate = audio.resample(sound, rate, audio.SAMPLE_RATE), audio.SAMPLE_RATE
    audio.write_wav(target, sound, rate)
    return Outcome(name, source, "; ".join(done))


def _names(recordings: Sequence[Recording], source: Path) -> list[str]:
    """Return the path of each copy in the new folder, as WAV, each once."""
    taken: set[str] = set()
    names = []
    root = source.resolve()
    for recording in recordings:
        path = recording.path
        inside = path.relative_to(root) if path.is_relative_to(root) else Path(path.name)
        stem, name, number = str(inside.with_suffix("")), str(inside.with_suffix(".wav")), 2
        while name.lower() in taken:
            name, number = f"{stem}-{number}.wav", number + 1
        taken.add(name.lower())
        names.append(name)
    return names
