"""Sentences that one could be taken for, against everything that the templates allow."""

from __future__ import annotations

import numpy as np
import pytest

from asr.core.alphabet import Alphabet
from lm.competitors import Competitors
from lm.sentences import Templates

ORDERS = """
<order> = (get me|i want) [a|an]
{size} = (small|large)
{drink} = (tea|iced tea|coffee)
{extra} = (milk|some milk|sugar)
<order> {size} {drink}
<order> {drink} with {extra}
<order> {size} {drink} with {extra}
"""


def templates(text: str) -> Templates:
    return Templates.parse(text, Alphabet())


def distance(one: list[str], two: list[str]) -> int:
    """Return the least words to put in, take out or change."""
    row = list(range(len(two) + 1))
    for number, word in enumerate(one, 1):
        above, row = row, [number]
        for place, other in enumerate(two):
            row.append(min(above[place] + (word != other), above[place + 1] + 1, row[place] + 1))
    return row[-1]


@pytest.mark.parametrize("said", ["get me a small tea", "i want an iced tea with some milk", "i want large coffee"])
def test_all_that_are_a_word_and_a_slot_apart_are_found(said: str) -> None:
    known = templates(ORDERS)
    slots = known.slots(said)
    expected = {
        text
        for text in known
        if distance(said.split(), text.split()) == 1 and known.slots(text) != slots
    }
    found = Competitors(known).draw(said, 1000, np.random.default_rng(1))
    assert len(found) == len(set(found)) and set(found) == expected
    assert len(expected) > 1
    # "give me" for "get me" is no other order.
    assert not any(known.slots(text) == slots for text in found)


def test_fewer_are_drawn_at_random_and_the_same_for_a_seed() -> None:
    competitors = Competitors(templates(ORDERS))
    said = "get me a small tea with milk"
    draws = [competitors.draw(said, 2, np.random.default_rng(seed)) for seed in range(20)]
    assert all(len(set(draw)) == 2 for draw in draws)
    assert len({text for draw in draws for text in draw}) > 3
    again = Competitors(templates(ORDERS))
    assert [again.draw(said, 2, np.random.default_rng(seed)) for seed in range(20)] == draws


def test_without_slots_every_other_sentence_counts() -> None:
    competitors = Competitors(templates("turn the light (on|off)\nturn the fan on\nhello"))
    found = competitors.draw("turn the light on", 9, np.random.default_rng(1))
    assert sorted(found) == ["turn the fan on", "turn the light off"]
    assert competitors.draw("hello", 9, np.random.default_rng(1)) == []


@pytest.mark.parametrize("said", ["get me a small lemonade", "", "small"])
def test_what_the_templates_do_not_allow_has_none(said: str) -> None:
    assert Competitors(templates(ORDERS)).draw(said, 9, np.random.default_rng(1)) == []
