"""Words from scores: the rule for a whole stream and as it is written down, pauses, ties."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.keyword.detect import NEVER, Detection, Rule, detect, stream_scores


def times(count: int, stride: int = 2) -> np.ndarray:
    return np.arange(count, dtype=np.int64) * stride + 48


def by_the_rule(scores: np.ndarray, rule: Rule) -> list[Detection]:
    """Return the words of a stream as the docstring of `detect` tells them, one inference at a time."""
    found: list[Detection] = []
    for index in range(rule.window - 1, len(scores)):
        newest = 48 + index * rule.stride
        if found and newest <= found[-1].slice + rule.suppression:
            continue
        sums = scores[index - rule.window + 1 : index + 1].sum(axis=0)
        passing = [c for c, threshold in enumerate(rule.thresholds) if sums[c] >= threshold * rule.window]
        if passing:
            word = max(passing, key=lambda c: (sums[c], -c))
            found.append(Detection(newest, word, int(sums[word]) // rule.window))
    return found


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10_000), count=st.integers(0, 120), classes=st.integers(3, 6), window=st.integers(1, 12),
    suppression=st.integers(0, 60), stride=st.integers(1, 4),
)  # fmt: skip
def test_a_whole_stream_gives_the_words_of_the_rule(
    seed: int, count: int, classes: int, window: int, suppression: int, stride: int
) -> None:
    rng = np.random.default_rng(seed)
    # Few different values, so that sums often tie and often equal a threshold.
    scores = (rng.integers(0, 6, (count, classes)) * 51).astype(np.uint8)
    thresholds = (NEVER, NEVER, *(int(value) for value in rng.integers(0, 257, classes - 2)))
    rule = Rule(thresholds, stride, window, suppression)
    assert detect(times(count, stride), scores, rule) == by_the_rule(scores.astype(int), rule)


def test_nothing_is_heard_before_the_window_is_full_and_in_the_pause_after() -> None:
    scores = np.zeros((56, 3), np.uint8)
    scores[:, 2] = 200
    found = detect(times(56), scores, Rule((NEVER, NEVER, 200), 2, 8, 50))
    assert found == [Detection(48 + 14, 2, 200), Detection(48 + 14 + 52, 2, 200)]


def test_of_words_that_pass_the_largest_is_heard_and_of_equals_the_first() -> None:
    scores = np.tile(np.array([0, 0, 120, 130, 130], np.uint8), (4, 1))
    assert detect(times(4), scores, Rule((NEVER, NEVER, 100, 100, 100), 2, 4))[0].word == 3
    assert detect(times(4), scores, Rule((NEVER, NEVER, 100, 131, 131), 2, 4))[0].word == 2
    assert detect(times(4), scores, Rule((NEVER, NEVER, 121, 131, 131), 2, 4)) == []


def test_a_stream_is_cut_into_rows_of_a_second() -> None:
    slices = np.random.default_rng(1).integers(-128, 128, (70, 5)).astype(np.int8)
    seen: list[np.ndarray] = []

    def predict(rows: np.ndarray) -> np.ndarray:
        seen.append(rows)
        return np.full((len(rows), 3), -128, np.int8)

    when, scores = stream_scores(slices, predict, 3)
    assert when.tolist() == list(range(48, 70, 3))
    assert scores.shape == (8, 3) and not scores.any()
    rows = np.concatenate(seen)
    assert np.array_equal(rows[2], slices[6:55].reshape(-1))
    assert len(stream_scores(slices[:48], predict, 3)[0]) == 0
