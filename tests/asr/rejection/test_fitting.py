"""The logistic regression and the threshold, against what statistics say."""

from __future__ import annotations

import numpy as np
import pytest

from asr.rejection.fitting import choose_threshold, fit_weights, upper_bound


@pytest.mark.parametrize(("count", "bound"), [(0, 2.9957), (1, 4.7439), (3, 7.7537), (10, 16.9622)])
def test_the_bound_is_that_of_the_chi_squared_tables(count: int, bound: float) -> None:
    # Half the 95 % quantile of chi squared with 2 count + 2 degrees of freedom.
    assert upper_bound(count) == pytest.approx(bound, abs=1e-3)


def test_the_regression_finds_the_weights_that_made_the_answers() -> None:
    rng = np.random.default_rng(5)
    evidence = rng.normal(2.0, 3.0, (40000, 3))
    logits = 0.5 + evidence @ [0.8, -0.4, 0.0]
    right = rng.random(len(logits)) < 1 / (1 + np.exp(-logits))
    verifier = fit_weights(evidence, right, np.ones(len(right)))
    np.testing.assert_allclose(verifier.weights / verifier.scale, [0.8, -0.4, 0.0], atol=0.03)
    np.testing.assert_allclose(verifier.bias - verifier.weights @ (verifier.mean / verifier.scale), 0.5, atol=0.1)


def test_examples_that_a_line_parts_give_finite_weights() -> None:
    evidence = np.array([[0.0], [1.0], [2.0], [3.0]])
    verifier = fit_weights(evidence, np.array([False, False, True, True]), np.ones(4))
    assert np.isfinite(verifier.weights).all()
    assert verifier.confidence(np.array([3.0])) > 0.5 > verifier.confidence(np.array([0.0]))


def test_a_rare_rate_is_read_off_the_tail() -> None:
    # Logits that fall off exponentially, 1,000 an hour: 0.5 an hour lies ln 2000 above the start.
    rng = np.random.default_rng(7)
    thresholds = []
    for _ in range(50):
        logits = rng.exponential(1.0, 1000) - 5.0
        threshold, expected = choose_threshold(1 / (1 + np.exp(-logits)), 1.0, 0.5)
        assert expected <= 0.51
        thresholds.append(np.log(threshold / (1 - threshold)))
    assert np.median(thresholds) == pytest.approx(np.log(2000) - 5.0, abs=0.6)


def test_no_more_are_accepted_than_allowed() -> None:
    confidences = np.concatenate((np.full(10, 0.999), np.linspace(0.0, 0.1, 990)))
    threshold, _ = choose_threshold(confidences, 2.0, 1.0)
    assert (confidences >= threshold).sum() <= 2
