"""What could not be converted from another notation."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Remark:
    """Something that could not be converted.

    Attributes
    ----------
    path, line : where it stands first.
    what : what it is, and what became of it.
    more : how often it stands elsewhere.
    """

    path: Path
    line: int
    what: str
    more: int = 0

    def __str__(self) -> str:
        return f"{self.path}:{self._about()}"

    def brief(self) -> str:
        """Return the remark with the file's name alone."""
        return f"{self.path.name}:{self._about()}"

    def _about(self) -> str:
        more = f" (and {self.more} more like it)" if self.more else ""
        return f"{self.line}: {self.what}{more}"


class Remarks:
    """What could not be converted, each thing once, in the order of the files."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[Path, int]] = {}
        self._count: Counter[str] = Counter()

    def add(self, path: Path, line: int, what: str) -> None:
        """Note that `what` could not be converted."""
        what = shown(what, 300)
        self._first.setdefault(what, (path, line))
        self._count[what] += 1

    def all(self) -> tuple[Remark, ...]:
        """Return the remarks."""
        found = [Remark(path, line, what, self._count[what] - 1) for what, (path, line) in self._first.items()]
        return tuple(sorted(found, key=lambda remark: (str(remark.path), remark.line)))


def shown(text: str, most: int = 60) -> str:
    """Return text from a file as a message shows it: in one line, without control characters, cut to `most`."""
    text = "".join(letter if letter.isprintable() else " " for letter in text[: 10 * most])
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 3] + "..."


def quoted(text: str, most: int = 60) -> str:
    """Return text from a file as a message quotes it."""
    return repr(shown(text, most))
