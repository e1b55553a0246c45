"""Files of a device folder, damaged: read and used, or refused in one line."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asr.core.alphabet import Alphabet
from asr.runtime.archive import pack, unpack
from asr.runtime.grammar import Grammar, GrammarError
from asr.runtime.network import NetworkError, NetworkFile, log_probabilities
from asr.runtime.rescoring import best_sentences
from export.device import network_file
from lm.grammar import compile_grammar
from lm.sentences import Templates
from tests.mutations import NUMBERS, changed, damaged
from tests.small_grammars import SMALL, random_frames
from tests.small_networks import small_network

FUZZ = settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=[*HealthCheck])
TEXTS = (
    "ab {s} [c]\n{s} = (c:x|a b|ba c)",
    "[Go]\na (b|c) [{s}]\naa\n[Stop]\nb [b] {s}\n{s} = (a|ab) c",
    "abc",
)
GRAMMARS = tuple(compile_grammar(Templates.parse(text, SMALL), SMALL).to_bytes() for text in TEXTS)
FRAMES = random_frames(np.random.default_rng(1), 12, SMALL.size)


@functools.cache
def networks() -> tuple[bytes, ...]:
    plain, banded = small_network(1, width=12, state=12), small_network(2, 12, 12, convolutions=True)
    return network_file(plain, Alphabet()).to_bytes(), network_file(banded, Alphabet()).to_bytes(half=True)


@st.composite
def repacked(draw: st.DrawFn, wholes: tuple[bytes, ...], path: Path) -> bytes:
    """Return a whole archive with another text or other arrays in it, so that damage gets past the checksums."""
    path.write_bytes(draw(st.sampled_from(wholes)))
    about, found = unpack(path)
    for _ in range(draw(st.integers(1, 3))):
        if draw(st.booleans()):
            about = changed(draw, about)
            continue
        name = draw(st.sampled_from(sorted(found)))
        found[name] = other_array(draw, found[name])
    return pack(about, found)


def other_array(draw: st.DrawFn, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    # What has become texts or times is not changed once more.
    kind = draw(st.integers(0, 5)) if array.dtype.kind in "fiub" else 0
    if kind == 0:
        return array[: draw(st.integers(0, 3))]
    if kind == 1:
        return array.astype(draw(st.sampled_from(["f8", "i8", "u1", "c8", "?", "S2", "U2", "M8[s]", "f2"])))
    if kind == 2:
        return array.reshape(draw(st.sampled_from([(-1,), (1, -1), (-1, 1, 1)])))
    if kind == 3:
        return np.concatenate((array, array))
    array = array.copy()
    for _ in range(draw(st.integers(1, 3))):
        if array.size:
            place = draw(st.integers(0, array.size - 1))
            value = draw(st.sampled_from([*NUMBERS, float("nan"), float("inf"), 3, 4, 5, 6]))
            # Whatever the number becomes in the array's own type.
            with np.errstate(all="ignore"):
                array.flat[place] = np.float64(value).astype(array.dtype)
    return array


def use_grammar(path: Path) -> bool:
    """Read a grammar and recognise with it; whether it was accepted."""
    try:
        grammar = Grammar.read(path)
        frames = FRAMES if len(grammar.labels) == SMALL.size else np.zeros((5, len(grammar.labels) + 1), np.float32)
        best_sentences(grammar, frames)
    except GrammarError as error:
        assert "\n" not in str(error)
        return False
    return True


def use_network(path: Path) -> bool:
    """Read a network and run it; whether it was accepted."""
    try:
        network = NetworkFile.read(path)
    except NetworkError as error:
        assert "\n" not in str(error)
        return False
    with np.errstate(all="ignore"):
        found = log_probabilities(network, np.zeros((25, 26), np.float32))
    assert found.shape == (25, len(network.labels) + 1)
    return True


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file.npz"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("whole", [False, True])
def test_a_grammar_is_used_or_refused(path: Path, whole: bool) -> None:
    @FUZZ
    @given(st.data())
    def run(data: st.DataObject) -> None:
        path.write_bytes(data.draw(repacked(GRAMMARS, path) if whole else damaged(GRAMMARS)))
        use_grammar(path)

    run()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("whole", [False, True])
def test_a_network_is_used_or_refused(path: Path, whole: bool) -> None:
    @FUZZ
    @given(st.data())
    def run(data: st.DataObject) -> None:
        path.write_bytes(data.draw(repacked(networks(), path) if whole else damaged(networks())))
        use_network(path)

    run()


def test_undamaged_files_are_used(path: Path) -> None:
    for content in GRAMMARS:
        path.write_bytes(content)
        assert use_grammar(path)
    for content in networks():
        path.write_bytes(content)
        assert use_network(path)
