"""Small random grammars, few enough sentences to try all, and random probabilities."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import numpy as np

from asr.core.alphabet import Alphabet
from lm.sentences import Templates

SMALL = Alphabet(" abc")


def random_template(rng: random.Random, depth: int = 0) -> str:
    """Return a template over the letters of SMALL that cannot be empty."""
    pieces = []
    for _ in range(rng.randint(1, 3)):
        kind = rng.random()
        if depth > 2 or kind < 0.5:
            pieces.append("".join(rng.choice("abc") for _ in range(rng.randint(1, 3))))
        elif kind < 0.8:
            pieces.append("(" + "|".join(random_template(rng, depth + 1) for _ in range(2)) + ")")
        else:
            pieces.append("[" + random_template(rng, depth + 1) + "]")
    pieces.append(rng.choice("abc"))
    glue = [rng.choice(("", " ", " ")) for _ in pieces]
    return "".join(itertools.chain.from_iterable(zip(pieces, glue, strict=True))).strip()


def random_frames(rng: np.random.Generator, count: int, labels: int) -> np.ndarray:
    raw = 3.0 * rng.standard_normal((count, labels + 1))
    return (raw - np.log(np.exp(raw).sum(axis=1, keepdims=True))).astype(np.float32)


def random_cases(seed: int, count: int) -> Iterator[tuple[Templates, list[str], np.ndarray]]:
    """Yield `count` random grammars of at most 60 sentences, those sentences, and probabilities."""
    rng, generator = random.Random(seed), np.random.default_rng(seed)
    made = 0
    while made < count:
        templates = Templates.parse("\n".join(random_template(rng) for _ in range(rng.randint(1, 3))), SMALL)
        sentences = sorted(set(templates))
        if len(sentences) <= 60:
            made += 1
            yield templates, sentences, random_frames(generator, rng.randint(1, 24), SMALL.size)
