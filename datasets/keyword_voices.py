"""Prompts for synthetic keyword voices: the words themselves, and negative examples that resemble them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from asr.core.alphabet import normal_word
from asr.core.errors import WorkspaceError
from asr.core.progress import say
from asr.settings.workspace import Workspace
from datasets.speech import SyntheticUtterance, draw_speakers

_ONSETS = ("b", "d", "f", "g", "h", "j", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "z", "sh", "ch", "tr", "st")
_VOWELS = ("a", "e", "i", "o", "u", "ee", "oo", "ai", "ar", "er")
_CODAS = ("", "", "", "n", "m", "s", "t", "k", "l", "r", "d", "sh")
# Draws at most that many sentences of the workspace.
Sentences = Callable[[int, np.random.Generator], Sequence[str]]
# Negative prompts for each word and speaker.
_SENTENCES, _NEAR_MISSES = 2, 1


def keyword_prompts(ws: Workspace, sentences: Sentences) -> list[tuple[str, SyntheticUtterance]]:
    """Return prompts for synthetic speakers, each with the word that it is an example of; "" for negative examples.

    Every speaker says every word, and three times as many negative prompts: sentences of the workspace, and nonsense
    words that share a part with a keyword, the typical cause of a false accept.
    """
    chosen = ws.settings
    words = tuple(normal_word(word) for word in chosen.keyword.words)
    if not chosen.keyword.synthetic_speakers or chosen.voices.use == "never":
        return []
    try:
        speakers = draw_speakers(chosen.voices, chosen.alphabet.language, chosen.keyword.synthetic_speakers)
    except WorkspaceError as error:
        if chosen.voices.voices:
            raise
        say(f"warning: trained on recordings alone: {error}")
        return []
    rng = np.random.default_rng([chosen.keyword.seed, 11])
    drawn = sentences(_SENTENCES * len(speakers) * len(words), rng)
    free = [text for text in drawn if not any(f" {word} " in f" {text} " for word in words)]
    prompts = []
    for speaker in speakers:
        for word in words:
            prompts.append((word, SyntheticUtterance(word, speaker)))
            others = [near_miss(word, rng) for _ in range(_NEAR_MISSES)]
            others += [free.pop() if free else near_miss(word, rng) for _ in range(_SENTENCES)]
            negatives = [other for other in dict.fromkeys(others) if other not in words]
            prompts += [("", SyntheticUtterance(negative, speaker)) for negative in negatives]
    return prompts


def near_miss(word: str, rng: np.random.Generator) -> str:
    """Return a nonsense word: a piece of `word` and one or two syllables, in any order."""
    letters = word.replace(" ", "")
    long = round(len(letters) * float(rng.uniform(0.3, 0.6)))
    piece = letters[:long] if rng.random() < 0.5 else letters[len(letters) - long :]
    others = "".join(rng.choice(sounds) for _ in range(rng.integers(1, 3)) for sounds in (_ONSETS, _VOWELS, _CODAS))
    return piece + others if rng.random() < 0.5 else others + piece
