"""Weights that come with the project, to start a training from.

`english.pbmm` has heard synthetic voices alone, saying sentences of examples/english: 500 words, and
then the same in two noises at once (examples/english-noise). `make weights` makes it anew.
"""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent

# augment.noise_kinds of the trainings that made them: what judges a recogniser that starts from them must be another.
_NOISE = {
    "english": (
        *("white", "pink", "brown", "hum", "fan", "motor", "crackle", "music", "beeps", "shifting", "texture"),
        "babble",
    )
}


def names() -> tuple[str, ...]:
    """Return the names that train.start_from takes."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.pbmm")))


def noise_heard(name: str) -> tuple[str, ...]:
    """Return the kinds of noise that the weights of a name have heard; none where there are no such weights."""
    return _NOISE.get(name, ())


def find(name: str) -> Path | None:
    """Return the graph of a name; None where there is none."""
    return _FOLDER / f"{name}.pbmm" if name in names() else None
