"""Sentences outside the grammar."""

from __future__ import annotations

import numpy as np
import pytest

from asr.core.alphabet import Alphabet
from lm.general import general_sentences
from lm.outside import OutsideSentences
from lm.sentences import Templates

ALPHABET = Alphabet()
GRAMMAR = Templates.parse("(turn|switch) (on|off) the [kitchen] light\nstop\n", ALPHABET)


def english() -> Templates:
    path = general_sentences("en-GB")
    assert path is not None
    return Templates.read(path, ALPHABET)


@pytest.mark.parametrize("general", [True, False])
def test_no_template_derives_them(general: bool) -> None:
    outside = OutsideSentences(GRAMMAR, ALPHABET, english() if general else None, seed=1)
    drawn = outside.draw(500, np.random.default_rng(2))
    assert len(drawn) == 500
    assert not any(GRAMMAR.accepts(text) for text in drawn)
    assert len(set(drawn)) > 300
    assert all(text and set(text) <= set(ALPHABET.labels) for text in drawn)


def test_a_near_miss_has_a_word_that_the_grammar_does_not_know() -> None:
    outside = OutsideSentences(GRAMMAR, ALPHABET, english(), seed=1)
    rng = np.random.default_rng(3)
    own = GRAMMAR.words()
    for _ in range(100):
        words = outside.foreign_word(rng).split()
        assert 1 <= sum(word not in own for word in words) <= 2


def test_without_a_general_list_foreign_words_are_made_of_its_own() -> None:
    outside = OutsideSentences(Templates.parse("licht an\nlicht aus\n", ALPHABET), ALPHABET, None, seed=1)
    rng = np.random.default_rng(4)
    assert all(set(outside.foreign_word(rng)) <= set("licht an aus") for _ in range(50))


def test_one_word_is_enough() -> None:
    outside = OutsideSentences(Templates.parse("stop\n", ALPHABET), ALPHABET, None, seed=1)
    assert all(text != "stop" for text in outside.draw(100, np.random.default_rng(5)))


def test_letters_outside_the_alphabet_are_not_drawn() -> None:
    narrow = Alphabet(" abcdefghijklmnopqrstuvwxy'")
    grammar = Templates.parse("turn on the light\n", narrow)
    drawn = OutsideSentences(grammar, narrow, english(), seed=1).draw(300, np.random.default_rng(6))
    assert not any("z" in text for text in drawn)


def test_there_is_no_list_for_every_language() -> None:
    assert general_sentences("xx") is None
