"""Items of an importer become rows of a recordings.csv; what is left out becomes rows of another table.

Rows are streamed into files in a folder of ours. Only when all are there does recordings.csv appear, or grow, by
renaming: a killed import leaves it as it was.
"""

from __future__ import annotations

import contextlib
import csv
import os
import shutil
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from asr.core import tables
from asr.core.alphabet import Alphabet
from asr.core.errors import AudioError, RecordingsError
from asr.core.files import atomic_path
from datasets.imports.corpus import Item, LeftOut
from datasets.imports.cutting import cut
from datasets.imports.transcripts import Normaliser, RefusedTranscriptError
from datasets.recordings import COLUMNS, UNKNOWN_SPEAKER

LEFT_OUT_COLUMNS = ("place", "name", "reason", "detail", "transcript")
LONGEST_TRANSCRIPT = 2000  # characters
LONGEST_SPEAKER = 200  # characters
SEGMENTS = "segments"  # folder of cut parts, beside recordings.csv
_BUFFER = 1 << 18  # bytes
_SHOWN = 200  # characters of a field in the table of what is left out

NO_FILE = "there is no such file"
NO_BYTES = "its file is empty"
BAD_NAME = "its file name cannot be written into a table"
TWICE = "its file is there already"
UNREADABLE = "its segment cannot be cut"


@dataclass
class Outcome:
    """What an import did.

    Attributes
    ----------
    kept : recordings that were written.
    speakers : of them; those without one count as one.
    nameless : recordings without a speaker.
    resized : recordings whose file has another size than the source says.
    changed : number of transcripts that each rule changed.
    left_out : number of items by reason.
    """

    kept: int = 0
    speakers: int = 0
    nameless: int = 0
    resized: int = 0
    changed: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)


