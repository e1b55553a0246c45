"""How well single clips are told apart: accuracy, what was taken for what, and how sure one can be of it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.core.errors import ModelError


@dataclass(frozen=True)
class Figures:
    """What one model did on one set.

    Attributes
    ----------
    name : the set, such as "test-noise", or a part of it.
    confusion : int64 [classes, classes], rows what was said, columns what was heard.
    """

    name: str
    classes: tuple[str, ...]
    confusion: npt.NDArray[np.int64]

    @property
    def clips(self) -> int:
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """Share of the clips that were heard right."""
        return float(np.trace(self.confusion)) / max(1, self.clips)

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the accuracy (1927)."""
        n, p, z = max(1, self.clips), self.accuracy, 1.959964
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        return float(max(0.0, middle - half)), float(min(1.0, middle + half))

    def recalls(self) -> dict[str, float]:
        """Return the share heard right of each class that occurs."""
        sums = self.confusion.sum(axis=1)
        return {name: float(self.confusion[i, i] / sums[i]) for i, name in enumerate(self.classes) if sums[i]}

    def record(self) -> dict[str, Any]:
        """Return the figures as JSON takes them."""
        return {
            "name": self.name,
            "clips": self.clips,
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "recalls": self.recalls(),
            "confusion": self.confusion.tolist(),
        }


def figures(name: str, classes: Sequence[str], labels: npt.ArrayLike, scores: npt.NDArray[Any]) -> Figures:
    """Compare scores [n, classes] with labels [n]; of equal scores the first class counts as heard."""
    wanted = np.asarray(labels, np.int64)
    confusion = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(confusion, (wanted, scores.argmax(axis=1)), 1)
    return Figures(name, tuple(classes), confusion)


@dataclass(frozen=True)
class Judged:
    """A row of table.csv: a clip of dev or test."""

    split: str
    name: str
    label: int
    noise: str


def read_table(folder: Path, split: str) -> list[Judged]:
    """Return the clips of a split in the order of its sets; ModelError where the table is missing."""
    path = folder / "table.csv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [Judged(row["split"], row["name"], int(row["label"]), row["noise"]) for row in csv.DictReader(file)]
    except (OSError, KeyError, ValueError) as error:
        raise ModelError(f"it cannot be read ({error})", path=path, fix="Run: asr keyword") from None
    return [row for row in rows if row.split == split]


def mistakes(
    table: Sequence[Judged], classes: Sequence[str], scores: npt.NDArray[Any], most: int = 10
) -> list[tuple[str, str, str]]:
    """Return name, class said and class heard of the wrong clips, the surest mistakes first."""
    heard = scores.argmax(axis=1)
    wrong = [i for i, row in enumerate(table) if heard[i] != row.label]
    wrong.sort(key=lambda i: int(scores[i, table[i].label]) - int(scores[i, heard[i]]))
    return [(table[i].name, classes[table[i].label], classes[int(heard[i])]) for i in wrong[:most]]
