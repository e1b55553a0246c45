"""Convert recordings to clips: 16 kHz mono 16-bit WAV files, trimmed to the speech.

Recordings are never changed. Those that give no usable clip are listed in rejected.csv with the reason.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np

from asr.core import audio, sound_file, tables, trim, wav_header
from asr.core import workers as workers_
from asr.core.alphabet import Alphabet
from asr.core.errors import AudioError, RecordingsError
from asr.core.files import file_state, fingerprint
from asr.core.progress import say, track
from asr.runtime.features import frame_count
from asr.settings.sections import Recordings
from datasets import takes
from datasets.recordings import Recording

# Version of the conversion; raised when the same recording would give other samples.
_VERSION = 4
_QUIETEST_DB = -60.0  # of full scale; the loudest 0.1 s of a silent recording stays below
_FULL_SCALE = 0.9995  # of full scale; samples above are clipped
_CLIPPED_SHARE = 0.001  # of the samples; more get a remark
_AGAIN = "Record it again"
_FIXES = {
    "clipped": "Record it again with less gain",
    "its header says": "Nothing is lost; to be sure, listen to it",
    "several takes?": "Cut it into a file for each take",
}
_UNFINISHED = "unfinished.csv"  # clips made so far, for a run that is killed
_SAVE_EVERY = 500  # clips


@dataclass(frozen=True)
class Clip:
    """One clip, a row of clips.csv."""

    clip: str  # path, relative to the folder of the clips
    source: str  # path of the recording
    speaker: str
    transcript: str
    seconds: float
    synthetic: bool
    remarks: str = ""  # on defects of the recording, such as clipping


@dataclass(frozen=True)
class Rejected:
    """A recording that gave no clip, a row of rejected.csv."""

    source: str
    reason: str
    fix: str = ""


@dataclass(frozen=True)
class _Job:
    recording: Recording
    target: Path
    settings: Recordings
    needed: int  # frames


def make_clips(
    recordings: Sequence[Recording], folder: Path, settings: Recordings, alphabet: Alphabet, root: Path | None = None
) -> tuple[list[Clip], list[Rejected]]:
    """Make the clips of all recordings; existing clips are kept.

    Writes clips.csv and rejected.csv into `folder`, and deletes clips of recordings that are gone.

    Parameters
    ----------
    root : a folder that may be moved as a whole: clips of recordings below it stay valid.

    Returns
    -------
    clips, rejected : in the recordings' order.

    Raises
    ------
    RecordingsError : no recording can be used.
    """
    known = {row.clip: row for row in _read(folder / "clips.csv")}
    known |= {row.clip: row for row in _read(folder / _UNFINISHED)}
    jobs = []
    for recording in recordings:
        needed = _needed(recording, alphabet)
        jobs.append(_Job(recording, folder / _file_name(recording, settings, needed, root), settings, needed))
    old = {job.target: known.get(_name(job)) for job in jobs if job.target.is_file()}
    new = [job for job in jobs if old.get(job.target) is None]
    made: dict[Path, Clip | Rejected] = {}
    for job, outcome in zip(new, _work(new), strict=True):
        made[job.target] = outcome
        if len(made) % _SAVE_EVERY == 0:
            # A run that is killed here resumes from these.
            done = [row for row in (*made.values(), *known.values()) if isinstance(row, Clip)]
            _write(folder / _UNFINISHED, Clip, done)
    clips: list[Clip] = []
    rejected: list[Rejected] = []
    row: Clip | Rejected | None
    for job in jobs:
        row = made.get(job.target) or old.get(job.target)
        if isinstance(row, Clip):
            # The table may name another speaker than before, with the same sound.
            clips.append(_clip(job, row.seconds, row.remarks))
        elif isinstance(row, Rejected):
            rejected.append(row)
    _write(folder / "clips.csv", Clip, clips)
    _write(folder / "rejected.csv", Rejected, rejected)
    (folder / _UNFINISHED).unlink(missing_ok=True)
    _tidy(folder, {folder / clip.clip for clip in clips})
    if not clips:
        raise RecordingsError(
            f"none of {len(recordings)} recordings can be used; the first: {rejected[0].reason}",
            path=rejected[0].source,
            fix=f"{rejected[0].fix or 'Record it again'}; {folder / 'rejected.csv'} has all reasons",
        )
    return clips, rejected


def say_rejected(rejected: Sequence[Rejected], folder: Path) -> None:
    """Print which recordings gave no clip, and why, where no account does."""
    for row in rejected[:10]:
        say(f"set aside: {row.source}: {row.reason}{f'. {row.fix}' if row.fix else ''}")
    if len(rejected) > 10:
        say(f"set aside: {len(rejected) - 10} more, see {folder / 'rejected.csv'}")


def fix_of(remarks: str) -> str:
    """Return what to do about the remarks on a clip."""
    fixes = [fix for mark, fix in _FIXES.items() if mark in remarks]
    return " and ".join(fixes)


def read_clips(path: Path) -> list[Clip]:
    """Read a clips.csv; RecordingsError where it is missing or damaged."""
    rows = _read(path)
    if not rows:
        raise RecordingsError("there are no clips", path=path, fix="Run: make manifests")
    return rows


def read_rejected(folder: Path) -> list[Rejected]:
    """Return the recordings that gave no clip, of a folder of clips; none where that was not written."""
    if not (folder / "rejected.csv").is_file():
        return []
    columns = [field.name for field in fields(Rejected)]
    return [Rejected(**row) for _, row in tables.read(folder / "rejected.csv", RecordingsError, columns=columns)]


def convert(source: Path, settings: Recordings, needed: int, letters: int = 0) -> tuple[audio.Int16, str]:
    """Return the samples of a recording's clip, int16 [n] at 16 kHz, and remarks.

    Parameters
    ----------
    needed : frames that CTC needs for the transcript.
    letters : of the transcript, to tell how long it can take to say; 0: unknown.

    Raises
    ------
    AudioError : broken, empty, silent, too short or too long; its text is the reason for rejected.csv.
    """
    samples, rate = sound_file.read(source)
    # Before mixing and resampling, which both hide clipping.
    share = float(np.mean(np.abs(samples) >= _FULL_SCALE)) if samples.size else 0.0
    found = [f"clipped: {share:.1%} of the samples at full scale"] if share > _CLIPPED_SHARE else []
    if (header := wav_header.read_header(source)) is not None and header.remark:
        found.append(header.remark)
    mono = audio.as_mono(samples, rate)
    if not mono.size:
        raise AudioError("it holds no sound", path=source, fix=_AGAIN)
    bounds = trim.find(mono, settings.silence_db)
    if bounds.peak_db < _QUIETEST_DB:
        raise AudioError(
            f"it is silent (its loudest part is {bounds.peak_db:.0f} dB below full scale)",
            path=source,
            fix="Check the microphone and record it again",
        )
    clip = audio.to_int16(trim.cut(mono, bounds, settings.margin) if settings.trim else mono)
    seconds = len(clip) / audio.SAMPLE_RATE
    if seconds < settings.shortest:
        raise AudioError(
            f"{seconds:.2f} s is too short (recordings.shortest is {settings.shortest:g} s)", path=source, fix=_AGAIN
        )
    if seconds > settings.longest:
        raise AudioError(
            f"{seconds:.1f} s is too long (recordings.longest is {settings.longest:g} s)",
            path=source,
            fix="Cut it into a file for each sentence",
        )
    frames = frame_count(len(clip))
    if frames < needed:
        raise AudioError(
            f"its transcript needs {needed} frames of 20 ms, and {seconds:.2f} s of speech has {frames}: "
            "the transcript is of another recording, or speech was cut off",
            path=source,
            fix="Correct the transcript, or record it again",
        )
    if count := takes.count_takes(mono, letters):
        found.append(f"{count} stretches of speech in {len(mono) / audio.SAMPLE_RATE:.1f} s: several takes?")
    return clip, "; ".join(found)


def _needed(recording: Recording, alphabet: Alphabet) -> int:
    """Return the frames that CTC needs: one for each label, and one for a blank between equal labels."""
    labels = alphabet.encode(recording.transcript)
    return len(labels) + int(np.count_nonzero(labels[1:] == labels[:-1]))


def _make(job: _Job) -> Clip | Rejected:
    source = job.recording.path
    try:
        samples, remarks = convert(source, job.settings, job.needed, len(job.recording.transcript))
    except AudioError as error:
        return Rejected(str(source), error.what, error.fix)
    audio.write_wav(job.target, samples)
    return _clip(job, round(len(samples) / audio.SAMPLE_RATE, 3), remarks)


def _clip(job: _Job, seconds: float, remarks: str) -> Clip:
    one = job.recording
    return Clip(_name(job), str(one.path), one.speaker, one.transcript, seconds, one.synthetic, remarks)


def _name(job: _Job) -> str:
    return f"{job.target.parent.name}/{job.target.name}"


def _work(jobs: Sequence[_Job]) -> Iterable[Clip | Rejected]:
    """Make clips on all cores, in the jobs' order."""
    workers = min(len(os.sched_getaffinity(0)), max(1, len(jobs) // 16))
    if workers == 1:
        yield from (_make(job) for job in track(jobs, "clips"))
        return
    try:
        with workers_.pool(workers) as pool:
            yield from track(pool.map(_make, jobs, chunksize=8), "clips", total=len(jobs))
    except BrokenProcessPool:
        raise RecordingsError(
            "a process that converted recordings has died: out of memory, or a file crashed its decoder",
            fix="Run this again; it resumes",
        ) from None


def _file_name(recording: Recording, settings: Recordings, needed: int, root: Path | None) -> str:
    """Return a stable name: the speaker, and a fingerprint of the recording and the conversion."""
    cutting = (settings.trim, settings.silence_db, settings.margin, settings.shortest, settings.longest)
    mark = fingerprint(_VERSION, *file_state(recording.path, root), cutting, needed)
    speaker = re.sub(r"[^A-Za-z0-9.+-]+", "_", recording.speaker)[:40] or "_"
    if speaker != recording.speaker or speaker.startswith("."):
        # Keeps speakers apart whose names differ only in characters that were replaced.
        speaker = f"{speaker.lstrip('.')}-{hashlib.sha256(recording.speaker.encode()).hexdigest()[:6]}"
    return f"{speaker}/{mark[:16]}.wav"


def _tidy(folder: Path, wanted: set[Path]) -> None:
    for path in folder.rglob("*.wav"):
        if path not in wanted:
            path.unlink()
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def _write(path: Path, kind: type[Clip] | type[Rejected], rows: Sequence[Clip] | Sequence[Rejected]) -> None:
    tables.write(path, [field.name for field in fields(kind)], (astuple(row) for row in rows))


def _read(path: Path) -> list[Clip]:
    if not path.is_file():
        return []
    columns = [field.name for field in fields(Clip)]
    try:
        return [
            Clip(**{**row, "seconds": float(row["seconds"]), "synthetic": row["synthetic"] == "True"})  # type: ignore[arg-type]
            for _, row in tables.read(path, RecordingsError, columns=columns)
        ]
    except (ValueError, RecordingsError) as error:
        raise RecordingsError(
            f"this table is damaged ({error})", path=path, fix="Delete it, and run: make manifests"
        ) from None
