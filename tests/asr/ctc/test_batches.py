"""Utterances to batches: each one once, grouped by length, and none too short for its transcript."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.core.alphabet import Alphabet
from asr.core.errors import ModelError
from asr.ctc.batches import bucket, check_length, collate, needed_frames


@given(st.lists(st.floats(0.1, 30), min_size=1, max_size=60), st.integers(1, 9), st.booleans())
def test_buckets_have_every_utterance_once(seconds, size, short_first) -> None:
    batches = bucket(seconds, size, np.random.default_rng(1), short_first=short_first)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(seconds)))
    assert all(1 <= len(batch) <= size for batch in batches)
    assert len(batches) == -(-len(seconds) // size)


def test_buckets_follow_the_seed_and_group_by_length() -> None:
    seconds = np.random.default_rng(0).uniform(0.5, 10, 200)

    def planned(seed: int, **more: bool) -> list[list[int]]:
        return [batch.tolist() for batch in bucket(seconds, 8, np.random.default_rng([1, seed]), **more)]

    assert planned(1) == planned(1)
    assert planned(1) != planned(2)
    padded = sum(len(batch) * seconds[batch].max() for batch in planned(1))
    at_random = sum(
        len(batch) * seconds[batch].max() for batch in np.random.default_rng(0).permutation(200).reshape(-1, 8)
    )
    assert padded < 1.2 * seconds.sum() < 0.8 * at_random
    means = [seconds[batch].mean() for batch in planned(1, short_first=True)]
    assert np.corrcoef(means, np.arange(len(means)))[0, 1] > 0.95
    means = [seconds[batch].mean() for batch in planned(1)]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.6


def test_collating_pads_and_counts() -> None:
    features = [np.ones((3, 26), "f"), np.full((5, 26), 2, "f")]
    batch = collate(features, [np.array([4, 5], np.int32), np.array([6], np.int32)])
    assert batch.features.shape == (2, 5, 26) and batch.features.dtype == np.float32
    assert batch.features[0, 3:].sum() == 0 and batch.features[0, :3].min() == 1
    assert batch.frames.tolist() == [3, 5]
    assert batch.labels.tolist() == [[4, 5], [6, -1]]
    assert batch.label_lengths.tolist() == [2, 1]
    assert collate(features[:1], [np.zeros(0, np.int32)]).labels.tolist() == [[-1]]


@pytest.mark.parametrize("text", ["a", "aa", "ab", "aab", "hello all"])
def test_needed_frames_are_the_shortest_path(text) -> None:
    """A blank has to stand between equal neighbours: "aa" is a-a."""
    labels = Alphabet().encode(text)
    shortest: list[str] = []
    for letter in text:
        shortest += ["-", letter] if shortest and shortest[-1] == letter else [letter]
    assert needed_frames(labels) == len(shortest)
    check_length(len(shortest), labels, text)
    with pytest.raises(ModelError, match=f"{len(shortest) - 1} frames are too few for '{text}', which needs"):
        check_length(len(shortest) - 1, labels, text)
