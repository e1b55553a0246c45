"""Templates to a grammar graph, without writing their sentences out.

Templates become an automaton whose arcs are words, each with what happens in it, such as the start of a slot. The
automaton is determinised and minimised over these pairs; then each junction's words become a tree of letters.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field

import numpy as np

from asr.core.alphabet import Alphabet
from asr.core.errors import SentenceError
from asr.runtime.grammar import CLOSE, INTENT, MOST_STATES, OPEN, SAID, SAY, Grammar, Mark, Marks
from lm.sentences import Templates
from lm.template import Choice, Gap, Node, Nothing, Series, Slot, Substitution, Text

MOST_PIECES = 2_000_000
MOST_WORDS = 1_000_000  # arcs of the automaton
MOST_CHOICES = 500_000  # of a word at one place
MOST_HELD = 2_000_000  # states of the pieces, over all states of the automaton


def compile_grammar(templates: Templates, alphabet: Alphabet) -> Grammar:
    """Return the grammar graph of the templates.

    Raises
    ------
    SentenceError : they make more words or letters than a device can follow.
    """
    try:
        return _spell(_automaton(templates), alphabet.labels)
    except _TooLargeError as error:
        raise _too_large(error, templates) from None


def words_that_part(templates: Templates) -> list[list[tuple[str, Hashable]]]:
    """Return, of each place in a sentence, the words that can follow; equal marks mean that nothing else differs.

    Raises
    ------
    SentenceError : they make more words than a device can follow.
    """
    try:
        automaton = _automaton(templates)
    except _TooLargeError as error:
        raise _too_large(error, templates) from None
    return [[(word, (marks, after)) for (word, marks), after in arcs.items()] for arcs in automaton.arcs]


def _automaton(templates: Templates) -> _Automaton:
    return _minimise(_determinise(_Pieces(templates)))


def _too_large(error: _TooLargeError, templates: Templates) -> SentenceError:
    return SentenceError(
        f"these sentences make a grammar of more than {error}",
        path=templates.path,
        fix="List fewer sentences, or write what they share as rules and slots",
    )


class _TooLargeError(Exception):
    """The grammar outgrows what a device can follow."""


_GAP = " "
_Label = tuple[str, Marks]  # a word and what happens in it


class _Pieces:
    """An automaton whose arcs are pieces of text, gaps and marks, as the templates have them.

    Attributes
    ----------
    start, end : its states.
    """

    def __init__(self, templates: Templates) -> None:
        self._arcs: list[list[tuple[str | Mark, int]]] = []
        self._count = 0
        self.start, self.end = self._state(), self._state()
        intents: dict[str, int] = {"": self.end}
        for line in templates.lines:
            if line.intent not in intents:
                intents[line.intent] = self._state()
                self._arc(intents[line.intent], Mark(0, INTENT, line.intent), self.end)
            self._add(line.node, self.start, intents[line.intent])

    def leaving(self, state: int) -> Iterator[tuple[_Label, int]]:
        """Yield each word that can follow a state, with the state behind the gap; "" and `end` where none has to.

        What happens before the first letter of a word has offset 0.
        """
        stack: list[tuple[int, str, Marks]] = [(state, "", ())]
        # Nested optionals have many ways to say nothing; each is followed once.
        seen: set[tuple[int, str, Marks]] = set()
        while stack:
            at, word, marks = now = stack.pop()
            if now in seen:
                continue
            seen.add(now)
            if len(seen) > MOST_CHOICES:
                raise _TooLargeError(f"{MOST_CHOICES} choices of a word")
            if at == self.end:
                yield (word, marks), at
                continue
            for label, after in reversed(self._arcs[at]):
                if isinstance(label, Mark):
                    stack.append((after, word, (*marks, Mark(len(word), label.kind, label.value))))
                elif label != _GAP:
                    stack.append((after, word + label, marks))
                elif word:
                    yield (word, marks), after
                else:
                    stack.append((after, word, marks))

    def _state(self) -> int:
        self._arcs.append([])
        return len(self._arcs) - 1

    def _arc(self, start: int, label: str | Mark, end: int) -> None:
        self._count += 1
        if self._count > MOST_PIECES:
            raise _TooLargeError(f"{MOST_PIECES} pieces")
        self._arcs[start].append((label, end))

    def _between(self, start: int, label: str | Mark) -> int:
        end = self._state()
        self._arc(start, label, end)
        return end

    def _add(self, node: Node, start: int, end: int) -> None:
        if isinstance(node, Text):
            first, *others = node.text.split(" ")
            for word in others:
                start = self._between(self._between(start, first), _GAP)
                first = word
            self._arc(start, first, end)
        elif isinstance(node, Gap):
            self._arc(start, _GAP, end)
        elif isinstance(node, Nothing):
            self._arc(start, "", end)
        elif isinstance(node, Choice):
            for option in node.options:
                self._add(option, start, end)
        elif isinstance(node, (Slot, Substitution)):
            slot = isinstance(node, Slot)
            value = node.name if isinstance(node, Slot) else node.value
            inner, outer = self._between(start, Mark(0, OPEN if slot else SAY, value)), self._state()
            self._add(node.body, inner, outer)
            self._arc(outer, Mark(0, CLOSE if slot else SAID, value), end)
        else:
            assert isinstance(node, Series)
            for part in node.parts[:-1]:
                middle = self._state()
                self._add(part, start, middle)
                start = middle
            self._add(node.parts[-1], start, end)


@dataclass
class _Automaton:
    """A deterministic automaton over words with marks; it starts in state 0.

    Attributes
    ----------
    arcs : of each state, label to next state, in the order of the templates.
    final : the marks of states in which a sentence can end.
    """

    arcs: list[dict[_Label, int]] = field(default_factory=list)
    final: dict[int, Marks] = field(default_factory=dict)


def _determinise(pieces: _Pieces) -> _Automaton:
    """Return the automaton whose states are sets of states of the pieces."""
    result = _Automaton([{}])
    known: dict[tuple[int, ...], int] = {(pieces.start,): 0}
    waiting: list[tuple[int, ...]] = [(pieces.start,)]
    leaving: dict[int, list[tuple[_Label, int]]] = {}
    count = words = held = 0
    while waiting:
        members = waiting.pop()
        state = known[members]
        following: dict[_Label, dict[int, None]] = {}
        for member in members:
            if member not in leaving:
                leaving[member] = list(pieces.leaving(member))
                count += len(leaving[member])
                if count > MOST_PIECES:
                    raise _TooLargeError(f"{MOST_PIECES} choices of a word")
            for label, after in leaving[member]:
                if label[0]:
                    following.setdefault(label, {})[after] = None
                else:
                    # Of two readings of the same sentence the first in the file counts.
                    result.final.setdefault(state, label[1])
        words += len(following)
        for label, targets in following.items():
            target = tuple(targets)
            if target not in known:
                known[target] = len(result.arcs)
                result.arcs.append({})
                waiting.append(target)
                held += len(target)
            result.arcs[state][label] = known[target]
        # Sets of states can be exponentially many.
        if words > MOST_WORDS or held > MOST_HELD:
            raise _TooLargeError(f"{MOST_WORDS} words")
    return result


def _minimise(automaton: _Automaton) -> _Automaton:
    """Return the automaton with equal states merged; it has no circles."""
    merged: dict[int, int] = {}
    known: dict[tuple[Marks | None, frozenset[tuple[_Label, int]]], int] = {}
    for state in _children_first(automaton):
        arcs = {label: merged[after] for label, after in automaton.arcs[state].items()}
        automaton.arcs[state] = arcs
        merged[state] = known.setdefault((automaton.final.get(state), frozenset(arcs.items())), state)
    number = {merged[0]: 0}
    result = _Automaton()
    waiting = [merged[0]]
    for state in waiting:
        for after in automaton.arcs[state].values():
            if after not in number:
                number[after] = len(number)
                waiting.append(after)
    for state in waiting:
        result.arcs.append({label: number[after] for label, after in automaton.arcs[state].items()})
        if state in automaton.final:
            result.final[number[state]] = automaton.final[state]
    return result


def _children_first(automaton: _Automaton) -> Iterator[int]:
    """Yield every state after all that it leads to."""
    seen = {0}
    stack = [(0, iter(automaton.arcs[0].values()))]
    while stack:
        state, leaving = stack[-1]
        for after in leaving:
            if after not in seen:
                seen.add(after)
                stack.append((after, iter(automaton.arcs[after].values())))
                break
        else:
            stack.pop()
            yield state


def _spell(automaton: _Automaton, labels: tuple[str, ...]) -> Grammar:
    """Return the graph: the words of each junction as a tree of letters."""
    index = {label: number for number, label in enumerate(labels)}
    letters: list[int] = []
    predecessors: list[int] = []
    spaces = [-1] * len(automaton.arcs)
    ends: list[tuple[int, int, int, int]] = []  # target, state, word, marks
    words: dict[str, int] = {}
    marks: dict[Marks, int] = {}
    start = -2  # stands for the number of states until that is known
    for junction, arcs in enumerate(automaton.arcs):
        root = start
        if junction and arcs:
            root = spaces[junction] = len(letters)
            letters.append(index[" "])
            predecessors.append(-1)
        tree: dict[tuple[int, str], int] = {}
        for (word, happening), target in arcs.items():
            state = root
            for letter in word:
                after = tree.get((state, letter))
                if after is None:
                    after = tree[state, letter] = len(letters)
                    letters.append(index[letter])
                    predecessors.append(state)
                state = after
            number = words.setdefault(word, len(words))
            ends.append((target, state, number, marks.setdefault(happening, len(marks))))
        if len(letters) > MOST_STATES:
            raise _TooLargeError(f"{MOST_STATES} letters")
    ends.sort(key=lambda end: end[0])  # stable: within a junction in the order of the templates
    finals = [-1] * len(spaces)
    for junction, happening in automaton.final.items():
        finals[junction] = marks.setdefault(happening, len(marks))
    before = np.array(predecessors, np.int32)
    before[before == start] = len(letters)
    columns = np.array(ends, np.int32).reshape(-1, 4).T
    return Grammar(
        labels=labels,
        letters=np.array(letters, np.int32),
        predecessors=before,
        spaces=np.array(spaces, np.int32),
        end_targets=np.ascontiguousarray(columns[0]),
        end_states=np.ascontiguousarray(columns[1]),
        end_words=np.ascontiguousarray(columns[2]),
        end_marks=np.ascontiguousarray(columns[3]),
        final_marks=np.array(finals, np.int32),
        words=tuple(words),
        marks=tuple(marks),
    )
