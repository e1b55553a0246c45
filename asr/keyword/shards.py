"""Features on disk: int8 rows in memory-mapped .npy files, so that no data set has to fit into memory.

A set is a folder of shards `<name>-00000.npy`, int8 [rows, features], and `<name>.labels.npy`, uint8 [all rows].
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr.core.errors import ModelError
from asr.core.files import atomic_path

ROWS = 32768  # of a shard: 64 MB of 1960 features

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
        self._folder, self._name, self._rows = folder, name, rows
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob(f"{name}-*.npy"):
            path.unlink()
        (folder / f"{name}.labels.npy").unlink(missing_ok=True)
        self._buffer = np.empty((min(rows, 1024), width), np.int8)
        self._filled = 0
        self._shard: np.memmap | None = None
        self._taken = 0
        self._count = 0
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
        """Write the remaining rows, cut the last shard to its rows, and write the labels."""
        self._flush()
        self._end_shard()
        labels = np.concatenate([np.zeros(0, np.uint8), *self._labels])
        with atomic_path(self._folder / f"{self._name}.labels.npy") as beside:
            np.save(beside, labels)

    def _flush(self) -> None:
        rows = self._buffer[: self._filled]
        while len(rows):
            if self._shard is None:
                path = self._folder / f"{self._name}-{self._count:05d}.npy"
                shape = (self._rows, self._buffer.shape[1])
                self._shard = np.lib.format.open_memmap(path, "w+", np.int8, shape)
                self._taken = 0
            room = self._rows - self._taken
            part, rows = rows[:room], rows[room:]
            self._shard[self._taken : self._taken + len(part)] = part
            self._taken += len(part)
            if self._taken == self._rows:
                self._end_shard()
        self._filled = 0

    def _end_shard(self) -> None:
        if self._shard is None:
            return
        self._shard.flush()
        path = self._folder / f"{self._name}-{self._count:05d}.npy"
        if self._taken < self._rows:
            part = np.load(path, mmap_mode="r")[: self._taken]
            with atomic_path(path) as beside:
                np.save(beside, part)
        self._shard = None
        self._count += 1


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
        result: Int8 | None = None
        shards = np.searchsorted(self._ends, indices[order], side="right") - 1
        for shard in np.unique(shards):
            places = order[shards == shard]
            part = self._shards[int(shard)][indices[places] - self._ends[shard]]
            if result is None:
                result = np.empty((len(indices), part.shape[1]), np.int8)
            result[places] = part
        if result is None:
            width = self._shards[0].shape[1] if self._shards else 0
            result = np.empty((0, width), np.int8)
        return result

    def all(self) -> Int8:
        """Return every row, for small sets."""
        return self.rows(np.arange(len(self)))
