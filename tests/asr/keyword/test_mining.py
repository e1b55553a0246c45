"""What a half trained network takes for a word in other speech: found, spaced out, and kept as a set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from asr.keyword import mining
from asr.keyword.jobs import plan
from asr.keyword.settings import Keyword
from asr.keyword.shards import Reader, Writer
from datasets.keywords import Found, Utterance

CHANNELS, SLICES = 3, 4


def write_streams(folder: Path, *pieces: np.ndarray) -> Reader:
    writer = Writer(folder, mining.SET, CHANNELS)
    for piece in pieces:
        writer.add(piece, [1, *[0] * (len(piece) - 1)])
    writer.close()
    return Reader(folder, mining.SET)


def certainty_of_sum(rows: np.ndarray) -> np.ndarray:
    """Logits of silence, unknown and a word, the last the larger the louder the window."""
    loud = rows.astype(np.float32).sum(axis=1)
    return np.stack([np.zeros_like(loud), np.zeros_like(loud), loud - 20], axis=1)


def quiet(slices: int) -> np.ndarray:
    return np.zeros((slices, CHANNELS), np.int8)


def test_the_surest_mistakes_are_kept_as_other_words(tmp_path: Path) -> None:
    one, two = quiet(100), quiet(80)
    one[40, 1], one[90, 2], two[30, 0] = 21, 30, 25
    streams = write_streams(tmp_path, one, two)
    assert mining.mine(streams, certainty_of_sum, SLICES, tmp_path, 2) == 2
    hard = Reader(tmp_path, mining.HARD)
    assert hard.labels.tolist() == [1, 1]
    # Rows are windows as the network takes them: slice after slice, the channels of each together.
    assert [int(row.max()) for row in hard.all()] == [30, 25]
    row = hard.all()[0].reshape(SLICES, CHANNELS)
    assert row[:, 2].max() == 30 and not row[:, :2].any()
    # Of more, the third comes too; a window in which nothing is heard never does.
    assert mining.mine(streams, certainty_of_sum, SLICES, tmp_path, 50) == 3
    assert len(Reader(tmp_path, mining.HARD)) == 3


def test_no_window_reaches_from_one_piece_into_the_next(tmp_path: Path) -> None:
    one, two = quiet(20), quiet(20)
    one[-1], two[0] = 5, 5
    streams = write_streams(tmp_path, one, two, quiet(SLICES - 1))
    mining.mine(streams, lambda rows: certainty_of_sum(rows) + np.float32([0, 0, 6]), SLICES, tmp_path, 9)
    rows = Reader(tmp_path, mining.HARD).all().reshape(-1, SLICES, CHANNELS)
    assert len(rows) and all((row != 0).any(axis=1).sum() == 1 for row in rows)


def test_a_network_without_mistakes_leaves_an_empty_set(tmp_path: Path) -> None:
    streams = write_streams(tmp_path, quiet(50))
    assert mining.mine(streams, certainty_of_sum, SLICES, tmp_path, 9) == 0
    assert len(Reader(tmp_path, mining.HARD)) == 0


def test_places_are_taken_in_order_and_apart() -> None:
    certainty = np.array([0.1, 0.9, 0.95, 0.9, 0.01, 0.2, 0.3])
    assert mining.worst(certainty, 2).tolist() == [2, 6, 0]
    assert mining.worst(certainty, 1).tolist() == [2, 1, 3, 6, 5, 0]


@pytest.mark.parametrize(("minutes", "jobs"), [(0.0, 0), (0.6, 2), (500.0, 4 * 5)])
def test_other_speech_runs_on_for_as_long_as_asked(minutes: float, jobs: int) -> None:
    others = [Utterance(f"{n}.wav", "put the light on " * 2, "s", "train") for n in range(25)]
    words = [Utterance(f"yes{n}.wav", "yes", "s", split) for n, split in enumerate(("train", "dev", "test"))]
    dev = [Utterance("dev.wav", "somebody else", "d", "dev")]
    found = Found(others + words + dev, (), None, None, [], "speakers", ())
    streams = [job for job in plan(found, Keyword(words=("yes",), stream_minutes=minutes)) if job.stream]
    assert len(streams) == jobs
    names = [name for job in streams for name in job.stream]
    assert {*names} <= {u.name for u in others}
    assert all(names.count(name) <= 4 for name in names)
    assert all(job.split == "train" and not job.clips for job in streams)
    assert len({job.number for job in streams}) == len(streams)
