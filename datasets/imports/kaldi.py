"""A data folder of Kaldi: wav.scp, text, and where there are any utt2spk and segments.

https://kaldi-asr.org/doc/data_prep.html. The tables are joined in a temporary database on the disk, so they need not
be sorted, and do not have to fit into memory. A wav.scp may name commands whose output is the sound; none is run.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from asr.core.errors import RecordingsError
from datasets.imports.corpus import NO_TRANSCRIPT, Item, LeftOut, find_sound
from datasets.imports.lines import read_lines

PIPE = "its sound is the output of a command, which is not run"
ARCHIVE = "its sound is in an archive of Kaldi's"
NO_SOUND = "wav.scp has no such recording"
TIMES = "its segment has no start and end"
TWICE = "its name is there twice"
_NEEDED = ("wav.scp", "text")
_ARCHIVE = re.compile(r".+\.ark:\d+(\[.*\])?")
_LONGEST_NAME = 1000  # characters


class Kaldi:
    """The importer."""

    kind = "kaldi"
    title = "a data folder of Kaldi"
    layout = "wav.scp and text, and if there are any utt2spk and segments"

    def fits(self, source: Path) -> bool:
        return (source / "wav.scp").is_file() or (source / "utt2spk").is_file()

    def items(self, source: Path) -> Iterator[Item | LeftOut]:
        missing = [name for name in _NEEDED if not (source / name).is_file()]
        if missing:
            raise RecordingsError(
                f"there is no {' and no '.join(missing)}", path=source, fix="Name Kaldi's data folder"
            )
        # An empty name is a database in a file of its own that SQLite deletes.
        with contextlib.closing(sqlite3.connect("", isolation_level=None)) as database:
            database.execute("pragma journal_mode = off")
            database.execute("pragma cache_size = -32000")  # KiB
            database.execute("begin")
            for name in (*_NEEDED, "utt2spk", "segments"):
                table = _table(name)
                database.execute(f"create table {table} (name text primary key, value text, line integer)")
                if (source / name).is_file():
                    yield from _fill(database, source / name)
            segmented = (source / "segments").is_file()
            yield from _join(database, source.absolute(), segmented)


def _table(name: str) -> str:
    return name.replace(".", "_")


def _fill(database: sqlite3.Connection, path: Path) -> Iterator[LeftOut]:
    """Put the lines `name value` of a file into its table."""
    statement = f"insert or ignore into {_table(path.name)} values (?, ?, ?)"
    for number, text, fault in read_lines(path):
        name, *rest = text.split(None, 1) or [""]
        value = rest[0] if rest else ""
        if path.name == "segments":
            value = " ".join(value.split())  # or a tab would end the recording's name in the query below
        if not fault and len(name) > _LONGEST_NAME:
            fault = "its name is too long"
        if fault:
            yield LeftOut(f"{path.name}:{number}", name[:80], fault)
        elif not database.execute(statement, (name, value, number)).rowcount:
            yield LeftOut(f"{path.name}:{number}", name, TWICE)


_WHOLE = """
select text.name, text.value, text.line, wav_scp.value, utt2spk.value, null, null
from text left join wav_scp on wav_scp.name = text.name left join utt2spk on utt2spk.name = text.name
order by text.line
"""
# substr: a segment's recording is the first word of its value.
_SEGMENTED = """
select text.name, text.value, text.line, wav_scp.value, utt2spk.value, segments.value, segments.line
from text left join segments on segments.name = text.name
left join wav_scp on wav_scp.name = substr(segments.value, 1, instr(segments.value || ' ', ' ') - 1)
left join utt2spk on utt2spk.name = text.name
order by wav_scp.line, text.line
"""


def _join(database: sqlite3.Connection, folder: Path, segmented: bool) -> Iterator[Item | LeftOut]:
    for name, transcript, line, sound, speaker, segment, segment_line in database.execute(
        _SEGMENTED if segmented else _WHOLE
    ):
        place = f"text:{line}"
        if segmented and segment is None:
            yield LeftOut(place, name, "segments has no such utterance", transcript=transcript)
            continue
        cut = None
        if segmented:
            place = f"segments:{segment_line}"
            cut = _times(segment)
            if cut is None:
                yield LeftOut(place, name, TIMES, segment[:80], transcript)
                continue
        path, reason = _sound(folder, sound)
        if reason:
            yield LeftOut(place, name, reason, (sound or "")[:200], transcript)
        else:
            yield Item(path, transcript, speaker or "", place, cut, name if cut is not None else "")
    used = "segments" if segmented else "wav_scp"
    rest = f"select name, line from {used} where name not in (select name from text) order by line"
    for name, line in database.execute(rest):
        yield LeftOut(f"{'segments' if segmented else 'wav.scp'}:{line}", name, NO_TRANSCRIPT)


def _sound(folder: Path, named: str | None) -> tuple[str, str]:
    """Return the path that wav.scp gives, and why it is not used: "" if it is."""
    if named is None:
        return "", NO_SOUND
    named = named.strip()
    if named.endswith("|") or named.startswith("|"):
        return "", PIPE
    if _ARCHIVE.fullmatch(named):
        return "", ARCHIVE
    path, reason = find_sound(str(folder), named, absolute=True)
    if not reason and not named.startswith("/") and not os.path.isfile(path):
        # Kaldi's own programs read such names from where they are started.
        from_here = os.path.abspath(named)
        path = from_here if os.path.isfile(from_here) else path
    return path, reason


def _times(segment: str) -> tuple[float, float] | None:
    """Return start and end of "recording start end", s; None if they are no times."""
    words = segment.split()
    if len(words) < 3:
        return None
    try:
        start, end = float(words[1]), float(words[2])
    except ValueError:
        return None
    if not (math.isfinite(start) and math.isfinite(end)) or start < 0 or (end >= 0 and end <= start):
        return None
    return start, end
