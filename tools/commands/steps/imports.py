"""The verb `asr import KIND`: another project's recordings become the workspace's recordings.csv."""

from __future__ import annotations

from pathlib import Path

from asr.core.errors import RecordingsError
from asr.core.files import exclusive
from asr.core.progress import track
from asr.settings.workspace import Workspace
from datasets.imports.corpus import walk_sounds
from datasets.imports.intake import SEGMENTS, Intake, Outcome, refuse_existing
from datasets.imports.kinds import choose
from datasets.recordings import CSV_NAME, CUSTOM, NOISES

CORRECTIONS_LOCK = ".corrections.lock"  # held by whoever adds to recordings.csv


def import_recordings(ws: Workspace, kind: str, source: Path, append: bool) -> str:
    """Write or extend the workspace's recordings.csv, and describe what was taken.

    Raises
    ------
    RecordingsError : recordings.csv exists and `append` is false, the source is of another kind or damaged, or nothing
        of it can be used. recordings.csv is as it was then.
    """
    source = source.expanduser()
    corpus = choose(kind, source)
    table = recordings_table(ws)
    with ws.lock():
        refuse_existing(table, append)
        _refuse_hiding(table)
        left_out = ws.build / "imports" / f"{kind}.csv"
        intake = Intake(table, left_out, ws.alphabet, append=append)
        staged = intake.stage(track(corpus.items(source), "recordings"))
        with exclusive(ws.build / CORRECTIONS_LOCK):
            intake.put(staged)
    return _describe(intake.outcome, table, left_out, "added" if append else "written", ws)


def recordings_table(ws: Workspace) -> Path:
    """Return where the workspace's recordings.csv is, or would be."""
    place = ws.recordings
    return place if place.is_file() or place.suffix.lower() == ".csv" else place / CSV_NAME


def _refuse_hiding(table: Path) -> None:
    """Raise RecordingsError if a new recordings.csv would make training ignore the folders beside it."""
    if table.exists() or not table.parent.is_dir():
        return
    for folder in sorted(table.parent.iterdir()):
        if folder.name in (SEGMENTS, CUSTOM, *NOISES) or folder.name.startswith((".", "_")) or not folder.is_dir():
            continue
        if next(walk_sounds(str(folder)), None) is not None:
            raise RecordingsError(
                f"{folder.name}/ holds recordings, and a {CSV_NAME} beside it would replace such folders",
                path=table.parent,
                fix="Import into another workspace, or move the folders away",
            )


def _describe(outcome: Outcome, table: Path, left_out: Path, done: str, ws: Workspace) -> str:
    lines = [f"{table}: {outcome.kept:,} recordings of {outcome.speakers:,} speakers {done}"]
    if outcome.changed:
        rules = ", ".join(f"{count:,} {rule}" for rule, count in outcome.changed.most_common())
        lines.append(f"transcripts changed: {rules}")
    if outcome.left_out:
        lines.append(f"left out: {outcome.left_out.total():,}, listed in {left_out}")
        lines += [f"  {count:,} x {reason}" for reason, count in outcome.left_out.most_common()]
    if outcome.nameless:
        lines.append(f"warning: {outcome.nameless:,} recordings name no speaker, and count as one")
    if outcome.resized:
        lines.append(f"warning: {outcome.resized:,} files have another size than the source says")
    return "\n".join([*lines, f"next: asr manifests {ws.root}"])
