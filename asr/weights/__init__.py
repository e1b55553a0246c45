"""Weights that come with the project, to start a training from.

`english.pbmm` has heard synthetic voices alone, saying the sentences of examples/english: it knows the sounds of
English and 500 words. `make weights` makes it anew.
"""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent


def names() -> tuple[str, ...]:
    """Return the names that train.start_from takes."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.pbmm")))


def find(name: str) -> Path | None:
    """Return the graph of a name; None where there is none."""
    return _FOLDER / f"{name}.pbmm" if name in names() else None
