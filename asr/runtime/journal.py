"""A queue of events in a file: what is in it survives the end of the process, and of the machine's power.

`FILE` holds a line of JSON for each event, {"sequence": 1, "event": {...}}, written through to the disk before `append`
returns. `FILE.delivered` holds the last sequence number that each recipient has acknowledged, {"mqtt": 1}; it is
replaced as a whole. A line that a crash has torn is dropped when the file is opened.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from .faults import FaultError, report

MOST_EVENTS = 10_000  # kept for a recipient that does not answer; the oldest go first
_COMPACTED = 1000  # delivered lines in the file, after which it is written anew
_LONGEST_LINE = 1 << 20  # bytes

Event = dict[str, Any]


class Journal:
    """Events for several recipients, each of which takes them in order at its own pace. Threads may share it.

    Parameters
    ----------
    path : the file; it is made if it is not there.
    recipients : names. A recipient that the file does not know gets the events from now on.
    most : events that are kept.

    Raises
    ------
    FaultError : the file cannot be opened, belongs to another process, or is no journal.
    """

    def __init__(self, path: Path, recipients: Sequence[str], most: int = MOST_EVENTS) -> None:
        self._path = path
        self._marks = path.with_name(path.name + ".delivered")
        self._most = most
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._guard = _locked(path.with_name(path.name + ".lock"))
            self._events, valid = _read_events(path)
            self._file: IO[bytes] = path.open("ab")
            self._file.truncate(valid)
            self._last = self._events[-1][0] if self._events else 0
            self._delivered = self._starting_marks(recipients)
            self._write_marks()
        except OSError as error:
            raise FaultError(f"{path}: {error.strerror}. Choose another file with --queue") from None
        self._lines = len(self._events)
        with self._lock:
            self._forget_delivered()

    def _starting_marks(self, recipients: Sequence[str]) -> dict[str, int]:
        before = self._events[0][0] - 1 if self._events else 0
        if not self._marks.exists():
            return dict.fromkeys(recipients, before)
        known = _read_marks(self._marks)
        # The journal may be empty after everything was delivered: numbers go on from there.
        self._last = max([self._last, *known.values()])
        return {name: known.get(name, self._last) for name in recipients}

    def append(self, event: Event) -> None:
        """Add an event; it is on the disk when this returns. OSError if it cannot be written."""
        with self._lock:
            number = self._last + 1
            line = json.dumps({"sequence": number, "event": event}, ensure_ascii=False).encode() + b"\n"
            end = self._file.seek(0, os.SEEK_END)
            try:
                self._file.write(line)
                self._file.flush()
                os.fsync(self._file.fileno())
            except OSError:
                # A full disk leaves part of a line, to which the next one would be added.
                self._file.truncate(end)
                raise
            self._last = number
            self._events.append((number, event))
            self._lines += 1
            if len(self._events) > self._most:
                self._drop_oldest()

    def first(self, recipient: str) -> tuple[int, Event] | None:
        """Return the number and content of the first event that a recipient has not acknowledged; None: there is none.

        The number grows by one from event to event, and from one run to the next.
        """
        with self._lock:
            delivered = self._delivered[recipient]
            if not self._events or self._events[-1][0] <= delivered:
                return None
            return self._events[max(0, delivered + 1 - self._events[0][0])]

    def acknowledge(self, recipient: str, number: int) -> None:
        """Note on the disk that a recipient has an event and those before it."""
        with self._lock:
            self._delivered[recipient] = max(number, self._delivered[recipient])
            self._write_marks()
            self._forget_delivered()

    def waiting(self, recipient: str) -> int:
        """Return the number of events that a recipient has not acknowledged."""
        with self._lock:
            return max(0, min(self._last - self._delivered[recipient], len(self._events)))

    def close(self) -> None:
        """Close the files; another process may open the journal."""
        with self._lock:
            self._file.close()
            self._guard.close()

    def _drop_oldest(self) -> None:
        number, _ = self._events.popleft()
        late = [name for name, delivered in self._delivered.items() if delivered < number]
        if late:
            report(f"{self._path}: more than {self._most} events wait; the oldest is dropped for {', '.join(late)}")
        self._compact()

    def _forget_delivered(self) -> None:
        everyone = min(self._delivered.values(), default=self._last)
        while self._events and self._events[0][0] <= everyone:
            self._events.popleft()
        self._compact()

    def _compact(self) -> None:
        """Write the file anew once most of it is delivered."""
        if self._lines - len(self._events) < _COMPACTED:
            return
        lines = [
            json.dumps({"sequence": number, "event": event}, ensure_ascii=False).encode() + b"\n"
            for number, event in self._events
        ]
        _replace(self._path, b"".join(lines))
        self._file.close()
        self._file = self._path.open("ab")
        self._lines = len(lines)

    def _write_marks(self) -> None:
        _replace(self._marks, json.dumps(self._delivered).encode() + b"\n")


def _locked(path: Path) -> IO[bytes]:
    """Open a file and lock it. The journal itself is replaced now and then, and a lock would stay with the old one."""
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise FaultError(f"{path}: another process uses this queue. Stop it, or choose another file") from None
    return file


def _read_events(path: Path) -> tuple[deque[tuple[int, Event]], int]:
    """Return the events of a journal and the bytes that they take; what is torn at the end is left out."""
    events: deque[tuple[int, Event]] = deque()
    valid = 0
    if not path.exists():
        return events, valid
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE), b""), 1):
            found = _read_line(line)
            if found is None:
                if line.endswith(b"\n") and file.read(1):
                    raise FaultError(f"{path}:{number}: this is no line of a queue. Move the file away, or mend it")
                report(f"{path}:{number}: dropped a line that was not written to its end")
                break
            if events and found[0] != events[-1][0] + 1:
                raise FaultError(f"{path}:{number}: its number does not follow. Move the file away, or mend it")
            events.append(found)
            valid += len(line)
    return events, valid


def _read_line(line: bytes) -> tuple[int, Event] | None:
    if not line.endswith(b"\n"):
        return None
    try:
        content = json.loads(line)
        number, event = content["sequence"], content["event"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if type(number) is not int or number < 1 or not isinstance(event, dict):
        return None
    return number, event


def _read_marks(path: Path) -> dict[str, int]:
    try:
        content = json.loads(path.read_bytes())
        if not isinstance(content, dict) or not all(type(mark) is int for mark in content.values()):
            raise ValueError
    except (ValueError, RecursionError):
        raise FaultError(f"{path}: this is no record of deliveries. Remove it to deliver the whole queue") from None
    return content


def _replace(path: Path, content: bytes) -> None:
    """Write a file atomically, through to the disk."""
    beside = path.with_name(path.name + ".new")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
