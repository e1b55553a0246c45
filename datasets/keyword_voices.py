"""Synthetic voices for single words: the words themselves, and what must not be taken for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from asr.core.alphabet import normal_word
from asr.settings.workspace import Workspace
from datasets.speech import Spoken, cast_speakers

_ONSETS = ("b", "d", "f", "g", "h", "j", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "z", "sh", "ch", "tr", "st")
_VOWELS = ("a", "e", "i", "o", "u", "ee", "oo", "ai", "ar", "er")
_CODAS = ("", "", "", "n", "m", "s", "t", "k", "l", "r", "d", "sh")
# Gives at most so many sentences of the workspace, drawn at random.
Sentences = Callable[[int, np.random.Generator], Sequence[str]]
# For each word that a speaker says: what a stream is made of, and what is nearly the word.
_SENTENCES, _NEAR_MISSES = 2, 1


def spoken_words(ws: Workspace, sentences: Sentences) -> list[tuple[str, Spoken]]:
    """Return lines for synthetic speakers, each with the word that it is an example of, "" for none.

    Every speaker says every word, and three times as many lines that hold none of them: sentences of the workspace,
    and nonsense that shares a part with a word, which is what a false accept is made of.
    """
    chosen = ws.settings
    words = tuple(normal_word(word) for word in chosen.keyword.words)
    if not chosen.keyword.synthetic_speakers or chosen.voices.use == "never":
        return []
    count = chosen.keyword.synthetic_speakers
    speakers = cast_speakers(chosen.voices, chosen.alphabet.language, count)
    rng = np.random.default_rng([chosen.keyword.seed, 11])
    drawn = sentences(_SENTENCES * len(speakers) * len(words), rng)
    free = [text for text in drawn if not any(f" {word} " in f" {text} " for word in words)]
    lines = []
    for speaker in speakers:
        for word in words:
            lines.append((word, Spoken(word, speaker)))
            others = [near_miss(word, rng) for _ in range(_NEAR_MISSES)]
            others += [free.pop() if free else near_miss(word, rng) for _ in range(_SENTENCES)]
            lines += [("", Spoken(other, speaker)) for other in dict.fromkeys(others) if other not in words]
    return lines


def near_miss(word: str, rng: np.random.Generator) -> str:
    """Return a word that nobody knows, of a piece of `word` and a syllable or two, in any order."""
    letters = word.replace(" ", "")
    long = round(len(letters) * float(rng.uniform(0.3, 0.6)))
    piece = letters[:long] if rng.random() < 0.5 else letters[len(letters) - long :]
    syllables = [_syllable(rng) for _ in range(int(rng.integers(1, 3)))]
    parts = [piece, *syllables] if rng.random() < 0.5 else [*syllables, piece]
    return "".join(parts)


def _syllable(rng: np.random.Generator) -> str:
    return "".join(str(rng.choice(parts)) for parts in (_ONSETS, _VOWELS, _CODAS))
