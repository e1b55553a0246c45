"""The grammar graph: every sentence a device understands, as letters that follow one another.

Words leave a junction as a tree of letters, share its beginnings, and end in other junctions. Only a junction's space
has more than one predecessor; any other letter has one. Junctions are shared among sentences, which keeps a grammar
of 10^9 sentences at a few hundred letters. `lm.grammar` compiles templates into this form.

On disk a graph is an .npz file (docs/formats.md) without pickled objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard, TypeVar

import numpy as np
import numpy.typing as npt

from .archive import pack, unpack

VERSION = 1
MOST_STATES = 2_000_000  # letters; above this no decoder keeps up with speech
_MOST_ENDS = 2_000_000  # of words
_MOST_BYTES = 1 << 28  # of an unpacked file

Int32 = npt.NDArray[np.int32]

OPEN, CLOSE, SAY, SAID, INTENT = "open", "close", "say", "said", "intent"


class GrammarError(ValueError):
    """A file that is no grammar graph."""


@dataclass(frozen=True)
class Mark:
    """Something that happens inside a word, or after the last one.

    Attributes
    ----------
    offset : letters of the word before it.
    kind : OPEN and CLOSE of a slot, SAY and SAID of a passage with another value, or INTENT.
    value : name of the slot or the intent, or the passage's value.
    """

    offset: int
    kind: str
    value: str


Marks = tuple[Mark, ...]
_Opened = TypeVar("_Opened")


@dataclass(frozen=True)
class Grammar:
    """A compiled grammar of s letter states, e word ends and j junctions.

    Attributes
    ----------
    labels : of the alphabet, one character each; the network's blank is the label after the last.
    letters : int32 [s], the label of each state.
    predecessors : int32 [s], the state before; s for the first letter of a sentence, -1 for a junction's space.
    spaces : int32 [j], the state that is the junction's space; -1 where no word follows or none comes before.
    end_states, end_targets, end_words, end_marks : int32 [e], of each word end the state, the junction that it
        leads to, and what is said: indices into `words` and `marks`. Sorted by junction.
    final_marks : int32 [j], marks at the end of a sentence, an index into `marks`; -1 where none can end.
    words : every word, once.
    marks : what happens in words and at ends.
    """

    labels: tuple[str, ...]
    letters: Int32
    predecessors: Int32
    spaces: Int32
    end_states: Int32
    end_targets: Int32
    end_words: Int32
    end_marks: Int32
    final_marks: Int32
    words: tuple[str, ...]
    marks: tuple[Marks, ...]

    def to_bytes(self) -> bytes:
        """Return the graph as the content of a file."""
        about = {
            "version": VERSION,
            "labels": self.labels,
            "words": self.words,
            "marks": [[[mark.offset, mark.kind, mark.value] for mark in marks] for marks in self.marks],
        }
        return pack(about, {name: getattr(self, name) for name in _ARRAYS})

    @classmethod
    def read(cls, path: Path | str) -> Grammar:
        """Read a graph and check that nothing in it leads outside of it.

        Raises
        ------
        GrammarError : it is no grammar graph, or one of another version.
        OSError : it cannot be read.
        """
        try:
            about, found = unpack(path, _MOST_BYTES)
            arrays = {name: found[name] for name in _ARRAYS}
        except (ValueError, KeyError) as error:
            raise GrammarError(f"this is no grammar graph: {error}") from None
        return cls._checked(arrays, about)

    def continues(self, end: int) -> bool:
        """Return whether a word can follow a word end."""
        return bool(self.spaces[self.end_targets[end]] >= 0)

    @classmethod
    def _checked(cls, arrays: dict[str, npt.NDArray[Any]], about: Any) -> Grammar:
        if not isinstance(about, dict) or about.get("version") != VERSION:
            version = about.get("version") if isinstance(about, dict) else None
            raise GrammarError(f"it is a grammar graph of version {version!r}, and this program reads {VERSION}")
        for name, array in arrays.items():
            if array.dtype != np.int32 or array.ndim != 1:
                raise GrammarError(f"{name} is {array.dtype} {list(array.shape)}, not int32 of one dimension")
        labels, words = about.get("labels"), about.get("words")
        if not _are_texts(labels) or " " not in labels or len(set(labels)) != len(labels) or max(map(len, labels)) > 1:
            raise GrammarError("its labels are no alphabet with a space")
        if not _are_texts(words):
            raise GrammarError("its words are no list of texts")
        marks = _checked_marks(about.get("marks"))
        states, ends, junctions = len(arrays["letters"]), len(arrays["end_states"]), len(arrays["spaces"])
        if states > MOST_STATES:
            raise GrammarError(f"it has {states} letters, and {MOST_STATES} is the most")
        if ends > _MOST_ENDS:
            raise GrammarError(f"it has {ends} ends of words, and {_MOST_ENDS} is the most")
        lengths = {"predecessors": states, "final_marks": junctions}
        lengths |= dict.fromkeys(("end_targets", "end_words", "end_marks"), ends)
        limits = {
            "letters": (0, len(labels)), "predecessors": (-1, states + 1), "spaces": (-1, states),
            "end_states": (0, states), "end_targets": (0, junctions), "end_words": (0, len(words)),
            "end_marks": (0, len(marks)), "final_marks": (-1, len(marks)),
        }  # fmt: skip
        for name, (low, high) in limits.items():
            array = arrays[name]
            if len(array) != lengths.get(name, len(array)):
                raise GrammarError(f"{name} has {len(array)} values, not {lengths[name]}")
            if len(array) and (array.min() < low or array.max() >= high):
                raise GrammarError(f"{name} leads outside of the graph")
        if np.any(np.diff(arrays["end_targets"]) < 0):
            raise GrammarError("its word ends are not sorted by junction")
        found = cls(labels=tuple(labels), words=tuple(words), marks=marks, **arrays)
        found._check_tree()
        return found

    def _check_tree(self) -> None:
        """Raise GrammarError unless letters form trees, and each word end is where its word is spelled."""
        count = len(self.letters)
        tree = self.predecessors < count
        if np.any(self.predecessors[tree] >= np.flatnonzero(tree)):
            raise GrammarError("a letter of it follows itself or a later one")
        roots = np.zeros(count, bool)
        roots[self.spaces[self.spaces >= 0]] = True
        if np.any(roots != (self.predecessors == -1)) or np.any(self.letters[roots] != self.labels.index(" ")):
            raise GrammarError("a junction of it begins with something else than its space")
        steps = self.predecessors[~roots].astype(np.int64) * len(self.labels) + self.letters[~roots]
        if len(np.unique(steps)) != len(steps):
            raise GrammarError("two letters of it are the same one")
        pairs = np.unique(np.stack((self.end_states, self.end_words)), axis=1)
        if len(np.unique(pairs[0])) != len(pairs[0]) or len(set(self.words)) != len(self.words):
            raise GrammarError("two words of it end in the same letter")
        # Backwards from every end at once, the longest words first.
        index = {label: number for number, label in enumerate(self.labels) if label != " "}
        words = sorted(zip(pairs[0].tolist(), (self.words[word] for word in pairs[1]), strict=True), key=_by_length)
        at = np.array([state for state, _ in words], np.int64)
        going = len(words)
        for place in range(len(words[0][1]) if words else 0):
            while len(words[going - 1][1]) <= place:
                going -= 1
            wanted = np.array([index.get(word[-1 - place], -1) for _, word in words[:going]])
            if np.any(at[:going] == count) or np.any(self.letters[at[:going]] != wanted):
                raise GrammarError("a word of it is spelled in other letters")
            at[:going] = self.predecessors[at[:going]]
        if np.any(~roots[at[at < count]]):
            raise GrammarError("a word of it begins in the middle of another")


def _by_length(word: tuple[int, str]) -> int:
    return -len(word[1])


_ARRAYS = (
    *("letters", "predecessors", "spaces", "end_states", "end_targets", "end_words", "end_marks", "final_marks"),
)


def _are_texts(found: Any) -> TypeGuard[list[str]]:
    return isinstance(found, list) and all(isinstance(text, str) and text for text in found)


def _checked_marks(found: Any) -> tuple[Marks, ...]:
    try:
        marks = tuple(tuple(Mark(int(offset), str(kind), str(value)) for offset, kind, value in row) for row in found)
    except (TypeError, ValueError):
        raise GrammarError("its marks are no list of marks") from None
    if any(mark.kind not in (OPEN, CLOSE, SAY, SAID, INTENT) or mark.offset < 0 for row in marks for mark in row):
        raise GrammarError("it has a mark of an unknown kind")
    return marks


@dataclass(frozen=True)
class Meaning:
    """What a sentence says.

    Attributes
    ----------
    text : the words.
    intent : of the template; "" where it has none.
    slots : the value of each slot that is filled.
    """

    text: str
    intent: str
    slots: dict[str, str]


def _last(opened: list[_Opened]) -> _Opened:
    if not opened:
        raise GrammarError("it closes a slot or a passage that it did not open")
    return opened.pop()


def interpret(words: Sequence[str], marks: Sequence[Marks]) -> Meaning:
    """Return the meaning of words with their marks.

    Parameters
    ----------
    words : n words.
    marks : of each word; and n + 1st those of the sentence's end.

    Raises
    ------
    GrammarError : they close what was not opened.
    """
    said: list[str] = []  # letters, or the value of a passage that has another
    open_slots: list[tuple[str, int]] = []
    open_passages: list[int] = []
    slots: dict[str, str] = {}
    intent = ""
    for word, happening in zip([*words, ""], marks, strict=True):
        if said and word:
            said.append(" ")
        at = 0
        for mark in happening:
            said.append(word[at : mark.offset])
            at = mark.offset
            if mark.kind == OPEN:
                open_slots.append((mark.value, len(said)))
            elif mark.kind == CLOSE:
                name, start = _last(open_slots)
                slots[name] = "".join(said[start:]).strip()
            elif mark.kind == SAY:
                open_passages.append(len(said))
            elif mark.kind == SAID:
                start = _last(open_passages)
                lead = " " if said[start:] and said[start].startswith(" ") else ""
                said[start:] = [lead + mark.value]
            else:
                intent = mark.value
        said.append(word[at:])
    return Meaning(" ".join(words), intent, slots)
