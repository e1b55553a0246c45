"""Logistic regression over the evidence, and the threshold for a number of false accepts per hour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from asr.runtime.confidence import Verifier

Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

_PENALTY = 1.0  # of the squared weights, beside about a thousand examples
_STEPS = 50
_TAIL = 10  # highest negatives that the tail is fitted to; lower ones are of another kind


@dataclass(frozen=True)
class Fit:
    """A fitted verifier and what its threshold rests on.

    Attributes
    ----------
    verifier : with its threshold.
    hours : of sound that the threshold was fitted to.
    false_accepts : answers to that sound that reach the threshold.
    expected : false accepts per hour that the tail of the confidences predicts there.
    """

    verifier: Verifier
    hours: float
    false_accepts: int
    expected: float

    @property
    def bound(self) -> float:
        """False accepts per hour that the hours support with 95 % confidence."""
        return upper_bound(self.false_accepts) / self.hours


def upper_bound(count: int) -> float:
    """Return the greatest mean of a Poisson distribution that gives `count` or fewer with a probability of 5 %."""
    low, high = 0.0, 20.0 + 3.0 * count
    for _ in range(60):
        middle = 0.5 * (low + high)
        terms = np.cumsum([0.0, *np.log(middle / np.arange(1, count + 1))]) if middle > 0 else np.zeros(1)
        if np.exp(terms - middle).sum() > 0.05:
            low = middle
        else:
            high = middle
    return high


def fit_weights(evidence: Float64, right: Bool, weights: Float64) -> Verifier:
    """Fit the logistic regression by Newton's method; the threshold is 0.5.

    Parameters
    ----------
    evidence : float64 [n, k].
    right : bool [n], whether each answer is right.
    weights : float64 [n], of each example; they add up to about n.
    """
    mean = evidence.mean(axis=0)
    scale = np.maximum(evidence.std(axis=0), 1e-3)
    inputs = np.column_stack(((evidence - mean) / scale, np.ones(len(evidence))))
    penalty = np.full(inputs.shape[1], _PENALTY)
    penalty[-1] = 1e-6
    found = np.zeros(inputs.shape[1])
    for _ in range(_STEPS):
        chance = 0.5 + 0.5 * np.tanh(0.5 * (inputs @ found))
        gradient = inputs.T @ (weights * (chance - right)) + penalty * found
        curvature = (inputs * (weights * chance * (1 - chance))[:, None]).T @ inputs + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        # Separable examples would drive the weights on and on.
        found = found - step * min(1.0, 5.0 / max(1e-9, float(np.abs(step).max())))
        if np.abs(step).max() < 1e-8:
            break
    return Verifier(mean, scale, found[:-1], float(found[-1]), 0.5)


def choose_threshold(confidences: Float64, hours: float, per_hour: float) -> tuple[float, float]:
    """Return the lowest threshold with few enough false accepts, and their number per hour as the tail predicts it.

    Where the hours are too few to count that rate, the tail of the logits decides: above a high value they fall off
    exponentially (peaks over threshold; Coles, "An Introduction to Statistical Modeling of Extreme Values", 2001).

    Parameters
    ----------
    confidences : float64 [n], of the answers to sound that is no command.
    hours : length of that sound.
    per_hour : false accepts to allow.
    """
    logits = np.sort(_logit(confidences))[::-1]
    allowed = per_hour * hours
    count = min(_TAIL, len(logits) - 1)
    if count < 2:
        return 0.5, per_hour
    start = logits[count]
    excess = max(1e-6, float((logits[:count] - start).mean()))
    # The number above a logit is count * exp(-(logit - start) / excess).
    chosen = start + excess * np.log(count / allowed) if allowed < count else start
    expected = min(per_hour, count * np.exp(-(chosen - start) / excess) / hours)
    threshold = float(0.5 + 0.5 * np.tanh(0.5 * chosen))
    if int(allowed) < len(confidences):
        threshold = max(threshold, float(np.nextafter(np.sort(confidences)[::-1][int(allowed)], 2.0)))
    return threshold, float(expected)


def _logit(values: Float64) -> Float64:
    clipped = np.clip(values, 1e-12, 1 - 1e-12)
    found: Float64 = np.log(clipped) - np.log1p(-clipped)
    return found
