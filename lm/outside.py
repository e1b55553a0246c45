"""Sentences outside the grammar: what a recogniser has to refuse, and what its network has to spell.

A network that only ever hears commands writes commands, whatever is said. In training it therefore hears other
sentences with their true transcripts; the verifier is fitted to some that were not in training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from asr.core.alphabet import Alphabet
from lm.sentences import Templates

_TRIES = 20  # until a changed sentence is outside the grammar
_MADE = 2000  # foreign words made of parts of the grammar's own
_LONGEST = 8  # words of a random sequence


class OutsideSentences:
    """Draws sentences that no template derives.

    Parameters
    ----------
    templates : the grammar.
    alphabet : that the sentences are spelled in.
    general : everyday sentences of the language; None: foreign words are then made of parts of the grammar's own.
    seed : of the words that are drawn from.
    """

    def __init__(self, templates: Templates, alphabet: Alphabet, general: Templates | None, seed: int) -> None:
        self._templates = templates
        self._general = general
        own = sorted(templates.words())
        foreign = sorted(general.words() - set(own)) if general is not None else []
        self._own = own
        self._vocabulary = set(own)
        self._letters = {*alphabet.labels}
        usable = [word for word in foreign if self._letters.issuperset(word)]
        self._foreign = usable or _recombined(own, np.random.default_rng([seed, 21]))

    def draw(self, count: int, rng: np.random.Generator) -> list[str]:
        """Return sentences of every kind: everyday ones, random words, and near misses."""
        kinds = [self.everyday, self.random_words, self.foreign_word, self.changed_order, self.broken_off]
        shares = np.array([0.35, 0.2, 0.25, 0.1, 0.1])
        return [kinds[int(kind)](rng) for kind in rng.choice(len(kinds), count, p=shares)]

    def everyday(self, rng: np.random.Generator) -> str:
        """Return an everyday sentence; random words where the language has no list."""
        if self._general is None:
            return self.random_words(rng)
        return self._outside(lambda: self._general.sample(1, rng)[0], rng)  # type: ignore[union-attr]

    def resembles(self, sentence: str) -> bool:
        """Tell whether half of a sentence's words or more are the grammar's: a near miss, whoever says it."""
        words = sentence.split()
        return 2 * sum(word in self._vocabulary for word in words) >= len(words)

    def random_words(self, rng: np.random.Generator) -> str:
        """Return one to eight words in an order without meaning, of which some are the grammar's."""

        def make() -> str:
            words = [self._any_word(rng) for _ in range(int(rng.integers(1, _LONGEST + 1)))]
            return " ".join(words)

        return self._outside(make, rng)

    def foreign_word(self, rng: np.random.Generator) -> str:
        """Return a sentence of the grammar in which one word, or one after another, is replaced by a foreign one."""

        def make() -> str:
            words = self._sentence(rng)
            for place in rng.permutation(len(words))[: 1 if rng.random() < 0.75 else 2]:
                words[int(place)] = self._pick(self._foreign, rng)
            return " ".join(words)

        return self._outside(make, rng)

    def changed_order(self, rng: np.random.Generator) -> str:
        """Return a sentence with two words exchanged, or one left out or said twice."""

        def make() -> str:
            words = self._sentence(rng)
            place = int(rng.integers(len(words)))
            kind = int(rng.integers(3)) if len(words) > 1 else 2
            if kind == 0:
                other = int(rng.integers(len(words)))
                words[place], words[other] = words[other], words[place]
            elif kind == 1:
                del words[place]
            else:
                words.insert(place, words[place])
            return " ".join(words)

        return self._outside(make, rng)

    def broken_off(self, rng: np.random.Generator) -> str:
        """Return the beginning of a sentence, of whole words."""

        def make() -> str:
            words = self._sentence(rng)
            return " ".join(words[: max(1, int(rng.integers(len(words))))])

        return self._outside(make, rng)

    def _outside(self, make: Callable[[], str], rng: np.random.Generator) -> str:
        """Return a sentence of `make` in the alphabet that no template derives; foreign words if there is none."""
        for _ in range(_TRIES):
            sentence = make()
            if self._letters.issuperset(sentence) and not self._templates.accepts(sentence):
                return sentence
        return " ".join(self._pick(self._foreign, rng) for _ in range(int(rng.integers(2, 6))))

    def _sentence(self, rng: np.random.Generator) -> list[str]:
        return self._templates.sample(1, rng)[0].split()

    def _any_word(self, rng: np.random.Generator) -> str:
        return self._pick(self._own if rng.random() < 0.4 else self._foreign, rng)

    def _pick(self, words: Sequence[str], rng: np.random.Generator) -> str:
        return words[int(rng.integers(len(words)))]


def _recombined(words: Sequence[str], rng: np.random.Generator) -> list[str]:
    """Return words made of the first half of one word and the second half of another."""
    halves = [(word[: (len(word) + 1) // 2], word[(len(word) + 1) // 2 :]) for word in words]
    known = set(words)
    made: set[str] = set()
    for _ in range(20 * _MADE):
        first, second = (halves[int(rng.integers(len(halves)))] for _ in range(2))
        word = first[0] + second[1]
        if len(word) > 2 and word not in known:
            made.add(word)
        if len(made) >= _MADE:
            break
    # One short word has no other halves: said backwards it is foreign too.
    return sorted(made) or [word[::-1] + word for word in words]
