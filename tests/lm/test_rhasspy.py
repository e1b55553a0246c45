"""Rhasspy's sentences.ini: what it accepts, its values, and a line for what has no counterpart.

What is expected is written by hand after https://rhasspy.readthedocs.io/en/latest/training/.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from asr.core.errors import SentenceError
from lm.conversion import Conversion
from lm.rhasspy import convert_rhasspy
from tests.lm.converted import ENGLISH, read


def convert(folder: Path, text: str, **slots: str) -> Conversion:
    (folder / "slots").mkdir(exist_ok=True)
    for name, values in slots.items():
        (folder / "slots" / name).write_text(values)
    (folder / "sentences.ini").write_text(text)
    return convert_rhasspy(folder / "sentences.ini", ENGLISH)


@pytest.mark.parametrize(
    ("template", "accepted"),
    [
        ("[an] example [with] words", "an example with words|example with words|an example words|example words"),
        ("set to (red | green)", "set to red|set to green"),
        ("light[s] off", "light off|light s off"),  # side by side is two words
        ("red | dark blue", "red|dark blue"),
        ("colors = (red | green)\nset <colors>", "set red|set green"),
        ("(red | ) light", "red light|light"),
        ("\\[the] lamp", "the lamp|lamp"),
        ("set 42 percent", "set forty two percent"),
        ("set 1..5,2", "set one|set three|set five"),
        ("these: words: are dropped:", "these words are dropped"),
        (":now stop", "stop"),
        ("turn on (:){domain:light}", "turn on"),
        ("[please] [stop]", "please stop|please|stop"),
        ("Turn the LAMP, please!", "turn the lamp please"),
        ("# a comment\n; another\nstop", "stop"),
        ("rule = red\n  or green\nsay <rule>", "say red or green"),
    ],
)
def test_it_accepts_what_rhasspy_accepts(tmp_path: Path, template: str, accepted: str) -> None:
    templates = read(tmp_path, convert(tmp_path, f"[Intent]\n{template}\n"))
    assert {line.intent for line in templates.lines} == {"Intent"}
    assert sorted(set(templates)) == sorted(accepted.split("|"))


@pytest.mark.parametrize(
    ("template", "sentence", "slots"),
    [
        ("set (red | green){color}", "set red", {"color": "red"}),
        ("set it red{color}", "set it red", {"color": "red"}),
        ("turn on the (living room lamp){name:light_1}", "turn on the living room lamp", {"name": "light_1"}),
        ("(living room lamp):light_1{name}", "living room lamp", {"name": "light_1"}),
        ("on (twenty:20!int){n}", "on twenty", {"n": "20"}),
        ("level (low:0 | medium:0.5){level!float}", "level medium", {"level": "0.5"}),
        ("set (0..100){brightness}", "set ninety nine", {"brightness": "99"}),
        ("set (100..200){brightness}", "set one hundred and five", {"brightness": "105"}),
        ("set 75{x}", "set seventy five", {"x": "75"}),
        ("colors = (red | Blue)\nset <colors>{color}", "set blue", {"color": "Blue"}),
        ("colors = (red | blue){color}\nset <colors>", "set blue", {"color": "blue"}),
        ("set [very bright]{how}", "set very bright", {"how": "very bright"}),
        ("set [very bright]{how}", "set", {}),
        ("play $movies{movie}", "play primer", {"movie": "Primer"}),
        ("play $movies{movie}", "play the playroom", {"movie": "den"}),
        ("on $rhasspy/days{day}", "on friday", {"day": "friday"}),
        ("go (now:1st (x) | then:2){when}", "go then", {"when": "2"}),
    ],
)
def test_tags_are_slots(tmp_path: Path, template: str, sentence: str, slots: dict[str, str]) -> None:
    conversion = convert(tmp_path, f"[Intent]\n{template}\n", movies="Primer\nMoon\n[the:] (den | playroom):den\n")
    found = read(tmp_path, conversion).meaning(sentence)
    assert found is not None and (found.intent, found.slots) == ("Intent", slots)


def test_rules_belong_to_their_intent(tmp_path: Path) -> None:
    text = "[A]\nx = red\nset <x>\n[B]\nx = blue\nset <x> and <A.x>\n"
    templates = read(tmp_path, convert(tmp_path, text))
    assert list(templates) == ["set red", "set blue and red"]
    assert [line.intent for line in templates.lines] == ["A", "B"]


@pytest.mark.parametrize(
    ("template", "line", "says"),
    [
        ("say (a){x!upper}", 3, "!upper is left out"),
        ("go :now", 3, "':now' adds a word that nobody says"),
        ("turn on (:){domain:light}", 3, "{domain:light} is left out: it has no words"),
        ("make ten:10 coffees", 3, "'ten' is not replaced by '10': it is in no slot"),
        ("play $songs", 3, "$songs has no file"),
        ("play $../secret", 3, "$../secret has no file"),
        ("say <nothing>", 3, "no rule <nothing>"),
        ("x = <y>\ny = a <x>\nsay <x>", 5, "contains itself"),
        ("wrong (bracket", 3, "'(' is never closed in 'wrong (bracket'"),
        ("wrong] bracket", 3, "']' closes nothing"),
        ("gr\u00fcn", 3, "'\u00fc' in 'gr\u00fcn' is not in the alphabet"),
        ("(a){x} (b){x}", 3, "{x} can occur twice in one sentence"),
        ("(a){x:b;c}", 3, "'b;c' has a character of the notation"),
        ("(" * 100 + "a" + ")" * 100, 3, "more than 60 deep"),
    ],
)
def test_what_has_no_counterpart_is_said(tmp_path: Path, template: str, line: int, says: str) -> None:
    conversion = convert(tmp_path, f"[Intent]\nstop\n{template}\n")
    assert read(tmp_path, conversion).accepts("stop")
    (remark,) = conversion.remarks
    assert remark.line == line and says in remark.what
    assert str(remark).startswith(f"{tmp_path}/sentences.ini:{line}: ") and "\n" not in str(remark)
    assert remark.brief() in conversion.text


def test_a_program_of_values_is_named(tmp_path: Path) -> None:
    (tmp_path / "slot_programs").mkdir()
    (tmp_path / "slot_programs/songs").write_text("#!/bin/sh\n")
    (remark,) = convert(tmp_path, "[A]\nstop\nplay $songs,rock\n").remarks
    assert "$songs,rock is a program; write what it prints to slots/songs" in remark.what


def test_long_lists_get_a_file(tmp_path: Path) -> None:
    names = [f"{first}{second}" for first in "abcdef" for second in "ghijkl"]
    conversion = convert(tmp_path, "[A]\nplay $songs{song}\n", songs="\n".join(names))
    assert list(conversion.files.values()) == ["".join(f"{name}\n" for name in names)]
    assert read(tmp_path, conversion).slots("play fl") == {"song": "fl"}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "none of its sentences can be converted"),
        (b"[A]\n", "none of its sentences can be converted"),
        (b"[A]\nplay $songs\n", r"sentences\.ini:2: none .*\$songs has no file"),
        (b"[A]\ngr\xfcn\n", r"sentences\.ini:2: this is not UTF-8"),
        (b"x" * ((4 << 20) + 1), "more than 4194304 bytes"),
    ],
)
def test_what_is_no_sentences_ini_is_refused(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "sentences.ini"
    path.write_bytes(data)
    with pytest.raises(SentenceError, match=says) as caught:
        convert_rhasspy(path, ENGLISH)
    assert caught.value.fix and "\n" not in str(caught.value)
