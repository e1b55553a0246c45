"""Checkpoints: variables of a network and its optimiser with the training state, as .npz files.

NumPy reads them without TensorFlow, and without pickle nothing in them can run code.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.core.errors import ModelError
from asr.core.files import atomic_path

Weights = list[npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Checkpoint:
    """Content of a checkpoint."""

    arrays: list[npt.NDArray[Any]]  # in the order of the variables
    state: dict[str, Any]  # JSON values


def save(path: Path, arrays: Iterable[npt.ArrayLike], state: dict[str, Any]) -> None:
    """Write a checkpoint, atomically."""
    named = {f"{index:04d}": np.asarray(array) for index, array in enumerate(arrays)}
    with atomic_path(path) as beside, beside.open("wb") as file:
        np.savez(file, state=np.array(json.dumps(state)), **named)  # type: ignore[arg-type]


def load(path: Path) -> Checkpoint:
    """Read a checkpoint; ModelError if it is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            names = sorted(name for name in stored.files if name != "state")
            return Checkpoint([stored[name] for name in names], json.loads(str(stored["state"])))
    except FileNotFoundError:
        raise ModelError("no such checkpoint", path=path) from None
    except Exception as error:
        # zipfile and NumPy raise many types for damage: checksums, headers, flags, lengths.
        what = " ".join(str(error).split()) or type(error).__name__
        raise ModelError(f"this checkpoint is damaged ({what})", path=path, fix="Delete it and train again") from None


def average(many: Iterable[Weights]) -> Weights:
    """Return the mean of several sets of weights (Izmailov et al., Averaging Weights Leads to Wider Optima, 2018)."""
    total: list[npt.NDArray[np.float64]] = []
    count = 0
    for weights in many:
        count += 1
        total = [sum_ + array for sum_, array in zip(total or [np.zeros(())] * len(weights), weights, strict=True)]
    if not total:
        raise ValueError("nothing to average")
    return [(sum_ / count).astype(np.float32) for sum_ in total]
