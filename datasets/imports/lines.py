"""Lines of text files and rows of tables that nobody has checked: streamed, and no line longer than a bound."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from asr.core.errors import RecordingsError

LONGEST_LINE = 1 << 16  # bytes
TOO_LONG = f"its line is longer than {LONGEST_LINE} bytes"
NOT_UTF8 = "its line is not UTF-8 text"
FIELDS = "its line has more or fewer fields than the header"
QUOTES = "a quote in its line is not closed, or stands inside a field"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_SEPARATORS = {"\t": "tabs", ",": "commas", ";": "semicolons"}


def read_lines(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield number, text and fault of each line that is not blank.

    The number is 1-based; the text has no line end, and is empty where there is a fault.

    Raises
    ------
    RecordingsError : the file cannot be read, or is UTF-16.
    """
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(LONGEST_LINE):
                number += 1
                if number == 1:
                    if line.startswith(_UTF16):
                        raise RecordingsError("this is UTF-16 text", path=path, fix="Save it as UTF-8")
                    line = line.removeprefix(b"\xef\xbb\xbf")
                if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                    while (rest := file.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                        pass
                    yield number, "", TOO_LONG
                    continue
                try:
                    text = line.decode("utf-8").rstrip("\r\n")
                except UnicodeDecodeError:
                    yield number, "", NOT_UTF8
                    continue
                if text and not text.isspace():
                    yield number, text, ""
    except OSError as error:
        raise RecordingsError(f"it cannot be read: {error.strerror}", path=path, fix="Check the name") from None


def read_table(path: Path, separator: str) -> Iterator[tuple[int, dict[str, str], str]]:
    """Yield line number, fields by column and fault of each row below a header that `check_headers` has passed.

    A row is a line: fields hold no line breaks. Fields separated by commas may be quoted, those by tabs are as they
    are (Common Voice is written with csv.QUOTE_NONE).
    """
    columns: list[str] = []
    for number, text, fault in read_lines(path):
        fields = None if fault else _split(text, separator)
        if not columns:
            columns = [field.strip() for field in fields or ()]
        elif fields is None:
            yield number, {}, fault or QUOTES
        elif len(fields) != len(columns):
            yield number, {}, FIELDS
        else:
            yield number, dict(zip(columns, fields, strict=True)), ""


def read_header(path: Path, separator: str) -> list[str]:
    """Return the columns of a table; none if it has no line that can be read."""
    for _, text, fault in read_lines(path):
        return [] if fault else [field.strip() for field in _split(text, separator) or ()]
    return []


def check_headers(paths: Sequence[Path], columns: Sequence[str], separator: str) -> None:
    """Raise RecordingsError with everything that is wrong with the headers of some tables."""
    faults = [(path, fault) for path in paths for fault in _header_faults(path, columns, separator)]
    if faults:
        told = "; ".join(fault if len(paths) == 1 else f"{path.name}: {fault}" for path, fault in faults)
        place = faults[0][0] if len(paths) == 1 else faults[0][0].parent
        line = 1 if len(paths) == 1 else None
        raise RecordingsError(
            f"wrong header: {told}",
            path=place,
            line=line,
            fix=f"It needs {', '.join(columns)}, separated by {_SEPARATORS[separator]}",
        )


def _header_faults(path: Path, columns: Sequence[str], separator: str) -> Iterator[str]:
    found = read_header(path, separator)
    if not found:
        yield "the file has no header"
        return
    for other, name in _SEPARATORS.items():
        if other != separator and len(found) == 1 and other in found[0]:
            yield f"columns are separated by {name}"
            found = [field.strip() for field in found[0].split(other)]
    missing = [column for column in columns if column not in found]
    if missing:
        shown = ", ".join(name[:40] for name in found[:20])
        yield f"no {', no '.join(missing)} among {shown!r}"
    for column in columns:
        if found.count(column) > 1:
            yield f"{column} occurs {found.count(column)} times"


def _split(text: str, separator: str) -> list[str] | None:
    if separator != ",":
        return text.split(separator)
    try:
        return next(csv.reader([text], strict=True))
    except csv.Error:
        return None
