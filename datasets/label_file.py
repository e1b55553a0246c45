"""Audacity's label files: start, end and text of each label, separated by tabs, in seconds.

The format is that of Audacity's manual, "Importing and Exporting Labels". Lines that begin with a backslash hold the
frequencies of the label before them and are skipped.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from asr.core.errors import RecordingsError
from asr.core.files import write_text

_MOST_BYTES = 16 << 20
_LONGEST = 1000  # characters of a text


@dataclass(frozen=True)
class Label:
    """A stretch of a recording, s, and its text; a point where both are equal."""

    start: float
    end: float
    text: str = ""


def read(path: Path) -> list[Label]:
    """Read a label file.

    Raises
    ------
    RecordingsError : it cannot be read, is no UTF-8, or a line is no label; with the line.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise RecordingsError("it is too large for a label file", path=path, fix="Export the labels again")
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RecordingsError("this is not UTF-8 text", path=path, fix="Export the labels again") from None
    except OSError as error:
        raise RecordingsError(f"cannot be read: {error.strerror}", path=path, fix="Check the name") from None
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("\\"):
            continue
        fields = line.split("\t")
        try:
            # Some languages of Audacity write a decimal comma.
            start, end = (float(field.strip().replace(",", ".")) for field in fields[:2])
        except ValueError:
            start, end = math.nan, math.nan
        if not (math.isfinite(start) and math.isfinite(end) and 0 <= start <= end):
            raise RecordingsError(
                f"{line[:60]!r} is no label", path=path, line=number, fix="A line is: start, tab, end, tab, text"
            )
        label = " ".join("\t".join(fields[2:]).split())
        if len(label) > _LONGEST:
            raise RecordingsError("the text is too long", path=path, line=number, fix="Shorten it")
        found.append(Label(start, end, label))
    return found


def write(path: Path, labels: Iterable[Label]) -> None:
    """Write a label file, atomically."""
    write_text(path, "".join(f"{one.start:.6f}\t{one.end:.6f}\t{one.text}\n" for one in labels))
