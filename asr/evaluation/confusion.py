"""Word confusions: alignments of transcripts with hypotheses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

import jiwer


@dataclass(frozen=True)
class Pair:
    """One step of an alignment; `said` is empty for an inserted word, `heard` for a deleted one."""

    said: str
    heard: str
    kind: str  # jiwer's: "equal", "substitute", "delete" or "insert"


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
            # An insertion has no words on the left and a deletion none on the right; else they pair up.
            left = said[chunk.ref_start_idx : chunk.ref_end_idx]
            right = heard[chunk.hyp_start_idx : chunk.hyp_end_idx]
            pairs += [Pair(one, other, chunk.type) for one, other in zip_longest(left, right, fillvalue="")]
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
