"""What sounds alike: costs by hand from the table's definition, and pairs of a small grammar."""

# ruff: noqa: RUF001 (the IPA)

from __future__ import annotations

import pytest

from asr.core.alphabet import Alphabet
from lm.alike import Pair, nearest, rivals
from lm.phonemes import distance, replaced
from lm.sentences import Templates

ENGLISH = Alphabet()

# As espeak-ng 1.52 says them in American English.
SAID = {
    "two": "t ˈuː", "too": "t ˈuː", "on": "ˈɔ n", "off": "ˈɔ f", "fifteen": "f ˈɪ f t iː n", "fifty": "f ˈɪ f t i",
    "kitchen": "k ˈɪ tʃ ə n", "hall": "h ˈɔː l", "turn": "t ˈɜː n", "switch": "s w ˈɪ tʃ", "lamp": "l ˈæ m p",
    "wreck a nice beach": "ɹ ˈɛ k ɐ n ˈaɪ s b ˈiː tʃ", "recognise speech": "ɹ ˈɛ k ə ɡ n ˌaɪ z s p ˈiː tʃ",
}  # fmt: skip


def said(text: str) -> list[str]:
    """Return the phonemes of a pronunciation."""
    return text.split()


def pairs(text: str, **more: str) -> list[Pair]:
    groups, complete = rivals(Templates.parse(text, ENGLISH))
    assert complete
    known = {**SAID, **more}
    phrases = {phrase for group in groups for phrase in group.phrases}
    found, complete = nearest(groups, {phrase: said(known.get(phrase, "ˈɑː ʒ ŋ")) for phrase in phrases})
    assert complete
    return found


@pytest.mark.parametrize(
    ("nearer", "farther"),
    [
        (("p", "b"), ("p", "z")),  # voice alone, against place and manner
        (("m", "n"), ("m", "s")),
        (("f", "θ"), ("f", "m")),
        (("ɪ", "iː"), ("ɪ", "ɑː")),
        (("ə", "ʌ"), ("ə", "iː")),
        (("aɪ", "eɪ"), ("aɪ", "uː")),
        (("t", "d"), ("t", "ɑː")),  # a vowel for a consonant
    ],
)
def test_phonemes_made_alike_are_nearer(nearer: tuple[str, str], farther: tuple[str, str]) -> None:
    assert 0 < replaced(*nearer) < replaced(*farther) <= 1
    assert replaced(*nearer) == replaced(*reversed(nearer))
    assert replaced("p", "p") == 0


def test_the_distance_is_that_of_the_cheapest_way() -> None:
    assert distance(said("t ˈuː"), said("t uː")) == 0
    assert distance(said("b ˈæ t"), []) == pytest.approx(3)
    # One consonant more costs 1; h is often swallowed.
    assert distance(said("s ˈiː"), said("s ˈiː d")) == pytest.approx(1)
    assert distance(said("ˈæ t"), said("h ˈæ t")) == pytest.approx(0.6)
    assert distance(said("p ˈɪ n"), said("b ˈɪ n")) == pytest.approx(replaced("p", "b"))


def test_words_at_one_place_are_paired_nearest_first() -> None:
    found = pairs("[A]\n(two|too|kitchen|hall) lamp\n[B]\nturn (on|off) the lamp\n")
    assert [(pair.first, pair.second) for pair in found] == [("two", "too"), ("on", "off")]
    assert {pair.first: pair.cost for pair in found}["two"] == 0


def test_words_of_other_places_are_not_paired() -> None:
    assert pairs("two lamp on\nkitchen lamp too\n") == []


def test_what_changes_the_meaning_comes_first() -> None:
    found = pairs("[A]\n(two|too) lamp {x}\n{x} = fifteen|fifty\n")
    assert [(pair.first, pair.second, pair.alike) for pair in found] == [
        ("fifteen", "fifty", False),
        ("two", "too", True),
    ]
    # One place where they differ is enough.
    both = pairs("[A]\n(two|too) lamp\n[B]\nturn two\n[C]\nturn too\n")
    assert [(pair.first, pair.alike) for pair in both] == [("two", False)]


def test_values_of_several_words_are_compared_whole() -> None:
    text = "say {x}\n{x} = wreck a nice beach|recognise speech|hall\n"
    groups, _ = rivals(Templates.parse(text, ENGLISH))
    assert {group.place for group in groups} == {"", "{x}"}
    # Three words against two: no pair of words would show it; here they differ too much to be told.
    found, _ = nearest(groups, {phrase: said(SAID.get(phrase, "ˈɑː")) for g in groups for phrase in g.phrases})
    assert all(pair.cost <= 1.5 for pair in found)
    same = pairs(text, **{"wreck a nice beach": SAID["recognise speech"]})
    assert [(pair.first, pair.second, pair.place) for pair in same if " " in pair.first] == [
        ("wreck a nice beach", "recognise speech", "{x}")
    ]


def test_a_large_grammar_is_compared_in_part() -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    values = [f"{a}{b}{c}" for a in letters for b in letters for c in letters]
    groups, complete = rivals(Templates.parse(f"play {{song}}\n{{song}} = {'|'.join(values)}\n", ENGLISH))
    assert not complete and all(group.phrases for group in groups)
