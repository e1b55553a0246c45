"""What is printed of an utterance: a refused one is no command, and says what came closest."""

from __future__ import annotations

import json

from asr.runtime.listener import Utterance
from asr.runtime.output import as_json, as_text
from asr.runtime.recogniser import Recognition, Word

WORDS = (Word("lamp", 3.104, 3.4), Word("on", 3.5, 3.66))
FOUND = Recognition("lamp on", "Set", {"state": "on"}, WORDS, "lamp off", 2.5, 0.125, 0.914, True)
REFUSED = Recognition("lamp on", "Set", {"state": "on"}, WORDS, "lamp off", 2.5, 0.125, 0.07, False)
NOTHING = Recognition("", "", {}, (), "", None, None, accepted=False)


def test_a_command_has_its_meaning_and_times() -> None:
    row = json.loads(as_json(Utterance(3.0, 4.004, FOUND), "a.wav"))
    assert (row["file"], row["start"], row["end"], row["accepted"]) == ("a.wav", 3.0, 4.0, True)
    assert (row["text"], row["intent"], row["slots"]) == ("lamp on", "Set", {"state": "on"})
    assert row["words"][0] == {"word": "lamp", "start": 3.1, "end": 3.4} and "closest" not in row
    assert as_text(Utterance(3.0, 4.0, FOUND), "a.wav") == "a.wav, 3.00 to 4.00 s: lamp on  Set  state = on  (91 %)"


def test_a_refused_one_is_no_command() -> None:
    row = json.loads(as_json(Utterance(0.0, 1.0, REFUSED)))
    assert (row["text"], row["intent"], row["slots"], row["words"]) == ("", None, {}, [])
    assert (row["accepted"], row["closest"], row["confidence"]) == (False, "lamp on", 0.07)
    assert as_text(Utterance(0.0, 1.0, REFUSED), "a.wav") == "a.wav: no command; closest: lamp on (7 %)"
    assert as_text(Utterance(0.0, 1.0, NOTHING)) == "no command"
    assert json.loads(as_json(Utterance(0.0, 1.0, NOTHING)))["closest"] is None
