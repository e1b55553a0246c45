"""What a user can mend, and pauses between attempts at what may mend itself."""

from __future__ import annotations

import sys
import threading

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # s


class FaultError(Exception):
    """Something that the user can mend; the text is one line."""


def report(line: str) -> None:
    """Print a line of status to stderr."""
    print(line, file=sys.stderr, flush=True)


class Backoff:
    """Pauses that double from attempt to attempt.

    Parameters
    ----------
    first, longest : s.
    """

    def __init__(self, first: float = FIRST_PAUSE, longest: float = LONGEST_PAUSE) -> None:
        self._first = self._next = first
        self._longest = longest

    def take(self) -> float:
        """Return the length of the next pause, s."""
        pause = self._next
        self._next = min(2 * pause, self._longest)
        return pause

    def reset(self) -> None:
        """Begin with the shortest pause again."""
        self._next = self._first

    def wait(self, stopped: threading.Event, line: str) -> None:
        """Print what went wrong and the length of the pause, then pause until something is stopped."""
        pause = self.take()
        report(f"{line}; trying again in {pause:g} s")
        stopped.wait(pause)
