"""Text, typed or transcribed elsewhere, as a sentence of the grammar with its intent and slots."""

from __future__ import annotations

import unicodedata

import numpy as np
import numpy.typing as npt

from .grammar import Grammar, GrammarError, Meaning, interpret

LONGEST = 1000  # characters of a text; no sentence of a device is longer
_SENTENCE = -1  # the root of words that begin a sentence

Int64 = npt.NDArray[np.int64]


class Parser:
    """Looks sentences up in a grammar graph."""

    def __init__(self, grammar: Grammar) -> None:
        self._grammar = grammar
        self._words = {word: number for number, word in enumerate(grammar.words)}
        roots = _roots(grammar)[grammar.end_states]
        keys = roots * max(1, len(grammar.words)) + grammar.end_words
        self._order = np.argsort(keys, kind="stable")
        self._keys: Int64 = keys[self._order]

    def parse(self, text: str) -> Meaning | None:
        """Return the meaning of a sentence; None if the grammar has no such sentence.

        Capitals, punctuation and spaces are of no account unless they are in the alphabet. Where a sentence has
        several meanings it is the one that the graph has first.
        """
        if len(text) > LONGEST:
            return None
        words = self._normalise(text).split()
        numbers = [self._words.get(word) for word in words]
        grammar = self._grammar
        # For each word the ends that can be reached, each junction once, with the end before it.
        steps: list[dict[int, tuple[int, int]]] = []
        roots = {-1: _SENTENCE}
        for number in numbers:
            if number is None:
                return None
            reached: dict[int, tuple[int, int]] = {}
            for before, root in roots.items():
                for end in self._ends(root, number):
                    reached.setdefault(int(grammar.end_targets[end]), (end, before))
            steps.append(reached)
            spaces = {junction: int(grammar.spaces[junction]) for junction in reached}
            roots = {junction: space for junction, space in spaces.items() if space >= 0}
        finals = [junction for junction in (steps[-1] if steps else ()) if grammar.final_marks[junction] >= 0]
        if not finals:
            return None
        junction = finals[0]
        marks = [grammar.marks[grammar.final_marks[junction]]]
        for reached in reversed(steps):
            end, junction = reached[junction]
            marks.append(grammar.marks[grammar.end_marks[end]])
        try:
            return interpret(words, marks[::-1])
        except GrammarError:
            return None

    def _ends(self, root: int, word: int) -> list[int]:
        """Return the ends of a word that begins at a root."""
        key = root * max(1, len(self._grammar.words)) + word
        low, high = np.searchsorted(self._keys, (key, key + 1))
        return [int(end) for end in self._order[low:high]]

    def _normalise(self, text: str) -> str:
        labels = self._grammar.labels
        text = unicodedata.normalize("NFC", text).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
        if "a" in labels and "A" not in labels:
            text = text.lower()
        kept = []
        for character in text:
            if character in labels or not unicodedata.category(character).startswith("P"):
                kept.append(character)
            elif unicodedata.category(character) == "Pd":  # a hyphen or a dash
                kept.append(" ")
        return "".join(kept)


def _roots(grammar: Grammar) -> Int64:
    """Return where the word of each letter state begins: the space before it, or -1 for the sentence's beginning."""
    count = len(grammar.letters)
    before = grammar.predecessors.astype(np.int64)
    # A space is its own root. Each pass doubles the letters that are skipped.
    jump = np.where(before < 0, np.arange(count), before)
    jump = np.append(jump, count)
    while True:
        further = jump[jump]
        if np.array_equal(further, jump):
            break
        jump = further
    roots: Int64 = np.where(jump[:count] == count, _SENTENCE, jump[:count])
    return roots
