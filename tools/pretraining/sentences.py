"""Draws what the voices say: sentences to devices, sentences broken up, and words in a random order.

Words in a random order keep the network from learning which word follows which, so that it spells what it hears.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from asr.core.alphabet import Alphabet
from lm.sentences import Templates
from tools.pretraining.vocabulary import topics, vocabulary

TEMPLATES = Path(__file__).with_name("templates.txt")
# Shares of the kinds of sentences.
_TEMPLATE, _BROKEN, _JOINED, _RANDOM, _TOPIC, _PHRASE, _WORD = 0.33, 0.12, 0.1, 0.23, 0.08, 0.06, 0.08
_LONGEST = 11  # words


class Sentences:
    """A source of sentences over one vocabulary."""

    def __init__(self) -> None:
        self._topics = topics()
        self._names = sorted(self._topics)
        self.vocabulary = vocabulary(self._topics)
        rules = [f"<{name}> = ({'|'.join(words)})\n" for name, words in self._topics.items()]
        text = "".join(rules) + TEMPLATES.read_text(encoding="utf-8")
        lines = Templates.parse(text, Alphabet(), TEMPLATES).lines
        # Each template is drawn as often as any other, however many sentences it has.
        self._templates = [Templates([line]) for line in lines]

    def draw(self, rng: np.random.Generator) -> str:
        """Return one sentence of at most eleven words."""
        kinds = (self._template, self._broken, self._joined, self._random, self._topic, self._phrase, self._word)
        shares = (_TEMPLATE, _BROKEN, _JOINED, _RANDOM, _TOPIC, _PHRASE, _WORD)
        kind = kinds[int(rng.choice(len(kinds), p=shares))]
        return " ".join(kind(rng).split()[:_LONGEST])

    def _template(self, rng: np.random.Generator) -> str:
        templates = self._templates[int(rng.integers(len(self._templates)))]
        return templates.sample(1, rng)[0]

    def _broken(self, rng: np.random.Generator) -> str:
        """Return a sentence with words replaced, left out, doubled or swapped."""
        words = self._template(rng).split()
        for _ in range(int(rng.integers(1, 4))):
            at = int(rng.integers(len(words)))
            match int(rng.integers(4)):
                case 0:
                    words[at] = self._any(rng)
                case 1:
                    words.insert(at, self._any(rng))
                case 2 if len(words) > 1:
                    del words[at]
                case _:
                    other = int(rng.integers(len(words)))
                    words[at], words[other] = words[other], words[at]
        return " ".join(words)

    def _joined(self, rng: np.random.Generator) -> str:
        """Return the beginning of one sentence with the end of another."""
        one, other = self._template(rng).split(), self._template(rng).split()
        return " ".join([*one[: int(rng.integers(1, 5))], *other[-int(rng.integers(1, 5)) :]])

    def _random(self, rng: np.random.Generator) -> str:
        return " ".join(self._any(rng) for _ in range(int(rng.integers(3, 8))))

    def _topic(self, rng: np.random.Generator) -> str:
        """Return words of one topic, as in a list."""
        words = self._topics[self._names[int(rng.integers(len(self._names)))]]
        return " ".join(words[int(index)] for index in rng.integers(len(words), size=int(rng.integers(3, 6))))

    def _phrase(self, rng: np.random.Generator) -> str:
        return f"{self._any(rng)} {self._any(rng)}"

    def _word(self, rng: np.random.Generator) -> str:
        """Return one word or phrase, half of the time of a topic whose words are said alone."""
        if rng.random() < 0.5:
            return self._any(rng)
        alone = ("commands", "numbers", "colours", "politeness", "names", "rooms", "devices", "days", "drinks", "sizes")
        words = self._topics[alone[int(rng.integers(len(alone)))]]
        return words[int(rng.integers(len(words)))]

    def _any(self, rng: np.random.Generator) -> str:
        return self.vocabulary[int(rng.integers(len(self.vocabulary)))]
