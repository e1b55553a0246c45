"""Recordings to clips: 16 kHz mono 16-bit WAV files without the silence around the speech.

Sources are never changed. A recording that gives no usable clip is set aside with its reason, and the rest goes on.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
from collections.abc import Iterable, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from asr.core import audio, trim
from asr.core import workers as workers_
from asr.core.alphabet import Alphabet
from asr.core.errors import AudioError, RecordingsError
from asr.core.files import fingerprint, place_in, write_text
from asr.core.progress import say, track
from asr.runtime.features import frame_count
from asr.settings.sections import Recordings
from datasets.recordings import Recording

# Version of what a clip is made like; raised when the same recording would give other samples.
_VERSION = 3
_QUIETEST_DB = -60.0  # of full scale; the loudest 0.1 s of a recording in which nobody speaks stays below
_FULL_SCALE = 0.9995  # of full scale; samples above were cut off by the recorder
_CLIPPED_SHARE = 0.001  # of the samples; more are worth a remark
_UNFINISHED = "unfinished.csv"  # the clips that a run has made so far
_NOTE_EVERY = 500  # clips


@dataclass(frozen=True)
class Clip:
    """One clip, a row of clips.csv.

    Attributes
    ----------
    clip : path, relative to the folder of the clips.
    source : the recording it was made from.
    seconds : its length.
    remarks : what was found in the recording, such as clipping.
    """

    clip: str
    source: str
    speaker: str
    transcript: str
    seconds: float
    synthetic: bool
    remarks: str = ""


@dataclass(frozen=True)
class Rejected:
    """A recording that was set aside, a row of rejected.csv."""

    source: str
    reason: str


@dataclass(frozen=True)
class _Job:
    recording: Recording
    target: Path
    settings: Recordings
    needed: int  # frames


def make_clips(
    recordings: Sequence[Recording], folder: Path, settings: Recordings, alphabet: Alphabet, root: Path | None = None
) -> tuple[list[Clip], list[Rejected]]:
    """Make the clips of all recordings; those that are there already stay as they are.

    Writes clips.csv and rejected.csv into `folder`, and deletes clips of recordings that are gone.

    Parameters
    ----------
    root : a folder that may be moved with recordings and clips in it: both stay what they are.

    Returns
    -------
    clips, rejected : in the recordings' order.

    Raises
    ------
    RecordingsError : not one recording can be used.
    """
    known = {row.clip: row for row in _read(folder / "clips.csv")}
    known |= {row.clip: row for row in _read(folder / _UNFINISHED)}
    jobs = []
    for recording in recordings:
        needed = _needed(recording, alphabet)
        jobs.append(_Job(recording, folder / _name(recording, settings, needed, root), settings, needed))
    old = {job.target: known.get(_relative(job, folder)) for job in jobs if job.target.is_file()}
    new = [job for job in jobs if old.get(job.target) is None]
    made: dict[Path, Clip | Rejected] = {}
    for job, outcome in zip(new, _work(new), strict=True):
        made[job.target] = outcome
        if len(made) % _NOTE_EVERY == 0:
            # What a run that is killed here need not do again.
            notes = [row for row in (*made.values(), *known.values()) if isinstance(row, Clip)]
            _write(folder / _UNFINISHED, Clip, notes)
    clips: list[Clip] = []
    rejected: list[Rejected] = []
    row: Clip | Rejected | None
    for job in jobs:
        row = made.get(job.target) or old.get(job.target)
        if isinstance(row, Clip):
            # What the table says of a recording may change without the sound changing.
            who = job.recording
            clips.append(
                Clip(
                    _relative(job, folder), str(who.path), who.speaker, who.transcript, row.seconds, who.synthetic,
                    row.remarks,
                )
            )  # fmt: skip
        elif isinstance(row, Rejected):
            rejected.append(row)
    _write(folder / "clips.csv", Clip, clips)
    _write(folder / "rejected.csv", Rejected, rejected)
    (folder / _UNFINISHED).unlink(missing_ok=True)
    _tidy(folder, {folder / clip.clip for clip in clips})
    for row in rejected[:10]:
        say(f"set aside: {row.source}: {row.reason}")
    if len(rejected) > 10:
        say(f"set aside: {len(rejected) - 10} more, see {folder / 'rejected.csv'}")
    if not clips:
        raise RecordingsError(
            f"not one of {len(recordings)} recordings can be used; the first: {rejected[0].reason}",
            path=rejected[0].source,
            fix=f"See {folder / 'rejected.csv'}",
        )
    return clips, rejected


def read_clips(path: Path) -> list[Clip]:
    """Read a clips.csv; RecordingsError where it is missing or damaged."""
    rows = _read(path)
    if not rows:
        raise RecordingsError("there are no clips", path=path, fix="Run: make manifests")
    return rows


def convert(source: Path, settings: Recordings, needed: int) -> tuple[audio.Int16, str]:
    """Return a recording as the samples of its clip, int16 [n] at 16 kHz, and remarks.

    Parameters
    ----------
    needed : frames that its transcript needs.

    Raises
    ------
    AudioError : broken, empty, silent, too short or too long; the text is the reason it is set aside for.
    """
    samples, rate = audio.read(source)
    # Before mixing and resampling, which both hide what the recorder cut off.
    share = float(np.mean(np.abs(samples) >= _FULL_SCALE)) if samples.size else 0.0
    remarks = f"clipped: {share:.1%} of the samples at full scale" if share > _CLIPPED_SHARE else ""
    mono = audio.as_mono(samples, rate)
    if not mono.size:
        raise AudioError("it holds no sound", path=source)
    bounds = trim.find(mono, settings.silence_db)
    if bounds.peak_db < _QUIETEST_DB:
        raise AudioError(f"it is silent (its loudest part is {bounds.peak_db:.0f} dB below full scale)", path=source)
    clip = audio.to_int16(trim.cut(mono, bounds, settings.margin) if settings.trim else mono)
    seconds = len(clip) / audio.SAMPLE_RATE
    if seconds < settings.shortest:
        raise AudioError(f"{seconds:.2f} s is too short (recordings.shortest is {settings.shortest:g} s)", path=source)
    if seconds > settings.longest:
        raise AudioError(f"{seconds:.1f} s is too long (recordings.longest is {settings.longest:g} s)", path=source)
    frames = frame_count(len(clip))
    if frames < needed:
        raise AudioError(
            f"its transcript needs {needed} frames of 20 ms, and {seconds:.2f} s of speech are {frames}: "
            "either the transcript is of another recording, or speech was cut off",
            path=source,
        )
    return clip, remarks


def _needed(recording: Recording, alphabet: Alphabet) -> int:
    """CTC writes a label a frame, and needs a blank between two equal ones."""
    labels = alphabet.encode(recording.transcript)
    return len(labels) + int(np.count_nonzero(labels[1:] == labels[:-1]))


def _make(job: _Job) -> Clip | Rejected:
    source = job.recording.path
    try:
        samples, remarks = convert(source, job.settings, job.needed)
    except AudioError as error:
        return Rejected(str(source), error.what)
    audio.write_wav(job.target, samples)
    seconds = round(len(samples) / audio.SAMPLE_RATE, 3)
    who = job.recording
    return Clip(
        f"{job.target.parent.name}/{job.target.name}",
        str(source),
        who.speaker,
        who.transcript,
        seconds,
        who.synthetic,
        remarks,
    )


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
            "a process that converted recordings has died, of too little memory or of a file that crashes its decoder",
            fix="Run this again; it goes on from there",
        ) from None


def _name(recording: Recording, settings: Recordings, needed: int, root: Path | None) -> str:
    """Return a stable name: who speaks, and a fingerprint of the sound and of how it is cut."""
    stat = recording.path.stat()
    place = str(recording.path) if root is None else place_in(root, recording.path)
    cutting = (settings.trim, settings.silence_db, settings.margin, settings.shortest, settings.longest)
    mark = fingerprint(_VERSION, place, stat.st_size, stat.st_mtime_ns, cutting, needed)
    speaker = re.sub(r"[^A-Za-z0-9.+-]+", "_", recording.speaker)[:40] or "_"
    if speaker != recording.speaker or speaker.startswith("."):
        # Two speakers whose names look alike once made fit for a file system stay apart.
        speaker = f"{speaker.lstrip('.')}-{hashlib.sha256(recording.speaker.encode()).hexdigest()[:6]}"
    return f"{speaker}/{mark[:16]}.wav"


def _relative(job: _Job, folder: Path) -> str:
    return str(job.target.relative_to(folder))


def _tidy(folder: Path, wanted: set[Path]) -> None:
    for path in folder.rglob("*.wav"):
        if path not in wanted:
            path.unlink()
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def _write(path: Path, kind: type[Clip] | type[Rejected], rows: Sequence[Clip] | Sequence[Rejected]) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [field.name for field in fields(kind)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    write_text(path, text.getvalue())


def _read(path: Path) -> list[Clip]:
    if not path.is_file():
        return []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [
                Clip(
                    row["clip"], row["source"], row["speaker"], row["transcript"], float(row["seconds"]),
                    row["synthetic"] == "True", row["remarks"],
                )
                for row in csv.DictReader(file)
            ]  # fmt: skip
    except (KeyError, ValueError, TypeError) as error:
        raise RecordingsError(
            f"this table is damaged ({error})", path=path, fix="Delete it, and run: make manifests"
        ) from None
