"""Word confusions: alignments of transcripts with hypotheses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import jiwer

EQUAL, SUBSTITUTED, DELETED, INSERTED = "equal", "substitute", "delete", "insert"


@dataclass(frozen=True)
class Pair:
    """One step of an alignment; `said` is empty for an inserted word, `heard` for a deleted one."""

    said: str
    heard: str

    @property
    def kind(self) -> str:
        """`equal`, `substitute`, `delete` or `insert`."""
        if self.said == self.heard:
            return EQUAL
        if not self.said:
            return INSERTED
        return SUBSTITUTED if self.heard else DELETED


@dataclass(frozen=True)
class Confusion:
    """Count of one word recognised as another; `said` or `heard` is empty for an insertion or a deletion."""

    said: str
    heard: str
    count: int
    spoken: int  # how often `said` was said in all; 0 for an insertion


@dataclass(frozen=True)
class WordTable:
    """The errors of every word.

    Attributes
    ----------
    confusions : errors, the most frequent first.
    words : word to (times said, times right), alphabetically.
    """

    confusions: tuple[Confusion, ...]
    words: dict[str, tuple[int, int]]


def align(transcripts: Sequence[str], hypotheses: Sequence[str]) -> list[list[Pair]]:
    """Return the word alignment of least edit distance of each pair, as jiwer finds it."""
    if not transcripts:
        return []
    output = jiwer.process_words(list(transcripts), list(hypotheses))
    aligned = []
    for said, heard, chunks in zip(output.references, output.hypotheses, output.alignments, strict=True):
        pairs = []
        for chunk in chunks:
            left = said[chunk.ref_start_idx : chunk.ref_end_idx]
            right = heard[chunk.hyp_start_idx : chunk.hyp_end_idx]
            # An insertion has no words on the left and a deletion none on the right; else they pair up.
            length = max(len(left), len(right))
            left, right = left or [""] * length, right or [""] * length
            pairs += [Pair(one, other) for one, other in zip(left, right, strict=True)]
        aligned.append(pairs)
    return aligned


def count_words(alignments: Sequence[Sequence[Pair]]) -> WordTable:
    """Count the errors of every word in the alignments."""
    pairs = Counter((pair.said, pair.heard) for alignment in alignments for pair in alignment)
    spoken: Counter[str] = Counter()
    for (said, _), count in pairs.items():
        if said:
            spoken[said] += count
    wrong = [Confusion(said, heard, count, spoken[said]) for (said, heard), count in pairs.items() if said != heard]
    wrong.sort(key=lambda item: (-item.count, item.said, item.heard))
    words = {word: (spoken[word], pairs[word, word]) for word in sorted(spoken)}
    return WordTable(tuple(wrong), words)
