"""Offsets of classes and thresholds of words, fitted to clips and streams that were not trained on."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_softmax

from asr.keyword.calibration import SPREAD, class_offsets, fit_thresholds
from asr.keyword.detect import NEVER, Rule
from asr.keyword.stream import concatenate, hours


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


def test_thresholds_are_the_lowest_that_accept_no_more_than_allowed() -> None:
    # Half an hour at two slices an inference; word 2 peaks once at 180, word 3 three times at 90, 120 and 150.
    count = 45000
    scores = np.zeros((count, 4), np.uint8)
    scores[1000:1020, 2] = 180
    for place, value in ((5000, 90), (9000, 120), (20000, 150)):
        scores[place : place + 20, 3] = value
    quiet = (np.arange(count, dtype=np.int64) * 2 + 48, scores)
    rule = Rule((NEVER, NEVER), 2, 8, 50)
    assert hours(quiet) == pytest.approx(0.5, rel=1e-3)
    assert fit_thresholds(quiet, rule, 2, 0.0) == (181, 151)
    # Four an hour for both together is one for each in half an hour. The window of eight holds one score of 180 for
    # the first and the last of them: below 180 / 8 they are heard for longer than the pause after a word.
    assert fit_thresholds(quiet, rule, 2, 4.01) == (23, 121)


def test_streams_one_after_the_other_are_as_long_as_both() -> None:
    one = (np.arange(48, 100, 2), np.full((26, 3), 7, np.uint8))
    whole = concatenate([one, (np.zeros(0, np.int64), np.zeros((0, 0), np.uint8)), one])
    assert hours(whole) == pytest.approx(2 * hours(one))
    assert (np.diff(whole[0]) > 0).all() and whole[1].shape == (52, 3)
    assert hours(concatenate([])) == 0.0
