"""The smallest automaton of some words, against its definition and against OpenFST's."""

from __future__ import annotations

import shutil
import struct
import subprocess
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.core.alphabet import Alphabet
from asr.core.errors import SetupError
from asr.core.third_party import part
from asr.settings.sections import Scorer
from lm.fst import write_fst
from lm.scorer import build
from lm.wordlist import accept_only
from tests.lm.scorer_reader import read_fst, sequences

words = st.lists(st.integers(1, 3), min_size=1, max_size=6).map(tuple)


def smallest_size(accepted: set[tuple[int, ...]]) -> int:
    """Return how many states any automaton needs: one for each set of ends that a start can have."""
    starts = {word[:length] for word in accepted for length in range(len(word) + 1)}
    return len(
        {frozenset(word[len(start) :] for word in accepted if word[: len(start)] == start)
         for start in starts}
    )


@given(st.sets(words, min_size=1, max_size=25), st.integers(0, 31))
def test_it_accepts_the_words_and_is_the_smallest(accepted: set[tuple[int, ...]], offset: int) -> None:
    automaton = accept_only(accepted)
    assert list(sequences(automaton)) == sorted(accepted)
    assert automaton.count() == len(accepted)
    assert len(automaton.arcs) == smallest_size(accepted)
    for state, arcs in enumerate(automaton.arcs):
        assert list(arcs) == sorted(arcs)
        assert all(after > state for _, after in arcs)
    data = bytes(offset) + write_fst(automaton, offset)
    assert read_fst(data, offset) == automaton


def test_many_words_take_little_more_room_than_they_need() -> None:
    automaton = accept_only((*labels, 1) for labels in product(range(1, 41), repeat=3))
    assert automaton.count() == 40**3
    assert len(automaton.arcs) == 5


SHIM = """
#include <string>
#include <unordered_set>
struct Scorer { void fill_dictionary(const std::unordered_set<std::string>&); };
extern "C" void fill(void* shared_scorer, const char** words, int count) {
  std::unordered_set<std::string> vocabulary(words, words + count);
  (*(Scorer**)shared_scorer)->fill_dictionary(vocabulary);
}
"""
SCRIPT = """if True:
    import ctypes, os, sys
    sys.setdlopenflags(os.RTLD_NOW | os.RTLD_GLOBAL)
    from ds_ctcdecoder import Alphabet, Scorer
    shim, alphabet, scorer_path, ours, theirs, *words = sys.argv[1:]
    scorer = Scorer(1.0, 1.0, scorer_path, Alphabet(alphabet))
    scorer.save_dictionary(ours.encode(), False)
    words = [word.encode() for word in words]
    fill = ctypes.CDLL(shim).fill
    fill(ctypes.c_void_p(int(scorer.this)), (ctypes.c_char_p * len(words))(*words), len(words))
    scorer.save_dictionary(theirs.encode(), False)
"""


@pytest.mark.parametrize("text", ["turn on the lights", "yes", "one two three four five six seven eight"])
def test_it_is_the_automaton_that_deepspeech_makes(tmp_path: Path, text: str) -> None:
    """The decoder has the C++ of Mozilla's packager in it, reached by a few lines of C++."""
    try:
        python, _ = part("reference/bin/python"), part("bin/lmplz")
    except SetupError as error:
        pytest.skip(str(error))
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("no g++")
    (tmp_path / "shim.cpp").write_text(SHIM)
    shim, alphabet = tmp_path / "shim.so", tmp_path / "alphabet.txt"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", shim, tmp_path / "shim.cpp"], check=True)
    alphabet.write_text(Alphabet().as_text())
    (tmp_path / "sentences.txt").write_text(text)
    built = build(tmp_path / "sentences.txt", Alphabet(), tmp_path, Scorer(), limit=9, seed=1)
    ours, theirs = tmp_path / "ours.fst", tmp_path / "theirs.fst"
    command = [python, "-c", SCRIPT, shim, alphabet, built.scorer, ours, theirs, *text.split()]
    subprocess.run(command, check=True)
    # The header of a dictionary alone is 25 bytes long: magic, version, mode, alpha, beta.
    loaded, reference = ours.read_bytes(), theirs.read_bytes()
    assert len(loaded) == len(reference)
    assert read_fst(loaded, 25) == read_fst(reference, 25)
    # Magic, types, version and flags; then the properties, which differ by the order of the states only.
    properties = [struct.unpack_from("<Q", data, 25 + 4 + 9 + 12 + 8)[0] for data in (loaded, reference)]
    order_of_states = 1 << 38 | 1 << 39
    assert properties[0] | order_of_states == properties[1] | order_of_states
