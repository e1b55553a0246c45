"""Words and values of a grammar that sound alike.

Only what competes is compared: words that can follow at the same place of a sentence, and the values of a slot. That
is cheap where the sentences are millions.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, islice

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from asr.runtime.grammar import INTENT
from lm.grammar import words_that_part
from lm.phonemes import distance, plain
from lm.sentences import Templates
from lm.template import Choice, Node, Series, Slot, Substitution

MOST_PHRASES = 20_000  # that are compared; of a slot, MOST_VALUES
MOST_VALUES = 5000
FARTHEST = 1.5  # cost of a pair that is still told
_SHARE = 0.5  # of the longer one's phonemes, at most
_EDITS = 2  # phonemes that differ in a pair whose cost is worked out
_MOST_PAIRS = 50_000  # whose cost is worked out
_BLOCK = 500  # rows that are compared at once
_MOST_SMALL = 3_000_000  # pairs at places where few words part


@dataclass(frozen=True)
class Pair:
    """Two words or values that sound alike.

    Attributes
    ----------
    first, second : the words.
    cost : of turning one into the other; 0: they sound the same. `lm.phonemes` says how it is counted.
    place : "{slot}" for values, "" for words.
    alike : taking one for the other changes neither intent nor slots.
    """

    first: str
    second: str
    cost: float
    place: str
    alike: bool


@dataclass(frozen=True)
class Rivals:
    """Words or values that stand at the same place.

    Attributes
    ----------
    place : "{slot}" for values, "" for words.
    phrases : the words, each once.
    meanings : of each, or None; equal ones mean the same.
    """

    place: str
    phrases: tuple[str, ...]
    meanings: tuple[object, ...]


def rivals(templates: Templates) -> tuple[list[Rivals], bool]:
    """Return what competes in a grammar, and whether that is all.

    Raises
    ------
    SentenceError : the grammar is larger than a device can follow.
    """
    found: dict[tuple[str, ...], Rivals] = {}
    for place in words_that_part(templates):
        phrases = tuple(word for word, _ in place)
        if len(set(phrases)) > 1:
            found.setdefault(phrases, Rivals("", phrases, tuple(_meaning(*one) for one in place)))
    complete = True
    seen: set[int] = set()
    for line in templates.lines:
        for slot in _slots(line.node, seen):
            values = list(islice(_values(slot.body), MOST_VALUES + 1))
            complete = complete and len(values) <= MOST_VALUES
            phrases = tuple(dict.fromkeys(values[:MOST_VALUES]))
            found.setdefault((slot.name, *phrases), Rivals(f"{{{slot.name}}}", phrases, (None,) * len(phrases)))
    kept: list[Rivals] = []
    known: set[str] = set()
    for each in sorted(found.values(), key=lambda each: len(each.phrases)):
        if len(known.union(each.phrases)) > MOST_PHRASES:
            complete = False
            break
        known.update(each.phrases)
        kept.append(each)
    return kept, complete


def nearest(groups: Sequence[Rivals], phonemes: Mapping[str, Sequence[str]]) -> tuple[list[Pair], bool]:
    """Return the pairs that sound alike, nearest first, and whether all were compared.

    Pairs whose difference changes the meaning come first.

    Parameters
    ----------
    groups : from `rivals`.
    phonemes : how each of their phrases is said.
    """
    symbols: dict[str, str] = {}
    written = {phrase: _written(said, symbols) for phrase, said in phonemes.items()}
    pairs: dict[tuple[str, str], Pair] = {}
    worked_out, small = 0, 0
    for group in groups:
        if len(group.phrases) <= _BLOCK:
            small += len(group.phrases) ** 2 // 2
        if small > _MOST_SMALL:
            return _in_order(pairs), False
        for one, other in _near(group.phrases, written):
            first, second = group.phrases[one], group.phrases[other]
            meaning, other_meaning = group.meanings[one], group.meanings[other]
            same = meaning is not None and meaning == other_meaning and not _marks(meaning)
            known = pairs.get((first, second))
            if first == second or (known is not None and (same or not known.alike)):
                continue
            if group.place and _differ_by_a_word(first, second):
                continue  # these words are compared where they part
            worked_out += 1
            if worked_out > _MOST_PAIRS:
                return _in_order(pairs), False
            longer = max(len(phonemes[first]), len(phonemes[second]))
            cost = distance(phonemes[first], phonemes[second])
            if cost <= FARTHEST and cost <= _SHARE * longer:
                pairs[first, second] = Pair(first, second, cost, group.place, same)
    return _in_order(pairs), True


def _in_order(pairs: Mapping[tuple[str, str], Pair]) -> list[Pair]:
    return sorted(pairs.values(), key=lambda pair: (pair.alike, pair.cost, pair.first, pair.second))


def _differ_by_a_word(first: str, second: str) -> bool:
    """Tell whether one word stands for another, and the rest is the same."""
    one, other = first.split(), second.split()
    return len(one) == len(other) and sum(a != b for a, b in zip(one, other, strict=True)) == 1


def _meaning(word: str, meaning: Hashable) -> Hashable:
    """Return a word's meaning with what happens at its end, wherever that is, at 0."""
    if not isinstance(meaning, tuple):
        return meaning
    marks, after = meaning
    return tuple(replace(mark, offset=0) if mark.offset == len(word) else mark for mark in marks), after


def _marks(meaning: object) -> bool:
    """Tell whether a slot or a value begins or ends in the word."""
    return isinstance(meaning, tuple) and any(mark.kind != INTENT for mark in meaning[0])


def _near(phrases: Sequence[str], written: Mapping[str, str]) -> Iterator[tuple[int, int]]:
    """Yield the pairs that few phonemes tell apart."""
    texts = [written[phrase] for phrase in phrases]
    if len(texts) <= 10:
        for one, other in combinations(range(len(texts)), 2):
            if Levenshtein.distance(texts[one], texts[other], score_cutoff=_EDITS) <= _EDITS:
                yield one, other
        return
    for start in range(0, len(texts), _BLOCK):
        edits = process.cdist(
            texts[start : start + _BLOCK],
            texts[start:],
            scorer=Levenshtein.distance,
            score_cutoff=_EDITS,
            dtype=np.uint16,
        )
        rows, columns = np.nonzero(edits <= _EDITS)
        nearest_first = np.argsort(edits[rows, columns], kind="stable")
        for row, column in zip(rows[nearest_first], columns[nearest_first], strict=True):
            if row < column:
                yield start + int(row), start + int(column)


def _written(said: Sequence[str], symbols: dict[str, str]) -> str:
    """Return a pronunciation as a string with a character for each phoneme."""
    return "".join(symbols.setdefault(plain(phoneme), chr(0x100 + len(symbols))) for phoneme in said)


def _slots(node: Node, seen: set[int]) -> Iterator[Slot]:
    """Yield the slots in a template, those in parts seen before left out."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, Slot):
        yield node
    for part in _inside(node):
        yield from _slots(part, seen)


def _inside(node: Node) -> Sequence[Node]:
    if isinstance(node, Series):
        return node.parts
    if isinstance(node, Choice):
        return node.options
    return (node.body,) if isinstance(node, (Slot, Substitution)) else ()


def _values(node: Node) -> Iterator[str]:
    """Yield what can be said for a slot."""
    for index in range(min(node.count, MOST_VALUES + 1)):
        yield " ".join(node.write(index).split())
