"""Noise and silence as utterances."""

from __future__ import annotations

import numpy as np

from asr.augment.background import Background


def level(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-20))


def test_the_seed_decides_and_each_is_different() -> None:
    one, again, other = (Background(1.5, ("white", "music"), (1, seed)).samples() for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert len(one) == 24000 and one.dtype == np.float32
    assert not np.array_equal(one, other)


def test_some_are_nearly_silent_and_some_are_loud() -> None:
    levels = [level(Background(0.5, ("white",), (2, seed)).samples()) for seed in range(60)]
    assert min(levels) < -60 and max(levels) > -25
    assert all(np.isfinite(value) for value in levels)


def test_babble_is_speech_and_left_out() -> None:
    assert level(Background(0.5, ("babble",), (3, 1)).samples()) < -40
