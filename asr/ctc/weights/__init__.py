"""Pretrained weights that come with the project.

`english.pbmm` was trained on synthetic voices only, in three stages: sentences of examples/english with 500 words, the
same with two noises at once (examples/english-noise), and 7,555 words by Kokoro, espeak-ng and Flite
(examples/english-voices). `make weights` trains it again; `english.txt` lists the words.
"""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent

# augment.noise_kinds of their trainings: a recogniser that starts from them must be evaluated in other noise.
_NOISE = {
    "english": (
        *("white", "pink", "brown", "hum", "fan", "motor", "crackle", "music", "beeps", "shifting", "texture"),
        "babble",
    )
}


def names() -> tuple[str, ...]:
    """Return the names of pretrained weights, as train.start_from takes them."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.pbmm")))


def noise_heard(name: str) -> tuple[str, ...]:
    """Return the kinds of noise that weights were trained with; none for an unknown name."""
    return _NOISE.get(name, ())


def find(name: str) -> Path | None:
    """Return the graph of pretrained weights; None for an unknown name."""
    return _FOLDER / f"{name}.pbmm" if name in names() else None


def words(name: str) -> frozenset[str]:
    """Return the words that weights were trained on; none for an unknown name."""
    path = _FOLDER / f"{name}.txt"
    return frozenset(path.read_text(encoding="utf-8").split()) if path.is_file() else frozenset()
