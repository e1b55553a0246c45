"""Hand labels of a workspace: labels.csv, a row for each mark, such as where a word ends in a long recording."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from asr.core import tables
from asr.core.errors import RecordingsError
from asr.core.files import exclusive
from asr.settings.workspace import Workspace
from datasets.label_file import Label

NAME = "labels.csv"
COLUMNS = ("file", "start", "end", "label")
MOST = 10_000  # marks of a recording


class Marks:
    """The marks of all recordings of a workspace."""

    def __init__(self, ws: Workspace) -> None:
        self._table = ws.root / NAME
        self._guard = ws.build / ".labels.lock"
        self._lock = threading.Lock()

    def of(self, file: str) -> list[Label]:
        """Return the marks of a recording, in order; RecordingsError where the table is damaged."""
        return [label for name, label in self._rows() if name == file]

    def set(self, file: str, marks: Sequence[Label]) -> None:
        """Replace the marks of a recording; those of others stay.

        Raises
        ------
        RecordingsError : the table is damaged, or there are too many marks; BusyError : another process writes it.
        """
        if len(marks) > MOST:
            raise RecordingsError(f"{len(marks)} marks are too many", path=self._table, fix=f"At most {MOST}")
        with self._lock, exclusive(self._guard):
            kept = [(name, label) for name, label in self._rows() if name != file]
            rows = sorted([*kept, *((file, mark) for mark in marks)], key=lambda one: (one[0], one[1].start))
            cells = [(name, f"{mark.start:.3f}", f"{mark.end:.3f}", mark.text) for name, mark in rows]
            tables.write(self._table, COLUMNS, cells)

    def _rows(self) -> list[tuple[str, Label]]:
        if not self._table.is_file():
            return []
        found = []
        for line, row in tables.read(self._table, RecordingsError, columns=COLUMNS, accept_bom=True):
            try:
                label = Label(float(row["start"]), float(row["end"]), row["label"])
            except ValueError:
                raise RecordingsError(
                    "start and end are seconds", path=self._table, line=line, fix="Correct the line"
                ) from None
            found.append((row["file"], label))
        return found

