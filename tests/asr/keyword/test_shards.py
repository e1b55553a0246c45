"""Features on disk: rows come back as they were written, from files that are mapped, not read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.core.errors import ModelError
from asr.keyword.shards import Reader, Writer


@settings(max_examples=20)
@given(sizes=st.lists(st.integers(0, 70), max_size=6), rows=st.integers(1, 64), seed=st.integers(0, 99))
def test_rows_come_back(tmp_path_factory: pytest.TempPathFactory, sizes: list[int], rows: int, seed: int) -> None:
    folder = tmp_path_factory.mktemp("shards")
    rng = np.random.default_rng(seed)
    writer = Writer(folder, "train", 7, rows)
    parts, labels = [np.zeros((0, 7), np.int8)], [np.zeros(0, np.uint8)]
    for size in sizes:
        parts.append(rng.integers(-128, 128, (size, 7)).astype(np.int8))
        labels.append(rng.integers(0, 9, size).astype(np.uint8))
        writer.add(parts[-1], labels[-1])
    writer.close()
    reader = Reader(folder, "train")
    whole = np.concatenate(parts)
    assert np.array_equal(reader.all(), whole.reshape(len(whole), -1) if len(whole) else reader.all())
    assert np.array_equal(reader.labels, np.concatenate(labels))
    order = rng.permutation(len(whole))
    assert np.array_equal(reader.rows(order), whole[order].reshape(reader.rows(order).shape))


def test_shards_are_mapped_and_of_bounded_size(tmp_path: Path) -> None:
    writer = Writer(tmp_path, "train", 10, 100)
    for _ in range(5):
        writer.add(np.ones((50, 10), np.int8), np.zeros(50))
    writer.close()
    assert [np.load(path, mmap_mode="r").shape for path in sorted(tmp_path.glob("train-*.npy"))] == [
        (100, 10), (100, 10), (50, 10),
    ]  # fmt: skip
    assert all(isinstance(shard, np.memmap) for shard in Reader(tmp_path, "train")._shards)


def test_a_set_that_was_not_finished_is_not_read(tmp_path: Path) -> None:
    writer = Writer(tmp_path, "train", 10, 100)
    writer.add(np.ones((250, 10), np.int8), np.zeros(250))
    with pytest.raises(ModelError, match=r"cannot be read.*Run: asr keyword"):
        Reader(tmp_path, "train")
    writer.close()
    (tmp_path / "train-00001.npy").unlink()
    with pytest.raises(ModelError, match="incomplete"):
        Reader(tmp_path, "train")


def test_rows_need_a_label_each(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="3 rows and 2 labels"):
        Writer(tmp_path, "x", 4).add(np.zeros((3, 4), np.int8), [1, 2])
