"""CSV files with a header, read with clear errors for the mistakes of spreadsheets and editors."""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from asr.core import file_kind
from asr.core.errors import UserError
from asr.core.files import write_text

Row = dict[str, str]

# Names of our columns in other projects.
_OTHER_NAMES = {
    "file": ("wav_filename", "filename", "path", "audio", "wav", "clip"),
    "transcript": ("sentence", "text", "transcription", "label"),
    "speaker": ("client_id", "speaker_id", "user"),
    "wav_filename": ("file", "filename", "path", "clip"),
    "wav_filesize": ("size", "filesize", "bytes"),
}


def read(
    path: Path, kind: type[UserError], *, columns: Sequence[str], known: Sequence[str] = (), accept_bom: bool = False
) -> list[tuple[int, Row]]:
    """Read a CSV file whose header has at least `columns`.

    Parameters
    ----------
    kind : type of the errors.
    columns : required columns, in any order.
    known : optional columns; a header that misspells one is an error.
    accept_bom : ignore a byte order mark instead of refusing it.

    Returns
    -------
    1-based line and fields by column of each row; blank lines are skipped.

    Raises
    ------
    kind : missing, empty, not UTF-8, a byte order mark, another separator, a column missing or repeated, a line with
        more or fewer fields than the header.
    """
    text = _text(path, kind, accept_bom)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[tuple[int, Row]] = []
    header: list[str] | None = None
    line = 1
    try:
        for fields in reader:
            if not any(field.strip() for field in fields):
                pass
            elif header is None:
                header = [field.strip() for field in fields]
                _check_header(path, line, kind, header, columns, known)
            elif len(fields) != len(header):
                raise kind(
                    f"{len(fields)} fields, expected {len(header)} ({','.join(header)})",
                    path=path,
                    line=line,
                    fix='Quote fields that contain a comma: "yes, please"',
                )
            else:
                rows.append((line, dict(zip(header, fields, strict=True))))
            line = reader.line_num + 1
    except csv.Error as error:
        raise kind(f"this is not CSV: {error}", path=path, line=line, fix="Correct the quotes on that line") from None
    if header is None:
        raise kind("the file is empty", path=path, fix=f"Its first line should be {','.join(known or columns)}")
    return rows


def write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file with a header, atomically: UTF-8, lines ending in LF as DeepSpeech's importers write."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_text(path, text.getvalue())


def _text(path: Path, kind: type[UserError], accept_bom: bool) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise kind("no such file", path=path, fix="Check the name") from None
    except OSError as error:
        raise kind(f"cannot be read: {error.strerror}", path=path, fix="Check the name") from None
    what = file_kind.describe(data[:4096]) or ("a sound file" if file_kind.is_sound(data) else "")
    if data and what not in ("", "text", "XML text"):
        raise kind(f"this is {what}, not a table", path=path, fix="Save it as CSV UTF-8")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:200]:
        raise kind("this is UTF-16 text", path=path, fix="Save it as CSV UTF-8")
    if data.startswith(b"\xef\xbb\xbf"):
        if not accept_bom:
            raise kind(
                "it starts with a byte order mark (BOM), which would become part of the first column's name",
                path=path,
                line=1,
                fix="Save it as UTF-8 without BOM",
            )
        data = data[3:]
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise kind("this is not UTF-8 text", path=path, line=line, fix="Save it as CSV UTF-8") from None


def _check_header(
    path: Path, line: int, kind: type[UserError], header: list[str], columns: Sequence[str], known: Sequence[str]
) -> None:
    expected = ",".join(columns)
    if header[0].lower().startswith("sep="):
        raise kind(
            "its first line tells Excel the separator, and is no header", path=path, line=line,
            fix="Delete that line, and save it with commas",
        )  # fmt: skip
    if len(header) == 1:
        for name, character in (("semicolons", ";"), ("tabs", "\t")):
            if character in header[0]:
                raise kind(f"columns are separated by {name}", path=path, line=line, fix="Save it with commas")
    missing = [column for column in columns if column not in header]
    # A misspelt optional column would be ignored silently.
    doubtful = [column for column in known if column not in header and column not in missing]
    strange = [name for name in header if name not in columns and name not in known]
    for column in (*missing, *doubtful):
        near = _nearest(column, strange)
        if column in missing or near:
            found = f"no column {column!r} in the header {','.join(header)!r}"
            fix = f"Rename {near!r} to {column!r}" if near else f"The header needs {expected}"
            raise kind(found, path=path, line=line, fix=fix)
    twice = [name for name in columns if header.count(name) > 1]
    if twice:
        raise kind(f"the column {twice[0]!r} occurs twice", path=path, line=line, fix="Remove one of them")


def _nearest(column: str, candidates: Sequence[str]) -> str:
    by_case = {name.lower(): name for name in candidates}
    for other in (column, *_OTHER_NAMES.get(column, ())):
        if other in by_case:
            return by_case[other]
    close = difflib.get_close_matches(column, list(by_case), n=1, cutoff=0.75)
    return by_case[close[0]] if close else ""