class Intake:
    """Takes items into a recordings.csv.

    Parameters
    ----------
    table : the recordings.csv; whether it exists is checked before, and again when the rows are put there.
    left_out : the table of what is left out.
    alphabet : of the transcripts.
    append : add rows to a table that exists.
    """

    def __init__(self, table: Path, left_out: Path, alphabet: Alphabet, *, append: bool = False) -> None:
        self._table = table
        self._left_out = left_out
        self._append = append
        self._columns = self._read_columns()
        self._folder = f"{table.parent.resolve()}/"
        self._normaliser = Normaliser(alphabet)
        self._seen: set[int] = set()  # hashes: a million of them take 100 MB less than the paths
        self.outcome = Outcome()

    def stage(self, items: Iterable[Item | LeftOut]) -> Path:
        """Write the rows of recordings and of what is left out, and return the file with the first.

        Raises
        ------
        RecordingsError : the source is wrong, or nothing of it can be used.
        """
        self._remember_rows()
        staged = self._left_out.with_name(f".{self._left_out.stem}.rows")
        staged.parent.mkdir(parents=True, exist_ok=True)
        speakers: set[str] = set()
        with (
            atomic_path(self._left_out) as beside,
            beside.open("w", _BUFFER, encoding="utf-8", newline="") as refused,
            staged.open("w", _BUFFER, encoding="utf-8", newline="") as taken,
        ):
            reasons = _writer(refused)
            reasons.writerow(LEFT_OUT_COLUMNS)
            rows = _writer(taken)
            for found in self._convert(items):
                if isinstance(found, LeftOut):
                    self.outcome.left_out[found.reason] += 1
                    reasons.writerow(_shown(found))
                    continue
                rows.writerow([found.get(column, "") for column in self._columns])
                speakers.add(found["speaker"])
                self.outcome.kept += 1
                self.outcome.nameless += found["speaker"] == UNKNOWN_SPEAKER
        self.outcome.speakers = len(speakers)
        self.outcome.changed = self._normaliser.changed
        if not self.outcome.kept and self.outcome.left_out.keys() != {TWICE}:
            staged.unlink()
            what = "; ".join(f"{count} x {reason}" for reason, count in self.outcome.left_out.most_common(3))
            raise RecordingsError(
                f"nothing of it can be used: {what or 'it holds no recordings'}", fix=f"See {self._left_out}"
            )
        return staged

    def put(self, staged: Path) -> None:
        """Make recordings.csv of staged rows, or append them to it; RecordingsError if it has appeared meanwhile."""
        refuse_existing(self._table, self._append)
        with atomic_path(self._table) as beside, beside.open("wb") as file:
            if self._table.exists():
                os.fchmod(file.fileno(), self._table.stat().st_mode & 0o777)
                with self._table.open("rb") as before:
                    shutil.copyfileobj(before, file)
                if not _ends_a_line(self._table):
                    file.write(b"\n")
            else:
                file.write((",".join(self._columns) + "\n").encode())
            with staged.open("rb") as rows:
                shutil.copyfileobj(rows, file)
            file.flush()
            os.fsync(file.fileno())
        staged.unlink()

    def _convert(self, items: Iterable[Item | LeftOut]) -> Iterator[dict[str, str] | LeftOut]:
        for item in items:
            yield item if isinstance(item, LeftOut) else self._take(item)

    def _take(self, item: Item) -> dict[str, str] | LeftOut:
        """Return the row of an item."""

        def without(reason: str, detail: str = "") -> LeftOut:
            return LeftOut(item.place, item.sound, reason, detail, item.transcript)

        if len(item.transcript) > LONGEST_TRANSCRIPT:
            return without(f"its transcript is longer than {LONGEST_TRANSCRIPT} characters")
        speaker = " ".join(item.speaker.split())
        if len(speaker) > LONGEST_SPEAKER:
            return without(f"its speaker's name is longer than {LONGEST_SPEAKER} characters")
        try:
            (item.sound + speaker).encode("utf-8")
        except UnicodeEncodeError:
            return without(BAD_NAME, "it is not UTF-8")
        if item.sound != item.sound.strip() or "\n" in item.sound or "\r" in item.sound:
            return without(BAD_NAME, "it begins or ends with white space, or has a line break")
        try:
            state = os.stat(item.sound)
            size = state.st_size if stat.S_ISREG(state.st_mode) else None
        except (OSError, ValueError):
            size = None
        if not size:
            return without(NO_FILE if size is None else NO_BYTES)
        try:
            transcript = self._normaliser.write(item.transcript)
        except RefusedTranscriptError as error:
            return without(error.reason, error.detail)
        sound = item.sound
        if item.cut is not None:
            try:
                sound = str(cut(item, Path(self._folder, SEGMENTS)))
            except AudioError as error:
                return without(UNREADABLE, error.what)
        mark = hash(sound)
        if mark in self._seen:
            return without(TWICE)
        self._seen.add(mark)
        self.outcome.resized += item.size is not None and item.size != size
        name = sound.removeprefix(self._folder)
        return {"file": name, "transcript": transcript, "speaker": speaker or UNKNOWN_SPEAKER}

    def _read_columns(self) -> list[str]:
        """Return the columns to write; RecordingsError if recordings.csv is not to be written, or has none of ours."""
        refuse_existing(self._table, self._append)
        if not self._table.exists():
            return list(COLUMNS)
        with self._table.open(encoding="utf-8-sig", newline="") as file:
            columns = [name.strip() for name in next(csv.reader(file), [])]
        missing = [name for name in COLUMNS if name not in columns]
        if missing:
            raise RecordingsError(
                f"no column {' and no column '.join(missing)}", path=self._table, line=1, fix="Add it, with its fields"
            )
        return columns

    def _remember_rows(self) -> None:
        """Remember the sounds that recordings.csv names already."""
        if self._append and self._table.exists():
            for _, row in tables.read(self._table, RecordingsError, columns=COLUMNS, accept_bom=True):
                self._seen.add(hash(os.path.normpath(os.path.join(self._folder, row["file"].strip()))))


def refuse_existing(table: Path, append: bool) -> None:
    """Raise RecordingsError if a recordings.csv exists that is not to be appended to."""
    if not append and (table.exists() or table.is_symlink()):
        raise RecordingsError(
            "it exists, and is not overwritten", path=table, fix="Add --append to add rows to it, or move it away"
        )


def _writer(file: TextIO) -> Any:
    return csv.writer(file, lineterminator="\n")


def _shown(found: LeftOut) -> list[str]:
    fields = (found.place, found.name, found.reason, found.detail, found.transcript)
    return [field[:_SHOWN].encode("utf-8", "backslashreplace").decode() for field in fields]


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file, contextlib.suppress(OSError):
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
    return True  # it is empty
