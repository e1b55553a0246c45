"""Home Assistant's YAML: what it accepts, its values, and a line for what has no counterpart.

What is expected is written by hand after https://developers.home-assistant.io/docs/voice/intent-recognition.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from asr.core.errors import SentenceError
from lm.conversion import Conversion
from lm.home_assistant import convert_home_assistant
from lm.sentences import Templates
from tests.lm.converted import ENGLISH, read

LISTS = """
expansion_rules:
  turn: "(turn|switch)"
  the: "[the]"
  in_area: "in <the> {area}"
lists:
  area:
    values: ["Living Room", kitchen, {in: "(bath|wash)room", out: bathroom}]
  state:
    values: [on, off]
  level:
    range: {from: 0, to: 100, type: percentage}
  high:
    range: {from: 200, to: 210}
  temp:
    range: {from: 18, to: 20, fractions: halves}
  scaled:
    range: {from: 1, to: 3, multiplier: 10}
  message:
    wildcard: true
"""


def convert(folder: Path, *sentences: str, block: str = "", more: str = LISTS) -> Conversion:
    listed = "".join(f"          - '{sentence}'\n" for sentence in sentences)
    text = f"language: en\nintents:\n  Intent:\n    data:\n      - sentences:\n{listed}{block}{more}"
    (folder / "home.yaml").write_text(text)
    return convert_home_assistant(folder / "home.yaml", ENGLISH)


@pytest.mark.parametrize(
    ("template", "accepted"),
    [
        ("<turn> on [all] lights", "turn on lights|switch on lights|turn on all lights|switch on all lights"),
        ("light[s] on", "light on|lights on"),
        ("turn on[ the] light", "turn on light|turn on the light"),
        ("(lights;on) now", "lights on now|on lights now"),
        ("[a;b] c", "a b c|b a c|c"),
        ("Turn on, <the> TV!", "turn on the tv|turn on tv"),
        ("[please] [stop]", "please stop|please|stop"),
        ("to {5..7,2:x}[%| percent]", "to five percent|to seven percent|to five|to seven"),
        ("living[ ]room", "living room"),
        ("turn {state}", "turn on|turn off"),
        (r"a \(b\) c", "a b c"),
        ("set it to 20", "set it to twenty"),
    ],
)
def test_it_accepts_what_home_assistant_accepts(tmp_path: Path, template: str, accepted: str) -> None:
    templates = read(tmp_path, convert(tmp_path, template))
    assert {line.intent for line in templates.lines} == {"Intent"}
    assert sorted(set(templates)) == sorted(accepted.split("|"))


@pytest.mark.parametrize(
    ("template", "sentence", "slots"),
    [
        ("in {area}", "in living room", {"area": "Living Room"}),
        ("in {area:room}", "in washroom", {"room": "bathroom"}),
        ("light <in_area>", "light in the kitchen", {"area": "kitchen"}),
        ("from {area:one} to {area:two}", "from kitchen to bathroom", {"one": "kitchen", "two": "bathroom"}),
        ("set {level:brightness}", "set forty two", {"brightness": "42"}),
        ("set {high}", "set two hundred and one", {"high": "201"}),
        ("set {high}", "set two hundred one", {"high": "201"}),
        ("set {temp}", "set nineteen point five", {"temp": "19.5"}),
        ("set {scaled}", "set three", {"scaled": "30"}),
        ("set {0..10:x}", "set ten", {"x": "10"}),
        ("in {area:@spoken}", "in kitchen", {}),
    ],
)
def test_lists_are_slots(tmp_path: Path, template: str, sentence: str, slots: dict[str, str]) -> None:
    found = read(tmp_path, convert(tmp_path, template)).meaning(sentence)
    assert found is not None and (found.intent, found.slots) == ("Intent", slots)


def test_a_block_has_rules_and_lists_of_its_own(tmp_path: Path) -> None:
    block = (
        "        expansion_rules: {the: '[our]'}\n        lists: {area: {values: [attic]}}\n"
        "      - sentences: ['dark <in_area>']\n"
    )
    conversion = convert(tmp_path, "light <in_area>", block=block)
    assert not conversion.remarks
    templates = read(tmp_path, conversion)
    # A shared rule sees what the block defines.
    assert templates.slots("light in our attic") == {"area": "attic"}
    assert templates.slots("dark in the kitchen") == {"area": "kitchen"}
    for wrong in ("light in the attic", "light in our kitchen", "dark in our kitchen", "dark in the attic"):
        assert not templates.accepts(wrong)


def test_a_folder_counts_as_one_file(tmp_path: Path) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en/a.yaml").write_text("language: en\nintents: {A: {data: [{sentences: ['go <there>']}]}}\n")
    (tmp_path / "en/b.yml").write_text("language: en\nintents: {B: {data: [{sentences: ['stop <there>']}]}}\n")
    (tmp_path / "en/common.yaml").write_text("language: en\nexpansion_rules: {there: here}\n")
    templates = read(tmp_path, convert_home_assistant(tmp_path / "en", ENGLISH))
    assert [(line.intent, list(Templates([line]))) for line in templates.lines] == [
        ("A", ["go here"]),
        ("B", ["stop here"]),
    ]


def test_skip_words_stand_at_both_ends(tmp_path: Path) -> None:
    conversion = convert(tmp_path, "stop", more="skip_words: ['please', 'can you']\n")
    templates = read(tmp_path, conversion)
    assert sorted(templates) == sorted(
        f"{before} stop {after}".strip() for before in ("", "please", "can you") for after in ("", "please", "can you")
    )
    (remark,) = conversion.remarks
    assert "at the start and end" in remark.what


def test_aliases_stand_for_their_anchors(tmp_path: Path) -> None:
    more = "lists: {one: &one {values: [red]}, two: *one}\n"
    templates = read(tmp_path, convert(tmp_path, "{one} and {two}", more=more))
    assert templates.slots("red and red") == {"one": "red", "two": "red"}


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("to {message}", "{message} is a wildcard, which takes any words: the sentence is left out"),
        ("to {name}", "the list {name} is not in the file (Home Assistant fills it)"),
        ("to {colour}", "the list {colour} is not in the file; write it under lists:"),
        ("to <nowhere>", "there is no expansion rule <nowhere>"),
        ("to (a|b;c)", "'|' and ';' stand in one bracket"),
        ("to (a", "'(' is never closed in 'to (a'"),
        ("to a]", "']' closes nothing"),
        ("to {a", "'{' has no counterpart"),
        ("to (a;b;c;d;e;f)", "6 parts in any order; 5 is the most"),
        ("caf\u00e9", "'\u00e9' in 'caf\u00e9' is not in the alphabet"),
        ("set 1.5", "is not in the alphabet"),
        ("{state} or {state}", "{state} can occur twice in one sentence"),
        ("(" * 100 + "a" + ")" * 100, "more than 60 deep"),
    ],
)
def test_a_sentence_without_a_counterpart_is_left_out(tmp_path: Path, template: str, says: str) -> None:
    conversion = convert(tmp_path, "stop", template)
    assert list(read(tmp_path, conversion)) == ["stop"]
    (remark,) = conversion.remarks
    assert remark.line == 7 and says in remark.what
    assert "\n" not in str(remark) and remark.brief() in conversion.text


@pytest.mark.parametrize(
    ("block", "says"),
    [
        ("        slots: {domain: light}\n", "the fixed slot domain = light is left out"),
        ("        requires_context: {domain: light}\n", "requires_context is left out"),
        ("        excludes_context: {domain: light}\n", "excludes_context is left out"),
        ("        required_keywords: [stop]\n", "required_keywords is left out"),
        ("        new_key: 1\n", "'new_key' is not read"),
        ("        lists: {x: {values: [{in: a, context: {b: c}}]}}\n      - sentences: ['{x}']\n", "'{x}|is not in"),
    ],
)
def test_conditions_are_left_out(tmp_path: Path, block: str, says: str) -> None:
    conversion = convert(tmp_path, "stop", block=block, more="")
    assert list(read(tmp_path, conversion)) == ["stop"]
    (remark,) = conversion.remarks
    assert any(part in remark.what for part in says.split("|"))


def test_a_value_without_a_counterpart_is_left_out(tmp_path: Path) -> None:
    more = "lists:\n  x:\n    values:\n      - fine\n      - gr\u00fcn\n      - [a]\n      - {in: b, context: {c: d}}\n"
    conversion = convert(tmp_path, "{x}", more=more)
    assert sorted(read(tmp_path, conversion)) == ["b", "fine"]
    assert [(remark.line, remark.what.split(":")[0]) for remark in conversion.remarks] == [
        (11, "'\u00fc' in 'gr\u00fcn' is not in the alphabet"),
        (12, "a value of {x} is no text"),
        (13, "context of the values of {x} is left out"),
    ]


def test_rules_in_a_circle_are_left_out(tmp_path: Path) -> None:
    more = "expansion_rules: {a: 'x <b>', b: 'y <a>', c: '<c>'}\n"
    conversion = convert(tmp_path, "stop", "go <a>", "go <c>", more=more)
    assert list(read(tmp_path, conversion)) == ["stop"]
    assert all("contains itself" in remark.what for remark in conversion.remarks)


def test_numbers_of_other_languages_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "home.yaml"
    path.write_text(
        "language: nl\nintents: {A: {data: [{sentences: ['stop', 'zet op {n}']}]}}\n"
        "lists: {n: {range: {from: 0, to: 9}}}\n"
    )
    conversion = convert_home_assistant(path, ENGLISH)
    assert "English only" in conversion.remarks[0].what and list(Templates(conversion.lines)) == ["stop"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has no 'intents'"),
        ("- a\n", "has no 'intents'"),
        ("language: en\nlists: {}\n", "has no 'intents'"),
        ("intents:\n  A: stop\n", r":2: the intent A is not followed by names and values"),
        ("intents:\n  A:\n    data: stop\n", r":3: the intent A has no list 'data'"),
        ("intents:\n  A:\n    data:\n      - {}\n", r":4: this block has no list 'sentences'"),
        ("intents: {A: {data: [{sentences: []}]}}\n", "none of its sentences"),
        ("intents: {A: {data: [{sentences: ['<x>']}]}}\n", "none of its sentences.*no expansion rule <x>"),
        ("intents: {A: {\n", r":2:1: this is no YAML"),
        ("a: *b\n", r":1: the alias \*b"),
        ("a: &b [*b]\n", r":1: the alias \*b"),
        ("[" * 1000, "more than 30 deep"),
        ("a: !!python/object/apply:os.system ['true']\n", "has no 'intents'"),
        ("- a\n" * 200_001, "more than 200000 parts"),
        ("#" * (4 << 20) + "\n", "more than 4194304 bytes"),
    ],
)
def test_what_is_no_sentence_file_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "home.yaml"
    path.write_text(text)
    with pytest.raises(SentenceError, match=says) as caught:
        convert_home_assistant(path, ENGLISH)
    assert "\n" not in str(caught.value)


def test_aliases_cannot_multiply_without_end(tmp_path: Path) -> None:
    names = ", ".join(f"I{number}: *i" for number in range(2000))
    listed = ", ".join(["*s"] * 2000)
    (tmp_path / "bomb.yaml").write_text(
        f"x: &s {{sentences: ['{'a ' * 9000}']}}\ny: &i {{data: [{listed}]}}\nintents: {{{names}}}\n"
    )
    with pytest.raises(SentenceError, match="more than"):
        convert_home_assistant(tmp_path / "bomb.yaml", ENGLISH)
