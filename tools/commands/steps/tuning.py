"""Tuning the scorer's alpha and beta on dev, through the client, as DeepSpeech's lm_optimizer.py does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
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


@dataclass(frozen=True)
class Tried:
    """The client's WER on dev with one alpha and beta, clean and in the noise of `deciding_noise`."""

    alpha: float
    beta: float
    wer: float


def search(judge: Callable[[float, float], float], start: tuple[float, float]) -> list[Tried]:
    """Try values of alpha with the present beta, then values of beta with the best alpha.

    Parameters
    ----------
    judge : alpha, beta to an error rate.
    start : the pair to begin with.

    Returns
    -------
    What was tried, in order; the first is `start`.
    """
    tried: list[Tried] = []

    def go_through(pairs: Iterable[tuple[float, float]]) -> None:
        for alpha, beta in pairs:
            if all((alpha, beta) != (one.alpha, one.beta) for one in tried):
                tried.append(Tried(alpha, beta, judge(alpha, beta)))
                say(f"alpha {alpha:.2f}  beta {beta:.2f}  dev WER {tried[-1].wer:.1%}")

    go_through([start, *((each, start[1]) for each in ALPHAS)])
    alpha = best(tried).alpha
    go_through((alpha, each) for each in BETAS)
    return tried


def best(tried: list[Tried]) -> Tried:
    """Return the pair of the lowest error; of equals the one that was tried first, so that what works is kept."""
    return min(tried, key=lambda one: one.wer)


def tune(ws: Workspace, dataset: Dataset) -> list[Tried]:
    """Evaluate the exported model on dev with other values of alpha and beta; nothing is written.

    Raises
    ------
    ModelError, ScorerError : as the client raises them.
    """
    check_alphabet(ws)
    chosen, noise = deciding(ws, dataset), deciding_noise(ws)
    say_what_decides(noise, "the scorer's weights")

    def judge(alpha: float, beta: float) -> float:
        return word_errors(replace(client_of(ws, ws.model), alpha=alpha, beta=beta), chosen, noise)

    scorer = ws.settings.scorer
    return search(judge, (scorer.alpha, scorer.beta))
