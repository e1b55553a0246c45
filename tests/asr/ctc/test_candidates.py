"""Which epochs' weights stay on disk, and what of them may be the result."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from asr.ctc.candidates import Candidates

LOSSES = [5.0, 2.0, 3.0, 1.0, 4.0, 6.0, 7.0]


def trained(folder: Path, count: int) -> Candidates:
    candidates = Candidates(folder, count)
    for epoch, loss in enumerate(LOSSES):
        candidates.add(epoch, loss, [np.full(3, epoch, np.float32)])
        candidates.tidy()
    return candidates


def test_the_latest_and_the_lowest_stay(tmp_path: Path) -> None:
    candidates = trained(tmp_path, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"epoch-{epoch:04d}.npz" for epoch in (1, 3, 5, 6)]
    assert candidates.results() == {
        "the epoch of the lowest dev loss": [3],
        "the last epoch": [6],
        "the average of the last 2 epochs": [6, 5],
        "the average of the 2 epochs of lowest dev loss": [3, 1],
    }
    (mean,) = candidates.average([3, 6])
    np.testing.assert_array_equal(mean, np.full(3, 4.5, np.float32))


def test_nothing_is_offered_twice(tmp_path: Path) -> None:
    candidates = Candidates(tmp_path, 3)
    for epoch, loss in enumerate([3.0, 2.0, 1.0]):
        candidates.add(epoch, loss, [np.zeros(1, np.float32)])
    assert candidates.results() == {
        "the epoch of the lowest dev loss": [2],
        "the average of the last 3 epochs": [2, 1, 0],
    }
    assert list(trained(tmp_path / "one", 1).results().values()) == [[3], [6]]


def test_files_go_only_when_told(tmp_path: Path) -> None:
    """A kill between the two leaves a file too many, and none too few."""
    before = trained(tmp_path, 2)
    after = Candidates(tmp_path, 2)
    after.kept = list(before.kept)
    after.add(7, 0.5, [np.zeros(3, np.float32)])
    assert {path.name for path in tmp_path.iterdir()} >= {f"epoch-{epoch:04d}.npz" for _, epoch in before.kept}
    after.tidy()
    assert sorted(epoch for _, epoch in after.kept) == [3, 6, 7]
    assert len(list(tmp_path.iterdir())) == 3
