"""What is hidden from a keyword network while it learns."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest

from asr.keyword.masks import hide

SLICES, CHANNELS, COUNT = 49, 40, 300


def hidden(seed: tuple[int, int], longest: int, widest: int) -> np.ndarray:
    """Return where features are hidden, bool [COUNT, SLICES, CHANNELS]."""
    features = np.random.default_rng(1).uniform(0.1, 1, (COUNT, SLICES * CHANNELS)).astype(np.float32)
    found = np.asarray(hide(features, SLICES, np.array(seed, np.int32), longest, widest))
    kept = found != 0
    np.testing.assert_array_equal(found[kept], features[kept])
    return ~kept.reshape(COUNT, SLICES, CHANNELS)


@pytest.mark.parametrize(("longest", "widest"), [(10, 8), (0, 8), (10, 0), (0, 0), (25, 20)])
def test_one_stretch_and_one_band_of_each_clip_are_hidden(longest, widest) -> None:
    gone = hidden((1, 7), longest, widest)
    stretches, bands = gone.all(axis=2), gone.all(axis=1)
    np.testing.assert_array_equal(gone, stretches[:, :, None] | bands[:, None, :])
    for parts, most in ((stretches, longest), (bands, widest)):
        lengths = parts.sum(axis=1)
        assert set(lengths) == set(range(most + 1))
        # What is hidden lies together.
        assert (np.abs(np.diff(parts.astype(int), axis=1)).sum(axis=1) <= 2).all()
        if most:
            assert parts.any(axis=0).all(), "every place is hidden at some time"


def test_the_seed_decides() -> None:
    np.testing.assert_array_equal(hidden((1, 7), 10, 8), hidden((1, 7), 10, 8))
    assert (hidden((1, 7), 10, 8) != hidden((1, 8), 10, 8)).any(axis=(1, 2)).mean() > 0.9
    assert (hidden((1, 7), 10, 8) != hidden((2, 7), 10, 8)).any(axis=(1, 2)).mean() > 0.9
