"""Masks over features: bounded, and a hidden band is hidden in the mel spectrum."""

from __future__ import annotations

import dataclasses

import numpy as np
import scipy.fft
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.augment import masks
from asr.settings.augment import Augment

TIME_ONLY = Augment(frequency_masks=0)
BANDS_ONLY = Augment(time_masks=0)


def features(frames: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((frames, 26)).astype(np.float32)


def mel(coefficients: np.ndarray) -> np.ndarray:
    """The 40 log-mel bands the coefficients stand for, by SciPy's orthonormal DCT-III."""
    full = np.zeros((coefficients.shape[0], 40))
    full[:, :26] = coefficients
    # The client's DCT is sqrt(2/40) for coefficient 0 too, where the orthonormal one has sqrt(1/40).
    full[:, 0] /= np.sqrt(2.0)
    return scipy.fft.idct(full, type=2, norm="ortho", axis=1)


@given(frames=st.integers(0, 400), seed=st.integers(0, 2000), share=st.floats(0.0, 0.5))
@settings(max_examples=150)
def test_time_masks_hide_at_most_their_share(frames: int, seed: int, share: float) -> None:
    chosen = dataclasses.replace(TIME_ONLY, time_mask_share=share, time_masks=4)
    given_features = features(frames)
    hidden = masks.apply_masks(given_features, np.random.default_rng(seed), chosen)
    changed = (hidden != given_features).any(axis=1)
    assert changed.sum() <= share * frames
    assert np.array_equal(given_features, features(frames))
    if changed.any():
        assert np.abs(hidden[changed] - given_features.mean(axis=0)).max() < 1e-5


def test_a_word_of_400_ms_survives() -> None:
    lost = []
    for seed in range(300):
        given_features = features(20, seed)
        hidden = masks.apply_masks(given_features, np.random.default_rng(seed), TIME_ONLY)
        lost.append(int((hidden != given_features).any(axis=1).sum()))
    assert max(lost) == 2
    assert np.mean(lost) > 0.3


def test_frequency_masks_flatten_bands_of_the_mel_spectrum() -> None:
    flattened = 0
    for seed in range(50):
        given_features = features(100, seed)
        hidden = masks.apply_masks(given_features, np.random.default_rng(seed), BANDS_ONLY)
        assert np.abs(hidden.mean(axis=0) - given_features.mean(axis=0)).max() < 1e-4
        before, after = mel(given_features).std(axis=0), mel(hidden).std(axis=0)
        # 26 coefficients cannot hold a mask's sharp edge, so a band of several is flat only inside.
        calm = after < 0.7 * before
        assert calm.sum() <= 2 * BANDS_ONLY.frequency_mask_widest
        flattened += int(calm.sum())
        far = np.abs(after - before) / before
        assert np.median(far) < 0.2
    assert flattened > 100


def test_same_seed_same_masks_and_nothing_asked_nothing_done() -> None:
    given_features = features(150)
    first, second = (masks.apply_masks(given_features, np.random.default_rng(9), Augment()) for _ in range(2))
    assert np.array_equal(first, second)
    nothing = Augment(time_masks=0, frequency_masks=0)
    assert np.array_equal(masks.apply_masks(given_features, np.random.default_rng(9), nothing), given_features)
    assert masks.apply_masks(features(0), np.random.default_rng(9), Augment()).shape == (0, 26)
