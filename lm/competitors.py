"""Sentences that one could be taken for: a word apart from it, and allowed by the same templates."""

from __future__ import annotations

import functools
import itertools
from collections import defaultdict

import numpy as np

from lm.sentences import Templates

SAMPLE = 20000  # sentences that words and their neighbours are taken from
_EDGE = ""  # before the first word and after the last
_NO_WORD = ""


class Competitors:
    """Draws sentences that have one word more or less than another, or another word, and say something else.

    Something else is said where a slot differs. What fills no slot, such as a polite beginning, does not count:
    nobody acts on it, and transcripts are least true there. Where a sentence has no slots, every difference counts.

    Parameters
    ----------
    templates : what may be said.
    seed : of the sample that tells which words stand between which.
    """

    def __init__(self, templates: Templates, seed: int = 1) -> None:
        self._slots = functools.lru_cache(maxsize=1 << 16)(templates.slots)
        between: dict[tuple[str, str], set[str]] = defaultdict(set)
        for sentence in templates.expand(SAMPLE, seed):
            words = [_EDGE, *sentence.split(), _EDGE]
            for before, word, after in zip(words, words[1:], words[2:], strict=False):
                between[before, after].add(word)
            for before, after in itertools.pairwise(words):
                between[before, after].add(_NO_WORD)
        self._between = {places: sorted(words) for places, words in between.items()}

    def draw(self, sentence: str, count: int, rng: np.random.Generator) -> list[str]:
        """Return at most `count` different ones in random order; none of a sentence that the templates do not allow."""
        own = self._slots(sentence)
        if own is None:
            return []
        proposed = self._proposed(sentence)
        drawn: list[str] = []
        for index in rng.permutation(len(proposed)):
            text = proposed[int(index)]
            slots = self._slots(text)
            if slots is not None and (slots != own or not (slots or own)):
                drawn.append(text)
                if len(drawn) == count:
                    break
        return drawn

    def _proposed(self, sentence: str) -> list[str]:
        """Return what the neighbours of each word would allow; whether a whole sentence is allowed is not asked."""
        words = sentence.split()
        found: set[str] = set()
        for first in range(len(words) + 1):
            # At 0 words taken out, one is put in before `first`; at 1, it stands for words[first] or leaves a gap.
            for taken in (0, 1):
                last = first + taken
                if last > len(words):
                    continue
                before = words[first - 1] if first else _EDGE
                after = words[last] if last < len(words) else _EDGE
                for word in self._between.get((before, after), ()):
                    found.add(" ".join([*words[:first], *([word] if word else []), *words[last:]]))
        return sorted(found - {" ".join(words), ""})
