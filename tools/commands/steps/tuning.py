"""Tuning the scorer's alpha and beta on dev, through the client, as DeepSpeech's lm_optimizer.py does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from asr.core.progress import say
from asr.settings.workspace import Workspace
from tools.commands.steps.evaluation import (
    check_alphabet,
    client_of,
    deciding,
    deciding_noise,
    say_what_decides,
    word_errors,
)

if TYPE_CHECKING:
    from datasets.corpus import Dataset

ALPHAS = (0.3, 0.6, 1.0, 1.5, 2.0, 2.5, 3.0)
BETAS = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0)


def search(
    evaluate: Callable[[float, float], float], start: tuple[float, float]
) -> dict[tuple[float, float], float]:
    """Try values of alpha with the present beta, then values of beta with the best alpha.

    Parameters
    ----------
    evaluate : alpha, beta to an error rate.
    start : the pair to begin with.

    Returns
    -------
    The error rate of each pair in the order in which they were tried; the first is `start`.
    """
    errors: dict[tuple[float, float], float] = {}

    def try_pairs(pairs: Iterable[tuple[float, float]]) -> None:
        for alpha, beta in pairs:
            if (alpha, beta) not in errors:
                errors[alpha, beta] = evaluate(alpha, beta)
                say(f"alpha {alpha:.2f}  beta {beta:.2f}  dev WER {errors[alpha, beta]:.1%}")

    try_pairs([start, *((alpha, start[1]) for alpha in ALPHAS)])
    best_alpha, _ = best(errors)
    try_pairs((best_alpha, beta) for beta in BETAS)
    return errors


def best(errors: dict[tuple[float, float], float]) -> tuple[float, float]:
    """Return the pair of the lowest error; the one tried first among equals, so that the present pair is kept."""
    return min(errors, key=errors.__getitem__)


def tune(ws: Workspace, dataset: Dataset) -> dict[tuple[float, float], float]:
    """Return the client's WER on dev with several pairs of alpha and beta, clean and in the noise of `deciding_noise`.

    Raises
    ------
    ModelError, ScorerError : as the client raises them.
    """
    check_alphabet(ws)
    chosen, noise = deciding(ws, dataset), deciding_noise(ws)
    say_what_decides(noise, "the scorer's weights")

    def evaluate(alpha: float, beta: float) -> float:
        return word_errors(replace(client_of(ws, ws.model), alpha=alpha, beta=beta), chosen, noise)

    scorer = ws.settings.scorer
    return search(evaluate, (scorer.alpha, scorer.beta))
