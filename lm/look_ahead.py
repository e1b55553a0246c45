"""Weight pushing for an n-gram model: each word includes the probability of the likeliest end of the sentence.

The client's decoder never scores the end of a sentence, so "a latte with" costs it no more than "a latte". With V(h)
the probability of the likeliest completion after the words h, P(w | h) becomes P(w | h) V(h w) / V(h). The log
probability of a whole sentence changes only by a constant, and a word that cannot be the last one pays for its
likeliest completion at once.

Mohri and Riley, "A Weight Pushing Algorithm for Large Vocabulary Speech Recognition" (2001), with the likeliest path
instead of the sum over all, so that no probability exceeds 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr.core.errors import ScorerError
from asr.core.files import write_text

Words = tuple[str, ...]

_BEGIN, _END = "<s>", "</s>"


class Arpa:
    """An n-gram model in memory; probabilities and back-offs as log10.

    Attributes
    ----------
    ngrams : by order, log10 probability and back-off of each n-gram; back-off 0 in the last.
    """

    def __init__(self, ngrams: list[dict[Words, tuple[float, float]]]) -> None:
        self.ngrams = ngrams

    @classmethod
    def read(cls, path: Path) -> Arpa:
        """Read an ARPA file from lmplz; ScorerError if it is none."""
        ngrams: list[dict[Words, tuple[float, float]]] = []
        with path.open(encoding="utf-8") as file:
            for line in file:
                if line.startswith("\\") and line.rstrip().endswith("-grams:"):
                    ngrams.append({})
                elif ngrams and "\t" in line:
                    probability, words, *backoff = line.rstrip("\n").split("\t")
                    figures = min(0.0, float(probability)), float(backoff[0]) if backoff else 0.0
                    ngrams[-1][tuple(words.split())] = figures
        if not ngrams or (_BEGIN,) not in ngrams[0] or (_END,) not in ngrams[0]:
            raise ScorerError("this is no n-gram model in ARPA's format", path=path)
        return cls(ngrams)

    def write(self, path: Path) -> None:
        """Write an ARPA file, atomically."""
        write_text(path, "".join(self._lines()))

    def _lines(self) -> Iterator[str]:
        yield "\\data\\\n"
        yield from (f"ngram {order}={len(entries)}\n" for order, entries in enumerate(self.ngrams, 1))
        for order, entries in enumerate(self.ngrams, 1):
            yield f"\n\\{order}-grams:\n"
            last = order == len(self.ngrams)
            for words, (probability, backoff) in entries.items():
                yield f"{probability:.7g}\t{' '.join(words)}" + ("\n" if last else f"\t{backoff:.7g}\n")
        yield "\n\\end\\\n"


def look_ahead(model: Arpa) -> Arpa:
    """Return the model with weights pushed as the module says."""
    # States: every n-gram below the highest order, and the empty history.
    contexts = [(), *(words for entries in model.ngrams[:-1] for words in entries if words[-1] != _END)]
    states = {words: number for number, words in enumerate(contexts)}
    value = _values(model, states).tolist()
    pushed: list[dict[Words, tuple[float, float]]] = []
    for entries in model.ngrams:
        pushed.append({})
        for words, (probability, backoff) in entries.items():
            if words != (_BEGIN,):
                after = 0.0 if words[-1] == _END else value[_state(words, states)]
                # Above 1 only by rounding.
                probability = min(0.0, probability + after - value[states[words[:-1]]])
            if words in states:
                backoff += value[_state(words[1:], states)] - value[states[words]]
            pushed[-1][words] = probability, backoff
    return Arpa(pushed)


def _state(words: Words, states: dict[Words, int]) -> int:
    """Return the number of the longest suffix of `words` that is a state."""
    while words not in states:
        words = words[1:]
    return states[words]


def _values(model: Arpa, states: dict[Words, int]) -> npt.NDArray[np.float64]:
    """Return log10 of the likeliest path from each state to the end of a sentence, float64 [states]."""
    sources, costs, targets = [], [], []
    for entries in model.ngrams:
        for words, (probability, backoff) in entries.items():
            if words != (_BEGIN,):
                sources.append(states[words[:-1]])
                costs.append(probability)
                # The state after the last one is the end.
                targets.append(len(states) if words[-1] == _END else _state(words, states))
            if words in states:
                # Back-off arc; a back-off weight may exceed 1, which would allow positive cycles.
                sources.append(states[words])
                costs.append(min(0.0, backoff))
                targets.append(_state(words[1:], states))
    source, cost, target = np.array(sources), np.array(costs), np.array(targets)
    value = np.full(len(states) + 1, -np.inf)
    value[-1] = 0.0
    while True:
        # No arc is likelier than 1, so cycles gain nothing and this converges.
        found = value.copy()
        np.maximum.at(found, source, cost + value[target])
        if np.array_equal(found, value):
            return value[:-1]
        value = found
