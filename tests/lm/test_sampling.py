"""What is drawn from templates that make more sentences than anybody wants: fair, seeded and complete."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from asr.core.alphabet import Alphabet
from lm.sentences import Templates

ENGLISH = Alphabet()

HUGE = " ".join(["(a|b|c|d|e|f|g|h|i|j)"] * 12)
FILE = f"""\
stop
go on
x {HUGE}
y {HUGE} {HUGE}
z (a|b|c|d) (a|b|c|d)
rare [(a|b|c|zebra|d)] {HUGE} {HUGE}
"""


@pytest.fixture(scope="module")
def templates() -> Templates:
    return Templates.parse(FILE, ENGLISH)


def test_every_line_gives_the_same_as_far_as_it_has_it(templates: Templates) -> None:
    sample = templates.expand(1000, seed=1)
    assert len(sample) == 1000
    by_line = Counter(sentence.split()[0] for sentence in sample)
    assert (by_line["stop"], by_line["go"], by_line["z"]) == (1, 1, 16)
    rest = [by_line[word] for word in ("x", "y", "rare")]
    assert sum(rest) == 1000 - 18 and max(rest) - min(rest) <= 1


def test_lines_that_count_alike_say_their_few_sentences_again(templates: Templates) -> None:
    sample = templates.expand(1000, seed=1, alike=True)
    by_line = Counter(sentence.split()[0] for sentence in sample)
    assert len(sample) == 1000 and set(by_line.values()) == {166, 167}
    seen = Counter(sentence for sentence in sample if sentence.startswith("z"))
    assert len(seen) == 16 and max(seen.values()) - min(seen.values()) <= 1
    # What every line must say for the words' sake counts, too.
    names = " | ".join(f"n{'a' * number}" for number in range(60))
    crowded = Templates.parse("\n".join([*("bcdefghij"), f"call ({names}) (now|later)"]), ENGLISH)
    assert len(crowded.expand(100, seed=1, alike=True)) == 100
    # What is all written out is no sample.
    assert Templates.parse("b\n(a|b) [c]\nb", ENGLISH).expand(6, seed=1, alike=True) == ["b", "a c", "a", "b c"]


def test_within_a_line_all_derivations_are_equally_likely(templates: Templates) -> None:
    sample = [sentence for sentence in templates.expand(9000, seed=2) if sentence.startswith("x ")]
    for place in range(1, 13):
        seen = Counter(sentence.split()[place] for sentence in sample)
        expected = len(sample) / 10
        # Five standard deviations of a binomial count: by chance once in a million.
        assert all(abs(seen[word] - expected) < 5 * math.sqrt(0.9 * expected) for word in "abcdefghij")


def test_a_word_is_there_however_rare_it_is(templates: Templates) -> None:
    for seed in range(20):
        assert any("zebra" in sentence.split() for sentence in templates.expand(30, seed))


def test_more_lines_than_the_limit_are_all_there() -> None:
    lines = ["(a|b) " + " ".join("c" * number) for number in range(1, 50)]
    sample = Templates.parse("\n".join(lines), ENGLISH).expand(10, seed=1)
    assert {len(sentence.split()) for sentence in sample} == set(range(2, 51))


def test_the_seed_decides(templates: Templates) -> None:
    assert templates.expand(500, seed=1) == templates.expand(500, seed=1)
    assert templates.expand(500, seed=1) != templates.expand(500, seed=2)
    draws = [templates.sample(50, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


def test_the_sample_is_in_the_order_of_the_file(templates: Templates) -> None:
    firsts = [sentence.split()[0] for sentence in templates.expand(200, seed=3)]
    assert list(dict.fromkeys(firsts)) == ["stop", "go", "x", "y", "z", "rare"]


def test_what_fits_is_written_out_once_each() -> None:
    templates = Templates.parse("b\n(a|b) [c]\nb", ENGLISH)
    assert templates.count() == 6
    assert templates.expand(6, seed=1) == ["b", "a c", "a", "b c"]


def test_random_sentences_come_from_all_lines_alike(templates: Templates) -> None:
    drawn = templates.sample(605, np.random.default_rng(0))
    by_line = Counter(sentence.split()[0] for sentence in drawn)
    assert set(by_line.values()) <= {100, 101} and sum(by_line.values()) == 605
    assert all(templates.accepts(sentence) for sentence in drawn)
    assert len({sentence for sentence in drawn if sentence.startswith("x ")}) == by_line["x"]
