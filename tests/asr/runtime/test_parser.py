"""Text as a sentence of the grammar: the meaning that the templates give it, and none for other text."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from asr.core.alphabet import Alphabet
from asr.runtime.parser import LONGEST, Parser
from lm.grammar import compile_grammar
from lm.sentences import Templates
from tests.small_grammars import SMALL, random_cases

REPOSITORY = Path(__file__).resolve().parents[3]
HOME = """\
[SetLight]
(turn|switch) (on|off) [the] {room} light[s]
dim {room} to {0..100,5:level} percent
from {room:here} to {room:there}
[Night]
good night
{room} = (living room:lounge|bath room|hall)
"""


def test_random_grammars_have_their_sentences_and_no_others() -> None:
    others = [" ".join(words) for words in itertools.product(("a", "b", "ab", "cc"), repeat=2)]
    for templates, sentences, _ in random_cases(11, 60):
        parser = Parser(compile_grammar(templates, SMALL))
        for text in (*sentences, *others):
            wanted = templates.meaning(text)
            assert parser.parse(text) == wanted, text
            assert (wanted is not None) == (text in sentences)


def test_slots_intents_and_substitutions_are_those_of_the_templates() -> None:
    alphabet = Alphabet()
    templates = Templates.parse(HOME, alphabet)
    parser = Parser(compile_grammar(templates, alphabet))
    sentences = list(itertools.islice(templates, 500))
    assert len(sentences) > 100
    for text in sentences:
        assert parser.parse(text) == templates.meaning(text)
        assert parser.parse(text.rpartition(" ")[0]) == templates.meaning(text.rpartition(" ")[0])
    found = parser.parse("dim living room to forty five percent")
    assert found is not None
    assert (found.intent, found.slots) == ("SetLight", {"room": "lounge", "level": "45"})


@pytest.mark.parametrize(
    "text",
    ["Turn ON the hall light.", "  turn   on the hall light!", "“Turn on, the hall-light”", "turn on the hall light"],
)
def test_capitals_punctuation_and_spaces_are_of_no_account(text: str) -> None:
    parser = Parser(compile_grammar(Templates.parse(HOME, Alphabet()), Alphabet()))
    found = parser.parse(text)
    assert found is not None and found.text == "turn on the hall light"


@pytest.mark.parametrize(
    "text",
    ["", " ", "...", "turn on the hall light 2", "turn", "night", "turn on the hall light turn", "é" * 2000, "\0"],
)
def test_other_text_has_no_meaning(text: str) -> None:
    parser = Parser(compile_grammar(Templates.parse(HOME, Alphabet()), Alphabet()))
    assert parser.parse(text) is None
    assert parser.parse("good night" + " " * LONGEST) is None
