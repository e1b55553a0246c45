"""Labels to integers and back; the forms that DeepSpeech reads."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.core.alphabet import ENGLISH, Alphabet
from asr.core.errors import ModelError, SentenceError

LABELS = st.lists(st.text(min_size=1, max_size=4).filter(lambda text: text.isprintable()), min_size=1, unique=True)


def test_english_is_deepspeechs() -> None:
    english = Alphabet(ENGLISH)
    assert (english.size, english.blank) == (28, 28)
    # Space, a to z, apostrophe: the order of data/alphabet.txt in DeepSpeech 0.9.
    assert english.encode(" az'").tolist() == [0, 1, 26, 27]
    assert english.encode(" az'").dtype == np.int32
    assert english.encode("").shape == (0,)
    assert english.decode([20, 21, 18, 14]) == "turn"
    lines = english.as_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == list(ENGLISH)
    assert english.as_text().endswith("\n")


def test_a_label_that_looks_like_a_comment_is_escaped() -> None:
    assert Alphabet(" #").as_text().splitlines()[:2] == [" ", "\\#"]


@given(st.text(alphabet=ENGLISH))
def test_text_comes_back(text) -> None:
    assert Alphabet().decode(Alphabet().encode(text)) == text


@given(LABELS)
def test_serialised_labels_come_back(labels) -> None:
    alphabet = Alphabet(labels)
    data = alphabet.serialised()
    assert Alphabet.parse(data) == alphabet
    # As the client reads it: count, then id, length and UTF-8 of each, all little-endian.
    assert struct.unpack_from("<H", data) == (len(labels),)
    assert len(data) == 2 + sum(4 + len(label.encode()) for label in labels)
    for cut in range(0, len(data), max(1, len(data) // 10)):
        with pytest.raises(ModelError, match="its alphabet is damaged"):
            Alphabet.parse(data[:cut])


@given(st.binary(max_size=40))
def test_any_bytes_are_labels_or_damaged(data) -> None:
    try:
        assert Alphabet.parse(data).serialised()
    except ModelError:
        return


@pytest.mark.parametrize(
    "data",
    [
        b"\1\0\0\0\1\0\xff",  # no UTF-8
        b"\2\0\0\0\1\0a\0\0\1\0b",  # one index twice
        b"\1\0\1\0\1\0a",  # an index out of range
        b"\2\0\0\0\1\0a\1\0\1\0a",  # a label twice
        b"\1\0\0\0\0\0",  # an empty label
        b"\1\0\0\0\1\0a!",  # more than it says
        b"\0\0",
    ],
)
def test_damage_is_named(data) -> None:
    with pytest.raises(ModelError, match="its alphabet is damaged"):
        Alphabet.parse(data)


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("turn 3 times", "'3' in .* Write numbers as words"),
        ("Turn on", "'T' in .* Write it in lower case"),
        ("caf\u00e9", "'\u00e9' .*WITH ACUTE.* in .* Add '\u00e9' to alphabet.labels .* or spell the word with 'e'"),
        ("a\tb", r"'\\t' in "),
    ],
)
def test_strange_characters_are_named(text, fix) -> None:
    with pytest.raises(SentenceError, match=fix) as caught:
        Alphabet().check(text, path="sentences.txt", line=7)
    assert str(caught.value).startswith("sentences.txt:7: ")
    with pytest.raises(SentenceError):
        Alphabet().encode(text)


@pytest.mark.parametrize("labels", ["", "aba", ["a", ""]])
def test_impossible_alphabets(labels) -> None:
    with pytest.raises(ValueError, match="at least one label"):
        Alphabet(labels)
