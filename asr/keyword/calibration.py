"""Offsets and thresholds for a trained network's outputs, fitted to recordings that it was not trained on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from asr.keyword.detect import HIGHEST, NEVER, Rule, detect
from asr.keyword.stream import Stream, hours

SPREAD = 0.6  # standard deviation of the prior of an offset, nats; a few clips do not carry it further


def class_offsets(logits: npt.NDArray[np.float64], labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Return offsets of the logits that make the network predict each class as often as it occurs.

    The shares of words, other speech and silence in training are not those of use. The offsets are the maximum a
    posteriori estimate of the biases of multinomial logistic regression with a normal prior (bias correction as in
    Alexandari, Kundaje and Shrikumar, "Maximum Likelihood with Bias-Corrected Calibration is Hard-To-Beat at Label
    Shift Adaptation", 2020, without temperature).

    Parameters
    ----------
    logits : float64 [n, outputs], of clips that were not trained on.
    labels : [n].

    Returns
    -------
    offsets : float64 [outputs], nats.
    """
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    counts = np.bincount(labels, minlength=logits.shape[1])

    def cost(offsets: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        found = log_softmax(logits + offsets, axis=1)
        loss = -float(found[np.arange(len(labels)), labels].sum()) + float(offsets @ offsets) / (2 * SPREAD**2)
        return loss, np.exp(found).sum(axis=0) - counts + offsets / SPREAD**2

    return np.asarray(minimize(cost, np.zeros(logits.shape[1]), jac=True, method="BFGS").x)


def fit_thresholds(stream: Stream, rule: Rule, words: int, accepts_per_hour: float) -> tuple[int, ...]:
    """Return the lowest threshold of each word at which all together make at most so many false accepts.

    Parameters
    ----------
    stream : scores of sound in which none of the words is said.
    words : number of words, classes 2 and on.
    accepts_per_hour : of all words together; each word gets an equal share.

    Returns
    -------
    A threshold for each word, 0 to 255; NEVER where even the highest makes too many.
    """
    allowed = accepts_per_hour * hours(stream) / max(1, words)
    found = []
    for word in range(2, 2 + words):
        threshold = NEVER
        # From the top down, since the pause after an accept makes the count not quite monotone.
        for candidate in range(HIGHEST, 0, -1):
            alone = tuple(candidate if index == word else NEVER for index in range(2 + words))
            if len(detect(*stream, replace(rule, thresholds=alone))) > allowed:
                break
            threshold = candidate
        found.append(threshold)
    return tuple(found)
