"""Takes of a long recording: a word once a second, pauses, clicks and noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from datasets.take_cutter import Take, find_takes, with_margins

RATE = 16000


def words(gaps: list[float], noise: float = 0.002, seconds: float = 0.5) -> tuple[npt.NDArray[np.float32], list[int]]:
    """Return words after gaps of so many seconds, and 0.5 s of silence; float32 [n], and where each begins."""
    rng = np.random.default_rng(1)
    time = np.arange(round(seconds * RATE)) / RATE
    word = 0.1 * (np.sin(2 * np.pi * 300 * time) + 0.5 * np.sin(2 * np.pi * 1700 * time)) * np.hanning(len(time)) ** 0.2
    pieces, starts, at = [], [], 0
    for gap in gaps:
        silence = round(gap * RATE)
        starts.append(at + silence)
        pieces += [np.zeros(silence), word]
        at += silence + len(word)
    sound = np.concatenate([*pieces, np.zeros(RATE // 2)])
    return (sound + rng.normal(0, noise, len(sound))).astype(np.float32), starts


def test_a_word_once_a_second_is_five_takes() -> None:
    sound, starts = words([0.5] * 5)
    found = find_takes(sound)
    assert len(found) == 5
    for take, start in zip(found, starts, strict=True):
        assert take.start == pytest.approx(start, abs=0.05 * RATE)
        assert take.end == pytest.approx(start + 0.5 * RATE, abs=0.05 * RATE)


def test_a_short_gap_is_part_of_a_take() -> None:
    assert len(find_takes(words([0.5, 0.15, 0.6])[0])) == 2
    assert len(find_takes(words([0.5, 0.15, 0.6])[0], pause=0.1)) == 3


def test_noise_clicks_and_silence_are_no_takes() -> None:
    rng = np.random.default_rng(2)
    assert find_takes(np.zeros(0, np.float32)) == find_takes(np.zeros(RATE, np.float32)) == []
    assert find_takes(rng.normal(0, 0.01, 3 * RATE).astype(np.float32)) == []
    sound, _ = words([0.5, 0.8])
    sound[100:130] += 0.5
    assert len(find_takes(sound)) == 2


def test_takes_are_found_in_noise_at_20_db() -> None:
    found = find_takes(words([0.4, 0.3, 1.0, 0.5], noise=0.006)[0])
    assert len(found) == 4


def test_margins_meet_but_do_not_overlap() -> None:
    found = with_margins([Take(1000, 5000), Take(7000, 9000)], 9500, margin=0.25)
    assert found == [Take(0, 6000), Take(6000, 9500)]
    assert with_margins([], 100) == []
