"""Accuracy on single clips of keywords: the confusion matrix, its interval, and the surest mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

from asr.keyword.examples import EvaluationClip


@dataclass(frozen=True)
class Classification:
    """The result of one model on one set.

    Attributes
    ----------
    name : the set, such as "test-noise", or a part of it.
    confusion : int64 [classes, classes], rows the labels, columns the predictions.
    """

    name: str
    classes: tuple[str, ...]
    confusion: npt.NDArray[np.int64]

    @classmethod
    def of(cls, name: str, classes: Sequence[str], labels: npt.ArrayLike, scores: npt.NDArray[Any]) -> Classification:
        """Compare scores [n, classes] with labels [n]; of equal scores the first class is the prediction."""
        confusion = np.zeros((len(classes), len(classes)), np.int64)
        np.add.at(confusion, (np.asarray(labels, np.int64), scores.argmax(axis=1)), 1)
        return cls(name, tuple(classes), confusion)

    @property
    def clips(self) -> int:
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """Share of the clips with the right prediction."""
        return float(np.trace(self.confusion)) / max(1, self.clips)

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the accuracy (1927)."""
        right = int(np.trace(self.confusion))
        found = binomtest(right, max(1, self.clips)).proportion_ci(method="wilson")
        return float(found.low), float(found.high)

    def recalls(self) -> dict[str, float]:
        """Return the recall of each class that occurs."""
        sums = self.confusion.sum(axis=1)
        return {name: float(self.confusion[i, i] / sums[i]) for i, name in enumerate(self.classes) if sums[i]}

    def record(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
        return {
            "name": self.name,
            "clips": self.clips,
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "recalls": self.recalls(),
            "confusion": self.confusion.tolist(),
        }


def mistakes(
    table: Sequence[EvaluationClip], classes: Sequence[str], scores: npt.NDArray[Any], most: int = 10
) -> list[tuple[str, str, str]]:
    """Return name, label and prediction of the wrong clips, the surest mistakes first."""
    found = scores.argmax(axis=1)
    wrong = [i for i, row in enumerate(table) if found[i] != row.label]
    wrong.sort(key=lambda i: int(scores[i, table[i].label]) - int(scores[i, found[i]]))
    return [(table[i].name, classes[table[i].label], classes[int(found[i])]) for i in wrong[:most]]
