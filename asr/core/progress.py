"""Progress and status on stderr; stdout is for results."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

_quiet = False


def quiet(value: bool = True) -> None:
    """Silence status lines and bars (the command line's --quiet)."""
    global _quiet
    _quiet = value


def say(text: str) -> None:
    """Print one status line on stderr."""
    if not _quiet:
        print(text, file=sys.stderr, flush=True)


def shows_bars() -> bool:
    """Tell whether progress bars are shown: stderr is a terminal, and not --quiet."""
    return not _quiet and sys.stderr.isatty()


def track(iterable: Iterable[Item], label: str, total: int | None = None) -> Iterator[Item]:
    """Yield from `iterable`, with a progress bar and the time left if bars are shown."""
    if not shows_bars():
        yield from iterable
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield from bars.track(iterable, total=total, description=label)
