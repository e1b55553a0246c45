"""Corrections of a trained network's outputs, fitted to recordings that it was not trained on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SPREAD = 0.6  # of the corrections that are to be expected, in nats; a few clips do not carry them further


def class_offsets(logits: npt.NDArray[np.float64], labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Return what is added to each class's logit so that the classes come out as often as they are there.

    Training hears other shares of words, other speech and silence than anybody says, and in other noise, so a network
    tends to take one class for another. The offsets are the maximum a posteriori estimate of the biases of multinomial
    logistic regression with a normal prior (bias correction as in Alexandari, Kundaje and Shrikumar, "Maximum
    Likelihood with Bias-Corrected Calibration is Hard-To-Beat at Label Shift Adaptation", 2020, without temperature).

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
