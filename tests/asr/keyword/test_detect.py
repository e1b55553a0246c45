"""Words from scores: the rule at once and step by step, pauses, ties, and thresholds fitted to false accepts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.core import audio
from asr.evaluation import keyword_stream as stream
from asr.keyword.detect import NEVER, Detection, Detector, Rule, detect, stream_scores, sums


def times(count: int, stride: int = 2) -> np.ndarray:
    return np.arange(count, dtype=np.int64) * stride + 48


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10_000), count=st.integers(0, 120), classes=st.integers(3, 6), window=st.integers(1, 12),
    suppression=st.integers(0, 60), stride=st.integers(1, 4),
)  # fmt: skip
def test_all_at_once_hears_what_one_at_a_time_hears(
    seed: int, count: int, classes: int, window: int, suppression: int, stride: int
) -> None:
    rng = np.random.default_rng(seed)
    # Few different values, so that sums often tie and often equal a threshold.
    scores = (rng.integers(0, 6, (count, classes)) * 51).astype(np.uint8)
    thresholds = (NEVER, NEVER, *(int(value) for value in rng.integers(0, 257, classes - 2)))
    rule = Rule(thresholds, stride, window, suppression)
    detector = Detector(rule)
    stepped = [detector.push(int(when), row) for when, row in zip(times(count, stride), scores, strict=True)]
    assert detect(times(count, stride), scores, rule) == [item for item in stepped if item is not None]


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


def test_sums_are_those_of_a_sliding_window() -> None:
    scores = np.random.default_rng(1).integers(0, 256, (30, 4)).astype(np.uint8)
    by_hand = np.array([scores[i : i + 8].astype(int).sum(axis=0) for i in range(23)])
    assert np.array_equal(sums(scores, 8), by_hand)


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


def test_thresholds_are_the_lowest_that_accept_no_more_than_allowed() -> None:
    # Half an hour at two slices an inference; word 2 peaks once at 180, word 3 three times at 90, 120 and 150.
    count = 45000
    scores = np.zeros((count, 4), np.uint8)
    scores[1000:1020, 2] = 180
    for place, value in ((5000, 90), (9000, 120), (20000, 150)):
        scores[place : place + 20, 3] = value
    quiet = (times(count), scores)
    rule = Rule((NEVER, NEVER), 2, 8, 50)
    assert stream.hours(quiet) == pytest.approx(0.5, rel=1e-3)
    assert stream.fit_thresholds(quiet, rule, 2, 0.0) == (181, 151)
    # Four an hour for both together is one for each in half an hour. The window of eight holds one score of 180 for
    # the first and the last of them: below 180 / 8 they are heard for longer than the pause after a word.
    assert stream.fit_thresholds(quiet, rule, 2, 4.01) == (23, 121)


def test_hits_are_counted_once_and_the_rest_are_false_accepts() -> None:
    placed = [stream.Placed(2, 100, 140), stream.Placed(3, 400, 430)]
    heard = ((150, 2), (170, 2), (300, 2), (425, 2), (470, 3))
    found = [Detection(when, word, 9) for when, word in heard]
    assert stream.count_hits(found, placed) == (2, 3)
    assert stream.count_hits([Detection(141 + stream.LATE, 2, 9)], placed) == (0, 1)


def test_the_curve_falls_from_missing_all_to_missing_none() -> None:
    count = 2000
    quiet, spoken = np.zeros((count, 3), np.uint8), np.zeros((count, 3), np.uint8)
    quiet[500:520, 2] = 100
    placed = []
    for index, value in enumerate((80, 120, 160, 200)):
        place = 200 + 400 * index
        spoken[place : place + 20, 2] = value
        placed.append(stream.Placed(2, int(times(count)[place]), int(times(count)[place + 15])))
    curve = stream.miss_curve((times(count), quiet), (times(count), spoken), placed, Rule((NEVER, NEVER, 0), 2, 8, 50))
    assert stream.at_most(curve, 0.0) == pytest.approx(0.25)
    assert curve.misses[0] == 1.0
    assert np.all(np.diff(curve.misses) <= 0)


def test_a_word_that_cannot_be_read_is_left_out_of_the_stream(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(1)
    (tmp_path / "broken.wav").write_bytes(b"RIFF and no more")
    audio.write_wav(tmp_path / "word.wav", rng.normal(0, 3000, 8000).astype(np.int16))
    background = rng.normal(0, 300, 32000).astype(np.int16)
    words = [(str(tmp_path / name), 2) for name in ("broken.wav", "word.wav")]
    mixed, placed = stream.lay(background, words, 10.0, rng)
    assert len(placed) == 1 and placed[0].start == 2 * 50
    assert len(mixed) > 4 * 16000
    assert "broken.wav" in capsys.readouterr().err


def test_a_stream_of_many_words_ends_after_an_hour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_LONGEST", 20.0)
    audio.write_wav(tmp_path / "word.wav", np.full(8000, 3000, np.int16))
    words = [(str(tmp_path / "word.wav"), 2)] * 50
    mixed, placed = stream.lay(np.zeros(0, np.int16), words, 10.0, np.random.default_rng(1))
    assert 4 <= len(placed) <= 9
    assert len(mixed) < 30 * 16000
