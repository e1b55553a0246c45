"""Intents, number ranges, substitutions, permutations and files of values."""

from __future__ import annotations

from pathlib import Path

import pytest

from asr.core.alphabet import Alphabet
from asr.core.errors import SentenceError
from lm.grammar import compile_grammar
from lm.numbers import in_words
from lm.sentences import Templates
from tests.asr.runtime.test_decoder import spoken

ENGLISH = Alphabet()

HOME = """
stop
[SetLight]
turn (on|off) the {room} [light]
dim the {room} to {0..100,10:level} percent
[GetTime]
(what time is it;please)

{room} = (living room:lounge|kitchen|(bath|shower) room:bath)
"""


def read(text: str, path: Path | str = "sentences.txt", language: str = "en") -> Templates:
    return Templates.parse(text, ENGLISH, path, language)


@pytest.mark.parametrize(
    ("sentence", "intent", "slots"),
    [
        ("stop", "", {}),
        ("turn on the living room light", "SetLight", {"room": "lounge"}),
        ("turn off the kitchen", "SetLight", {"room": "kitchen"}),
        ("turn off the shower room", "SetLight", {"room": "bath"}),
        ("dim the bath room to seventy percent", "SetLight", {"room": "bath", "level": "70"}),
        ("dim the kitchen to one hundred percent", "SetLight", {"room": "kitchen", "level": "100"}),
        ("please what time is it", "GetTime", {}),
        ("what time is it please", "GetTime", {}),
    ],
)
def test_a_sentence_has_its_intent_and_values(sentence: str, intent: str, slots: dict[str, str]) -> None:
    templates = read(HOME)
    found = templates.meaning(sentence)
    assert found is not None and (found.intent, found.slots) == (intent, slots)
    # The decoder reads the same from the graph.
    from asr.runtime.decoder import Decoder

    decoder = Decoder(compile_grammar(templates, ENGLISH))
    decoder.accept(spoken(ENGLISH, sentence))
    best = decoder.best()
    assert best is not None and best.meaning == found


def test_only_whole_permutations_and_steps_are_sentences() -> None:
    templates = read(HOME)
    for sentence in ("please", "what time is it", "dim the kitchen to seventy five percent", "turn on the lounge"):
        assert templates.meaning(sentence) is None
    assert read("(a;b;c)").count() == 6


def test_numbers_are_said_as_people_say_them() -> None:
    # Written by hand, one of each form.
    said = {
        0: "zero", 7: "seven", 12: "twelve", 19: "nineteen", 20: "twenty", 42: "forty two", 100: "one hundred",
        101: "one hundred one", 342: "three hundred forty two", 1000: "one thousand", -5: "minus five",
        20_015: "twenty thousand fifteen", 999_999: "nine hundred ninety nine thousand nine hundred ninety nine",
    }  # fmt: skip
    assert {number: in_words(number) for number in said} == said
    with pytest.raises(ValueError, match="six digits"):
        in_words(1_000_000)


def test_values_come_from_a_file_beside_the_sentences(tmp_path: Path) -> None:
    (tmp_path / "songs.txt").write_text("# mine\nyellow submarine\n\nhey jude:42  # a number\n")
    templates = read("play {song}\n{song} = file:songs.txt\n", tmp_path / "sentences.txt")
    assert list(templates) == ["play yellow submarine", "play hey jude"]
    assert templates.slots("play hey jude") == {"song": "42"}
    before = templates.fingerprint()
    (tmp_path / "songs.txt").write_text("yellow submarine\n")
    assert read("play {song}\n{song} = file:songs.txt\n", tmp_path / "sentences.txt").fingerprint() != before


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("a\n b (c|d", "2:4", r"'\(' is never closed"),
        ("turn living room:lounge", "1:17", "not clear where what this ':' stands for begins"),
        ("a (:x)", "1:4", "nothing is said before this ':'"),
        ("a (b:x:y)", "1:7", "a second ':'"),
        ("a ({b}:x)\n{b} = c", "1:7", "a slot stands within"),
        ("a {5..1}", "1:3", "holds no number"),
        ("a {0..9999999}", "1:3", "999999 is the largest number"),
        ("a {0..100000}", "1:3", "holds 100001 numbers"),
        ("a [b;c]", "1:5", "';' cannot stand here"),
        ("a;b", "1:2", "';' cannot stand here"),
        ("(a|b;c)", "1:5", "';' cannot stand here"),
        ("(a;b;c;d;e;f)", "1:1", "6 parts in any order"),
        ("play $song", "1:6", "looks like a slot of Rhasspy"),
        ("set brightness!int", "1:14", "looks like a converter of Rhasspy"),
        ("(red|blue){colour}", "1:10", "looks like a tag of Rhasspy"),
        ("#JSGF V1.0;\na", "1:1", "looks like JSGF"),
        ("a {b}\n{b} = file:nothing.txt", "2:7", "nothing.txt cannot be read"),
        ("[Empty]\n[Full]\na", "1", r"no sentence follows the intent \[Empty\]"),
        ("a\n{b} = (c|D)", "2:10", "'D'"),
    ],
)
def test_a_mistake_is_named_with_line_and_column(text: str, place: str, says: str) -> None:
    with pytest.raises(SentenceError, match=says) as caught:
        read(text)
    assert str(caught.value).startswith(f"sentences.txt:{place}: ")
    assert caught.value.fix and "\n" not in str(caught.value)


def test_numbers_of_other_languages_are_written_out() -> None:
    with pytest.raises(SentenceError, match="English only"):
        read("a {1..3}", language="de")
    assert read("a (eins:1|zwei:2)", language="de").count() == 2


def test_errors_in_a_file_of_values_name_that_file(tmp_path: Path) -> None:
    (tmp_path / "songs.txt").write_text("fine\nno (good\n")
    with pytest.raises(SentenceError, match=r"songs\.txt:2:4: '\(' is never closed"):
        read("play {song}\n{song} = file:songs.txt\n", tmp_path / "sentences.txt")
    (tmp_path / "songs.txt").write_text("# nothing\n")
    with pytest.raises(SentenceError, match=r"songs\.txt: this file lists no value"):
        read("play {song}\n{song} = file:songs.txt\n", tmp_path / "sentences.txt")
