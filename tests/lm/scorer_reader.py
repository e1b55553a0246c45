"""Reads a .scorer back, for the tests: KenLM's header, the trailer, and the words in OpenFST's ConstFst."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from asr.core.alphabet import Alphabet
from lm.wordlist import Automaton, Labels, arrange

STRUCTURES = ("probing", "rest probing", "trie", "quantised trie", "array trie", "quantised array trie")


@dataclass(frozen=True)
class Content:
    """Trailer, KenLM's parameters, and the words in the alphabet's order."""

    alpha: float
    beta: float
    is_utf8: bool
    ngrams: tuple[int, ...]
    structure: str
    words: tuple[str, ...]


def read_scorer(path: Path, alphabet: Alphabet | None = None) -> Content:
    """Return the content of a whole scorer (native_client/ctcdecode/scorer.cpp of DeepSpeech 0.9.3)."""
    alphabet, data = alphabet or Alphabet(), path.read_bytes()
    order, _, kind, _, _ = struct.unpack_from("<B3xfIB3xI", data, 88)
    ngrams = struct.unpack_from(f"<{order}Q", data, 88 + struct.calcsize("<B3xfIB3xI"))
    at = data.index(struct.pack("<ii", 0x54524945, 6))
    _, _, is_utf8, alpha, beta = struct.unpack_from("<ii?dd", data, at)
    automaton = read_fst(data, at + struct.calcsize("<ii?dd"))
    words = tuple(alphabet.decode(label - 1 for label in labels) for labels in sequences(automaton))
    assert all(word.endswith(" ") and " " not in word[:-1] for word in words)
    return Content(alpha, beta, is_utf8, ngrams, STRUCTURES[kind], tuple(word[:-1] for word in words))


def read_fst(data: bytes, offset: int) -> Automaton:
    """Return the ConstFst from `offset` to the end of `data` (fst/const-fst.h of OpenFST 1.6)."""
    assert data[offset : offset + 25] == struct.pack("<ii5si8s", 2125659606, 5, b"const", 8, b"standard")
    version, aligned, _, start, states, arcs = struct.unpack_from("<iiQqqq", data, offset + 25)
    assert (version, aligned) == (1, 4)
    first = offset + 25 + struct.calcsize("<iiQqqq")
    first += -first % 16
    second = first + 20 * states
    second += -second % 16
    assert second + 16 * arcs == len(data)
    records = list(struct.iter_unpack("<iifi", data[second:]))
    assert all(reads == writes > 0 and weight == 0 for reads, writes, weight, _ in records)
    leaving, final = [], set()
    for state, (weight, begin, count, *_) in enumerate(struct.iter_unpack("<fIIII", data[first : first + 20 * states])):
        leaving.append(tuple((arc[0], arc[3]) for arc in records[begin : begin + count]))
        if weight == 0:
            final.add(state)
    return arrange(leaving, final, start)


def sequences(automaton: Automaton) -> Iterator[Labels]:
    """Yield the sequences that an automaton accepts, in rising order."""
    stack: list[tuple[int, Labels]] = [(0, ())]
    while stack:
        state, labels = stack.pop()
        if state in automaton.final:
            yield labels
        stack.extend((after, (*labels, label)) for label, after in reversed(automaton.arcs[state]))
