"""The notation against a brute-force reading of it, and every way to get it wrong."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from asr.core.alphabet import Alphabet
from asr.core.errors import SentenceError
from lm.sentences import Templates

ENGLISH = Alphabet()


def read(text: str) -> Templates:
    return Templates.parse(text, ENGLISH, "sentences.txt")


# ------------------------------------------------------------------------ grammars with a brute-force reading


@dataclass
class Reading:
    """A template as text, and what it derives: (text with its spaces, values of slots), in order."""

    text: str
    derivations: list[tuple[str, dict[str, str]]]
    definitions: list[str] = field(default_factory=list)
    faulty: bool = False  # a slot can be empty


def parts(inner: st.SearchStrategy[object], least: int, most: int) -> st.SearchStrategy[list[object]]:
    return st.lists(inner, min_size=least, max_size=most)


words = st.sampled_from(["on", "off", "a", "b", "ab", "the light"])
shapes = st.recursive(
    words,
    lambda inner: st.one_of(
        st.tuples(st.just("series"), st.sampled_from([" ", "", "  "]), parts(inner, 2, 3)),
        st.tuples(st.sampled_from(["(", "["]), st.sampled_from(["|", " | "]), parts(inner, 1, 3)),
        st.tuples(st.sampled_from(["<", "{"]), st.just(""), parts(inner, 1, 1)),
    ),
    max_leaves=9,
)


def write(shape: object, name: Callable[[], str]) -> Reading:
    if isinstance(shape, str):
        return Reading(shape, [(shape, {})])
    kind, between, parts = shape  # type: ignore[misc]
    inner = [write(part, name) for part in parts]
    definitions = [line for reading in inner for line in reading.definitions]
    faulty = any(reading.faulty for reading in inner)
    if kind == "series":
        derivations = [
            (between.join(text for text, _ in some), {k: v for _, values in some for k, v in values.items()})
            for some in product(*(reading.derivations for reading in inner))
        ]
        return Reading(between.join(reading.text for reading in inner), derivations, definitions, faulty)
    if kind in "([":
        derivations = [derivation for reading in inner for derivation in reading.derivations]
        text = kind + between.join(reading.text for reading in inner) + ")]"["([".index(kind)]
        if between == " | " and len(inner) > 1:
            # The spaces around | stand in the options.
            last = len(inner) - 1
            derivations = [
                ((" " if n else "") + text + (" " if n < last else ""), values)
                for n, reading in enumerate(inner)
                for text, values in reading.derivations
            ]
        return Reading(text, derivations + [("", {})] * (kind == "["), definitions, faulty)
    (only,) = inner
    own = name()
    if kind == "<":
        return Reading(f"<{own}>", only.derivations, [*definitions, f"<{own}> = {only.text}"], faulty)
    faulty = faulty or any(not text.strip() for text, _ in only.derivations)
    derivations = [(text, {**values, own: " ".join(text.split())}) for text, values in only.derivations]
    return Reading(f"{{{own}}}", derivations, [*definitions, f"{{{own}}} = {only.text}"], faulty)


def write_lines(shapes: list[object]) -> tuple[str, list[Reading]]:
    names = (f"n{number}" for number in range(1000))
    readings = [write(shape, lambda: next(names)) for shape in shapes]
    definitions = [line for reading in readings for line in reading.definitions]
    return "\n".join([*(reading.text for reading in readings), *definitions]), readings


@settings(max_examples=300)
@given(st.lists(shapes, min_size=1, max_size=3), st.integers(0, 2**32))
def test_templates_derive_what_brute_force_derives(shapes: list[object], seed: int) -> None:
    text, readings = write_lines(shapes)
    derivations = [derivation for reading in readings for derivation in reading.derivations]
    assume(len(derivations) <= 3000)
    # A name alone in square brackets is an intent.
    assume(not re.search(r"^\[\w+\]$", text, re.MULTILINE))
    sentences = [" ".join(text.split()) for text, _ in derivations]
    if any(reading.faulty for reading in readings) or "" in sentences:
        with pytest.raises(SentenceError):
            read(text)
        return
    templates = read(text)
    assert templates.count() == len(sentences)
    assert [templates.sentence(index) for index in range(len(sentences))] == sentences
    assert list(templates) == sentences
    assert templates.expand(len(sentences), seed) == list(dict.fromkeys(sentences))
    assert templates.words() == {word for sentence in sentences for word in sentence.split()}

    readings_of: dict[str, list[dict[str, str]]] = {}
    for sentence, (_, values) in zip(sentences, derivations, strict=True):
        readings_of.setdefault(sentence, []).append(values)
    for sentence, possible in readings_of.items():
        assert templates.slots(sentence) in possible
    generator = random.Random(seed)
    for sentence in generator.choices(sentences, k=10):
        cut = generator.randrange(len(sentence) + 1)
        changed = sentence[:cut] + generator.choice(["a", " ", "", " a "]) + sentence[cut + 1 :]
        assert templates.accepts(changed) == (" ".join(changed.split()) in readings_of)


@settings(max_examples=100)
@given(st.lists(shapes, min_size=1, max_size=3), st.integers(1, 40), st.integers(0, 2**32))
def test_a_sample_is_of_the_templates_and_has_every_word(shapes: list[object], limit: int, seed: int) -> None:
    text, readings = write_lines(shapes)
    assume(not re.search(r"^\[\w+\]$", text, re.MULTILINE))
    try:
        templates = read(text)
    except SentenceError:
        assume(False)
    sample = templates.expand(limit, seed)
    assert len(set(sample)) == len(sample)
    assert {word for sentence in sample for word in sentence.split()} == templates.words()
    assert all(templates.accepts(sentence) for sentence in sample)
    own = [{" ".join(text.split()) for text, _ in reading.derivations} for reading in readings]
    assert all(sentences.intersection(sample) for sentences in own)
    # A sentence for each word and each line can be more than the limit; nothing else can.
    assert len(sample) <= max(limit, len(templates.words()) + len(readings))


# --------------------------------------------------------------------------------------------------- examples


def test_pieces_without_a_space_between_them_make_one_word() -> None:
    templates = read("turn on the light[s]\n(kitchen|bath)room")
    assert list(templates) == ["turn on the lights", "turn on the light", "kitchenroom", "bathroom"]
    assert templates.words() == {"turn", "on", "the", "light", "lights", "kitchenroom", "bathroom"}


def test_the_top_of_a_line_may_be_a_choice() -> None:
    assert list(read("turn on | turn off")) == ["turn on", "turn off"]


def test_comments_blank_lines_and_line_ends_are_taken() -> None:
    text = "\N{BYTE ORDER MARK}# lamp\r\n\r\nturn on  # at night\r\n\tturn\toff\r\n"
    assert list(read(text)) == ["turn on", "turn off"]


def test_the_fingerprint_is_of_what_can_be_said() -> None:
    def mark(text: str) -> str:
        return Templates.parse(text, ENGLISH).fingerprint()

    one = mark("<place> = attic|hall\nlight in the <place>\n[please] stop {what}\n{what} = this|that\n")
    same = "# a\n\nlight  in the <room>   # one\n<room> = attic|hall\r\n[please] stop {what}\n{what} = this|that\n"
    assert mark(same) == one
    for old, new in (
        ("hall", "halls"), ("{what}", "{which}"), ("[please]", "please"), ("attic|hall", "hall|attic"),
        ("this|that", "this|those"), ("light  in the <room>", "(light in the <room>|go)"),
        ("[please] stop", "[please]stop"),
    ):  # fmt: skip
        assert mark(same.replace(old, new)) != one, (old, new)
    assert len({mark("stop"), mark("(stop)"), mark("stop\ngo"), mark("go\nstop"), mark("stop go")}) == 4


def test_definitions_may_follow_their_use() -> None:
    templates = read("<polite> {room} light\n{room} = <wet>|hall\n<wet> = kitchen\n<polite> = [please]")
    assert list(templates) == ["please kitchen light", "please hall light", "kitchen light", "hall light"]
    assert templates.slots("hall light") == {"room": "hall"}


def test_a_slot_that_is_used_twice_has_two_names() -> None:
    templates = read("from {city:here} to {city:there}\n{city} = rome|new york")
    assert templates.slots("from new york to rome") == {"here": "new york", "there": "rome"}


def test_a_slot_in_a_slot_keeps_both_values() -> None:
    templates = read("make {order}\n{order} = {size} tea\n{size} = small|large")
    assert templates.slots("make large tea") == {"order": "large tea", "size": "large"}


def test_counts_are_exact_beyond_what_a_machine_word_holds() -> None:
    templates = read(" ".join(["(a|b|c)"] * 100))
    assert templates.count() == 3**100
    last = templates.sentence(3**100 - 1)
    assert last == " ".join("c" * 100)
    assert templates.accepts(last) and not templates.accepts(last + " c")


def test_recognising_an_ambiguous_sentence_does_not_try_every_way() -> None:
    templates = read(" ".join(["[a] [a]"] * 200) + " b")
    assert templates.slots(" ".join("a" * 300) + " b") == {}
    assert templates.slots(" ".join("a" * 300) + " a") is None


def test_a_sentence_beyond_the_last_is_an_error() -> None:
    templates = read("(a|b)")
    for index in (-1, 2):
        with pytest.raises(IndexError):
            templates.sentence(index)


# ----------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", None, "no sentence"),
        ("# nothing\n\n", None, "no sentence"),
        ("<a> = b\n", None, "no sentence that uses"),
        ("a\n(b|c", 2, r"'\(' is never closed"),
        ("a\n\nb [c (d])", 3, r"'\]' closes '\('"),
        ("a b)", 1, r"'\)' closes nothing"),
        ("a (b|)", 1, "empty"),
        ("a (|b)", 1, "empty"),
        ("a ()", 1, "empty"),
        ("a [ ]", 1, "empty"),
        ("a | ", 1, "empty"),
        ("[a]", None, "has no sentence"),
        ("[a] [b]", 1, "is optional"),
        ("a <b>", 1, "<b> is not defined"),
        ("c\na {b}", 2, r"\{b\} is not defined"),
        ("a <b>\n{b} = c", 1, "<b> is not defined"),
        ("a <b>\n<b> = c <d>\n<d> = [<b>]", 3, "<b> -> <d> -> <b>"),
        ("a\n<b> = <b>", 2, "contains itself"),
        ("a\n<b> = c\n<b> = d", 3, "already defined in line 2"),
        ("a\n<b> =", 2, "nothing after the ="),
        ("a {b}\n{b} = [c]", 2, "can be empty"),
        ("{b} and {b}\n{b} = c", 1, "twice"),
        ("a <b", 1, "'<'"),
        ("a {b c}", 1, "'{'"),
        ("light no 5", 1, "'5'.*Write numbers as words"),
        ("a\nTurn on", 2, "'T'.*lower case"),
        ("a <b>\n\n<b> = (c|D)", 3, "'D'"),
        ("a\n<unused> = ä", 2, "'ä'"),
        ("a, b", 1, "','"),
        ("<a> = b extra = c\n<a>", 1, "'='"),
        ("(" * 150 + "a" + ")" * 150, 1, "deep"),
        ("".join(f"<n{i + 1}> = (<n{i}>|a)\n" for i in range(120)) + "<n0> = b\n<n120>", None, "deep"),
        ("<n0> = b\n" + "".join(f"<n{i + 1}> = (<n{i}>|a)\n" for i in range(120)) + "<n120>", None, "deep"),
        ("a\n" + "(a|b)" * 25, 2, "more than 1000000 words"),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, line: int | None, says: str) -> None:
    with pytest.raises(SentenceError, match=says) as caught:
        read(text).words()
    if line is not None:
        assert caught.value.line == line
    assert str(caught.value).startswith("sentences.txt:")
    assert re.search(r"\. [A-Z]", str(caught.value)), "it says what to do"
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_one_in_another_encoding_are_named(tmp_path: Path) -> None:
    with pytest.raises(SentenceError, match="no such file"):
        Templates.read(tmp_path / "sentences.txt", ENGLISH)
    (tmp_path / "latin").write_bytes("a\ngr\u00fcn".encode("latin-1"))
    with pytest.raises(SentenceError, match="UTF-8") as caught:
        Templates.read(tmp_path / "latin", ENGLISH)
    assert caught.value.line == 2
    with pytest.raises(SentenceError, match="cannot be read"):
        Templates.read(tmp_path, ENGLISH)
