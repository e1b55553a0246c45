"""Features on disk: int8 rows in memory-mapped .npy files, so that no data set has to fit into memory.

A set is a folder of shards `<name>-00000.npy`, int8 [rows, features], and `<name>.labels.npy`, uint8 [all rows].
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr.core.errors import ModelError
from asr.core.files import atomic_path

ROWS = 16384  # of a shard: 32 MB of 1960 features, held while it is written

Int8 = npt.NDArray[np.int8]
Labels = npt.NDArray[np.uint8]


class Writer:
    """Writes a set row by row; `close` completes it.

    Parameters
    ----------
    folder, name : place and name of the set.
    width : features of a row.
    """

    def __init__(self, folder: Path, name: str, width: int, rows: int = ROWS) -> None:
        self._folder, self._name = folder, name
        folder.mkdir(parents=True, exist_ok=True)
        for path in (*folder.glob(f"{name}-*.npy"), folder / f"{name}.labels.npy"):
            path.unlink(missing_ok=True)
        self._buffer = np.empty((rows, width), np.int8)
        self._filled = self._shards = 0
        self._labels: list[Labels] = []

    def add(self, features: Int8, labels: npt.ArrayLike) -> None:
        """Append rows int8 [k, width] and their labels [k]."""
        given = np.asarray(labels, np.uint8)
        if given.shape != features.shape[:1]:
            raise ValueError(f"{len(features)} rows and {given.size} labels")
        self._labels.append(given)
        while len(features):
            room = len(self._buffer) - self._filled
            part, features = features[:room], features[room:]
            self._buffer[self._filled : self._filled + len(part)] = part
            self._filled += len(part)
            if self._filled == len(self._buffer):
                self._flush()

    def close(self) -> None:
        """Write the remaining rows and the labels."""
        if self._filled:
            self._flush()
        self._save(f"{self._name}.labels.npy", np.concatenate([np.zeros(0, np.uint8), *self._labels]))

    def _flush(self) -> None:
        self._save(f"{self._name}-{self._shards:05d}.npy", self._buffer[: self._filled])
        self._shards += 1
        self._filled = 0

    def _save(self, name: str, array: npt.NDArray[np.generic]) -> None:
        with atomic_path(self._folder / name) as beside:
            np.save(beside, array)


class Reader:
    """Reads a set; rows are fetched from disk when asked for.

    Raises
    ------
    ModelError : the set is missing or incomplete.
    """

    def __init__(self, folder: Path, name: str) -> None:
        try:
            self.labels: Labels = np.load(folder / f"{name}.labels.npy")
            self._shards = [np.load(path, mmap_mode="r") for path in sorted(folder.glob(f"{name}-*.npy"))]
        except (OSError, ValueError) as error:
            raise ModelError(
                f"the features of {name} cannot be read ({error})", path=folder, fix="Run: asr keyword"
            ) from None
        self._ends = np.cumsum([0, *(len(shard) for shard in self._shards)])
        if int(self._ends[-1]) != len(self.labels):
            raise ModelError(f"the features of {name} are incomplete", path=folder, fix="Run: asr keyword")

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, indices: npt.NDArray[np.int64]) -> Int8:
        """Return the rows of the given indices, int8 [k, width], in their order."""
        # Sorted, so that a disk or a page cache is read in one direction.
        order = np.argsort(indices, kind="stable")
        result = np.empty((len(indices), self._shards[0].shape[1] if self._shards else 0), np.int8)
        shards = np.searchsorted(self._ends, indices[order], side="right") - 1
        for shard in np.unique(shards):
            places = order[shards == shard]
            result[places] = self._shards[int(shard)][indices[places] - self._ends[shard]]
        return result

    def all(self) -> Int8:
        """Return every row, for small sets."""
        return self.rows(np.arange(len(self)))
