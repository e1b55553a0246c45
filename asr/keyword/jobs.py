"""The number of clips from each recording of a keyword data set, with shares of silence and of other words."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from asr.core.alphabet import normal_word
from asr.keyword.corpus import Corpus, Stored, Utterance
from asr.settings.keyword import Keyword


@dataclass(frozen=True)
class Job:
    """The clips of one recording, or of none for silence.

    Attributes
    ----------
    number : its random seed.
    name : of the recording; empty for silence.
    label : index of its class.
    split : "train", "dev" or "test".
    clips : number of clips of its label; for dev and test one.
    splices : number of clips with a part of the word, labelled unknown.
    plain : whether the first clip is not augmented.
    data : the file's content where it comes from an archive, or the place where that is stored.
    """

    number: int
    name: str
    label: int
    split: str
    clips: int
    splices: int = 0
    plain: bool = True
    data: bytes | Stored | None = field(default=None, repr=False)


def plan(found: Corpus, settings: Keyword) -> list[Job]:
    """Return the jobs of a whole data set, with their shares of silence and unknown."""
    rng = np.random.default_rng([settings.seed, 3])
    labels = {normal_word(word): 2 + index for index, word in enumerate(settings.words)}
    jobs: list[Job] = []
    for split in ("train", "dev", "test"):
        members = [u for u in found.utterances if u.split == split]
        words = [u for u in members if u.word in labels]
        pool = [u for u in members if u.word not in labels]
        passes = settings.passes if split == "train" else 1
        unknown = settings.unknown_percent / 100 * len(words) * passes
        silence = settings.silence_percent / 100 * len(words) * passes
        if split == "train":
            total = len(words) * passes + unknown + silence
            scale = min(1.0, settings.most_clips / total) if total else 1.0
            splices = unknown * (settings.splice_percent / 100 if pool else 1.0)
            counts = _shared(len(words) * passes * scale, np.ones(len(words)), rng)
            spliced = _shared(splices * scale, np.ones(len(words)), rng)
            others = _shared((unknown - splices) * scale, _weights(pool), rng)
            quiet = max(1, round(silence * scale))
        else:
            # Evaluation takes whole words and other speech, each recording once.
            counts, spliced = np.ones(len(words), int), np.zeros(len(words), int)
            others = np.zeros(len(pool), int)
            many = min(len(pool), round(unknown))
            if many:
                weights = _weights(pool)
                others[rng.choice(len(pool), many, replace=False, p=weights / weights.sum())] = 1
            quiet = max(1, round(silence))
        rows = [(u, labels[u.word], int(a), int(b)) for u, a, b in zip(words, counts, spliced, strict=True)]
        rows += [(u, 1, int(count), 0) for u, count in zip(pool, others, strict=True)]
        for utterance, label, clips, pieces in rows:
            if clips or pieces:
                number = zlib.crc32(found.called(utterance.name).encode())
                jobs.append(Job(number, utterance.name, label, split, clips, pieces, not utterance.synthetic))
        for start in range(0, quiet, 64):
            number = zlib.crc32(f"{split} silence {start}".encode())
            jobs.append(Job(number, "", 0, split, min(64, quiet - start)))
    return jobs


def _shared(total: float, weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return whole numbers in proportion to the weights that add up to about `total`, int [n]."""
    if not len(weights) or total <= 0:
        return np.zeros(len(weights), int)
    exact = total * weights / weights.sum()
    counts: np.ndarray = np.floor(exact + rng.random(len(weights))).astype(int)
    return counts


def _weights(pool: Sequence[Utterance]) -> np.ndarray:
    """A sentence counts as many times as it has words."""
    return np.array([float(len(u.word.split())) for u in pool])
