"""Masks over the features of a keyword network in training."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest

from asr.keyword.training_layers import Masks

SLICES, CHANNELS, COUNT = 49, 40, 300


def masked(layer: Masks) -> np.ndarray:
    """Return where features are masked, bool [COUNT, SLICES, CHANNELS]."""
    features = np.random.default_rng(1).uniform(0.1, 1, (COUNT, SLICES * CHANNELS)).astype(np.float32)
    np.testing.assert_array_equal(np.asarray(layer(features)), features)
    found = np.asarray(layer(features, training=True))
    kept = found != 0
    np.testing.assert_array_equal(found[kept], features[kept])
    return ~kept.reshape(COUNT, SLICES, CHANNELS)


@pytest.mark.parametrize(("longest", "widest"), [(10, 8), (0, 8), (10, 0), (0, 0), (25, 20)])
def test_one_stretch_and_one_band_of_each_clip_are_masked(longest, widest) -> None:
    gone = masked(Masks(SLICES, longest, widest, 1))
    stretches, bands = gone.all(axis=2), gone.all(axis=1)
    np.testing.assert_array_equal(gone, stretches[:, :, None] | bands[:, None, :])
    for parts, most in ((stretches, longest), (bands, widest)):
        lengths = parts.sum(axis=1)
        assert set(lengths) == set(range(most + 1))
        # The masked part is contiguous.
        assert (np.abs(np.diff(parts.astype(int), axis=1)).sum(axis=1) <= 2).all()
        if most:
            assert parts.any(axis=0).all(), "every place is masked at some time"


def test_each_call_draws_anew_and_the_seed_decides() -> None:
    one, same, other = Masks(SLICES, 10, 8, 1), Masks(SLICES, 10, 8, 1), Masks(SLICES, 10, 8, 2)
    first, again = masked(one), masked(one)
    np.testing.assert_array_equal(first, masked(same))
    np.testing.assert_array_equal(again, masked(same))
    for different in (again, masked(other)):
        assert (first != different).any(axis=(1, 2)).mean() > 0.9
