"""The notation on a real grammar, with the labels of real orders as the reference."""

from __future__ import annotations

import csv
import random
import re
from math import prod
from pathlib import Path

import pytest

from asr.core.alphabet import Alphabet
from lm.sentences import Templates

SLOTS = ("size", "roast", "numberOfShots", "coffeeDrink", "milkAmount", "sugarAmount")


@pytest.fixture(scope="module")
def coffee(shared_data: Path) -> Path:
    return shared_data / "coffee"


@pytest.fixture(scope="module")
def templates(coffee: Path) -> Templates:
    return Templates.read(coffee / "grammar.txt", Alphabet())


def test_it_has_as_many_sentences_as_its_choices_multiply_to(coffee: Path, templates: Templates) -> None:
    sizes, total = {}, 0
    for line in (coffee / "grammar.txt").read_text().splitlines():
        if line.startswith("#"):
            continue
        name, found, body = line.partition(" = ")
        if found:
            # No choice within a choice; [a|an] has nothing as a third way.
            groups = re.findall(r"\(([^)]*)\)|\[([^]]*)\]", body)
            sizes[name] = prod(len((a or b).split("|")) + bool(b) for a, b in groups)
        else:
            total += prod(sizes[name] for name in re.findall(r"<\w+>|\{\w+\}", line))
    assert templates.count() == total


def test_every_order_fills_the_slots_it_is_labelled_with(coffee: Path, templates: Templates) -> None:
    with (coffee / "recordings.csv").open(newline="") as file:
        orders = list(csv.DictReader(file))
    assert len(orders) == 492
    for order in orders:
        labelled = {slot: order[slot] for slot in SLOTS if order[slot]}
        assert templates.slots(order["transcript"]) == labelled, order["transcript"]


def test_what_is_no_order_is_refused(coffee: Path, templates: Templates) -> None:
    for text in ("", "a latte", "i want a latte with", "i want a latte with with milk", "make me a tea"):
        assert not templates.accepts(text), text
    # An order whose words come in another order is one only where the grammar says so.
    generator = random.Random(1)
    accepted = 0
    for sentence in templates.expand(300, seed=1):
        words = sentence.split()
        generator.shuffle(words)
        accepted += templates.accepts(" ".join(words))
    assert accepted < 10


def test_the_sample_is_complete_and_of_the_grammar(coffee: Path, templates: Templates) -> None:
    sample = templates.expand(20000, seed=1)
    assert len(sample) == len(set(sample)) == 20000
    assert {word for sentence in sample for word in sentence.split()} == templates.words()
    assert all(templates.accepts(sentence) for sentence in sample[::100])
    # The shortest template makes 270 sentences of 180 million, and its share is as good as any other's.
    grammar = (coffee / "grammar.txt").read_text()
    orders, drinks = (
        re.findall(rf"{name} = \((.*?)\)", grammar)[0] for name in ("<order>", "{coffeeDrink}")
    )
    plainest = [sentence for sentence in sample if re.fullmatch(f"({orders})( an?)? ({drinks})", sentence)]
    assert 240 <= len(plainest) <= 270
