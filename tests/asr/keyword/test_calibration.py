"""Offsets of classes: what is fitted to clips that were not trained on."""

from __future__ import annotations

import numpy as np
from scipy.special import log_softmax

from asr.keyword.calibration import SPREAD, class_offsets


def drawn(n: int, shares: tuple[float, ...], seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return logits of a network that is right but for the shares of the classes, and the labels."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(len(shares), n, p=shares).astype(np.uint8)
    # Of unit normals around +-1 for its class, the likelihood ratio of x is linear: these are its logits.
    x = rng.normal(0, 1, (n, len(shares))) + np.eye(len(shares))[labels]
    return x, labels


def test_offsets_are_what_the_shares_of_the_classes_leave_over() -> None:
    shares = (0.6, 0.3, 0.1)
    offsets = class_offsets(*drawn(20000, shares))
    found = offsets - offsets.mean()
    wanted = np.log(shares) - np.log(shares).mean()
    assert np.abs(found - wanted).max() < 0.06
    logits, labels = drawn(5000, shares, seed=2)
    assert np.mean((logits + offsets).argmax(1) == labels) > np.mean(logits.argmax(1) == labels) + 0.03


def test_offsets_are_where_the_slope_is_none() -> None:
    logits, labels = drawn(60, (0.7, 0.2, 0.1), seed=3)
    offsets = class_offsets(logits, labels)
    expected = np.exp(log_softmax(logits + offsets, axis=1)).sum(axis=0)
    slope = expected - np.bincount(labels, minlength=3) + offsets / SPREAD**2
    assert np.abs(slope).max() < 1e-3


def test_few_clips_move_little_and_a_class_that_is_not_there_stays_finite() -> None:
    logits = np.zeros((4, 3))
    labels = np.array([0, 0, 0, 1], np.uint8)
    offsets = class_offsets(logits, labels)
    assert np.isfinite(offsets).all() and np.abs(offsets).max() < 1
    assert offsets[0] > offsets[1] > offsets[2]
