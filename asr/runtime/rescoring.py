"""The best sentences once more, by all their alignments instead of the best one.

The search follows one alignment of each sentence. CTC's probability of a sentence is the sum over all of them (Graves
et al., 2006), which is what a beam search over prefixes, as the client's, adds up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy.typing as npt

from .alignment import total_scores
from .alternatives import alternatives
from .decoder import Hypothesis
from .grammar import Grammar

# Chosen on dev speakers (docs/experiments/grammar-decoder.md).
LETTER_BONUS = 0.4
CANDIDATES = 10


def best_sentences(
    grammar: Grammar,
    log_probabilities: npt.ArrayLike,
    *,
    letter_bonus: float = LETTER_BONUS,
    candidates: int = CANDIDATES,
) -> list[Hypothesis]:
    """Return the best sentences of a grammar for an utterance, at most `candidates`, the most probable first.

    Parameters
    ----------
    log_probabilities : float [t, labels + 1], natural logarithms, blank last.
    letter_bonus : as the decoder has it.
    """
    found = alternatives(grammar, log_probabilities, candidates, letter_bonus)
    return rescore(found, log_probabilities, grammar.labels, letter_bonus)


def rescore(
    hypotheses: Sequence[Hypothesis],
    log_probabilities: npt.ArrayLike,
    labels: Sequence[str],
    letter_bonus: float = 0.0,
) -> list[Hypothesis]:
    """Return the sentences with their totals, the most probable first.

    Parameters
    ----------
    log_probabilities : float [t, labels + 1], natural logarithms, blank last.
    labels : characters of the alphabet.
    letter_bonus : added for each letter, and the space behind each word, before they are compared.
    """
    index = {label: number for number, label in enumerate(labels)}
    totals = total_scores(log_probabilities, [[index[letter] for letter in one.meaning.text] for one in hypotheses])
    found = [replace(one, total=float(total)) for one, total in zip(hypotheses, totals, strict=True)]
    return sorted(found, key=lambda one: compared(one, letter_bonus), reverse=True)


def compared(hypothesis: Hypothesis, letter_bonus: float = LETTER_BONUS) -> float:
    """Return the score by which rescored sentences are compared."""
    assert hypothesis.total is not None, "it has been rescored"
    return hypothesis.total + letter_bonus * (len(hypothesis.meaning.text) + 1)
