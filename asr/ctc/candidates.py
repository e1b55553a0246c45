"""Epochs whose weights may become the result of a training, and their files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from asr.runs import checkpoints

Kept = list[tuple[float, int]]  # dev loss and epoch


class Candidates:
    """The latest epochs and those of the lowest dev loss; the files of all others are deleted.

    Parameters
    ----------
    folder : holds epoch-0001.npz and so on.
    count : number of latest epochs, and of those of the lowest dev loss; as many are averaged.

    Attributes
    ----------
    kept : dev loss and epoch of each; to be restored when a training is resumed.
    """

    def __init__(self, folder: Path, count: int) -> None:
        self.folder = folder
        self.count = count
        self.kept: Kept = []

    def add(self, epoch: int, dev_loss: float, weights: checkpoints.Weights) -> None:
        """Save an epoch's weights."""
        checkpoints.save(self._path(epoch), weights, {"epoch": epoch, "dev_loss": dev_loss})
        everything = [*self.kept, (dev_loss, epoch)]
        chosen = {*self._latest(everything), *self._lowest(everything)}
        self.kept = [pair for pair in everything if pair[1] in chosen]

    def tidy(self) -> None:
        """Delete the files of epochs that are no longer candidates; call it once no file on disk refers to them."""
        names = {self._path(epoch) for _, epoch in self.kept}
        for path in self.folder.glob("epoch-*.npz"):
            if path not in names:
                path.unlink()

    def results(self) -> dict[str, list[int]]:
        """Return the name of each candidate and the epochs that it averages, without duplicates."""
        latest, lowest = self._latest(self.kept), self._lowest(self.kept)
        found = {"the epoch of the lowest dev loss": lowest[:1], "the last epoch": latest[:1]}
        if self.count > 1:
            found[f"the average of the last {len(latest)} epochs"] = latest
            found[f"the average of the {len(lowest)} epochs of lowest dev loss"] = lowest
        seen: list[set[int]] = []
        for name, epochs in list(found.items()):
            if set(epochs) in seen:
                del found[name]
            seen.append(set(epochs))
        return found

    def average(self, epochs: Iterable[int]) -> checkpoints.Weights:
        """Return the mean of the weights of some epochs."""
        return checkpoints.average(checkpoints.load(self._path(epoch)).arrays for epoch in epochs)

    def _path(self, epoch: int) -> Path:
        return self.folder / f"epoch-{epoch:04d}.npz"

    def _latest(self, pairs: Kept) -> list[int]:
        return sorted((epoch for _, epoch in pairs), reverse=True)[: self.count]

    def _lowest(self, pairs: Kept) -> list[int]:
        return [epoch for _, epoch in sorted(pairs)[: self.count]]
