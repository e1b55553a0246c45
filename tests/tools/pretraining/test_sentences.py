"""What the voices of the pretrained weights say: forms of words, coverage and the shares of its kinds."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest

from asr.core.alphabet import Alphabet
from tools.pretraining.sentences import Sentences
from tools.pretraining.vocabulary import plural, topics, verb_forms, vocabulary


@pytest.mark.parametrize(
    ("one", "many"),
    [
        *(
            ("lamp", "lamps"),
            ("box", "boxes"),
            ("dish", "dishes"),
            ("city", "cities"),
            ("key", "keys"),
            ("knife", "knives"),
        ),
        *(("washing machine", "washing machines"), ("child", "children"), ("tomato", "tomatoes"), ("radio", "radios")),
    ],
)
def test_plurals(one: str, many: str) -> None:
    assert plural(one) == many


@pytest.mark.parametrize(
    "forms",
    [
        *(
            "turn turns turning turned",
            "stop stops stopping stopped",
            "dim dims dimming dimmed",
            "mix mixes mixing mixed",
        ),
        *("dry dries drying dried", "play plays playing played", "bake bakes baking baked", "tie ties tying tied"),
        *("agree agrees agreeing agreed", "open opens opening opened", "clean cleans cleaning cleaned"),
        *("admit admits admitting admitted", "unplug unplugs unplugging unplugged", "veto vetoes vetoing vetoed"),
    ],
)
def test_forms_of_verbs(forms: str) -> None:
    verb, *others = forms.split()
    assert verb_forms(verb) == (verb, others[0], others[1], others[2])


def test_the_words_are_those_of_people_with_devices() -> None:
    found = topics()
    words = vocabulary(found)
    assert len(words) >= 4000
    alphabet = Alphabet()
    assert not [word for word in words if not re.fullmatch("[a-z']+", word) or set(word) - set(alphabet.labels)]
    # A few of each kind that the weights are for.
    said = "turn off kitchen lamp seventy o'clock yesterday coffee decaf oat sugar please espresso shots roast monday"
    said += " thermostat turquoise siri jazz volume timer don't wednesday nineteen thirtieth splenda"
    assert set(said.split()) - set(words) == {"splenda"}


def test_sentences_cover_the_words_and_fit_into_a_clip() -> None:
    source = Sentences()
    drawn = [source.draw(np.random.default_rng([1, number])) for number in range(4000)]
    assert drawn[:50] == [Sentences().draw(np.random.default_rng([1, number])) for number in range(50)]
    lengths = Counter(len(text.split()) for text in drawn)
    assert max(lengths) <= 11 and min(lengths) == 1 and lengths[1] > 0.03 * len(drawn)
    words = {word for text in drawn for word in text.split()}
    assert words <= set(source.vocabulary) | {"a", "the", "an"} | _of_templates()
    assert len(words) > 0.6 * len(source.vocabulary)
    # Word pairs hardly repeat, so that a network cannot guess the next word.
    pairs = Counter(pair for text in drawn for pair in zip(text.split(), text.split()[1:], strict=False))
    assert sum(number for _, number in pairs.most_common(100)) < 0.25 * pairs.total()


def _of_templates() -> set[str]:
    from tools.pretraining.sentences import TEMPLATES

    return set(re.findall(r"[a-z']+", TEMPLATES.read_text(encoding="utf-8")))
