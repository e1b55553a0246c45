"""Speech without a keyword: what synthetic voices say, and which recordings of other_speech/ serve where."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from asr.core import audio
from asr.settings.values import with_values
from asr.settings.workspace import Workspace
from tests.keyword_words import make_workspace, tune
from tools.commands.steps import keyword_negatives, keyword_stream
from tools.commands.steps.keyword import find_recordings


def workspace(root: Path, **voices: object) -> Workspace:
    ws = make_workspace(root)
    return dataclasses.replace(ws, settings=with_values(ws.settings, voices={"use": "mix", **voices}))


def test_other_sentences_are_the_workspaces_own_and_the_languages(tmp_path: Path) -> None:
    ws = workspace(tmp_path / "ws")
    (ws.root / "sentences.txt").write_text("lamp (red|blue|green|white) {1..90}\n")
    found = keyword_negatives.negative_sentences(ws, 100, np.random.default_rng(1))
    assert len(found) == 100
    own = [text for text in found if text.startswith("lamp ")]
    assert 45 <= len(own) <= 55
    assert len(set(found)) > 85
    random = [text for text in found if not text.startswith("lamp ")]
    assert len({word for text in random for word in text.split()}) > 100


def test_a_language_without_a_list_has_the_workspaces_sentences_alone(tmp_path: Path) -> None:
    ws = workspace(tmp_path / "ws")
    ws = dataclasses.replace(ws, settings=with_values(ws.settings, alphabet={"language": "de"}))
    (ws.root / "sentences.txt").write_text("licht an\nlicht aus\n")
    assert set(keyword_negatives.negative_sentences(ws, 10, np.random.default_rng(1))) == {"licht an", "licht aus"}


def test_voices_say_about_as_many_minutes_as_asked_for_and_no_keyword(tmp_path: Path) -> None:
    ws = workspace(tmp_path / "ws", voices=["en-us+f3"])
    (ws.root / "sentences.txt").write_text("turn it up now\n")
    files = keyword_negatives.speak_negatives(ws, 0.5)
    seconds = sum(len(audio.load(name)) for name in files) / audio.SAMPLE_RATE
    assert 15 < seconds < 45
    assert not any("up" in text.split() for text, _ in zip(keyword_negatives._endless(ws), range(300), strict=False))
    assert keyword_negatives.speak_negatives(ws, 0.5) == files
    assert keyword_negatives.speak_negatives(workspace(tmp_path / "quiet", use="never"), 0.5) == []


def test_each_recording_of_other_speech_serves_one_purpose(tmp_path: Path) -> None:
    ws = workspace(tmp_path / "ws", use="never")
    lines = ["file,transcript,speaker"]
    for number in range(8):
        name, said = f"{number}.wav", "it went up" if number == 5 else f"sentence {chr(97 + number)}"
        audio.write_wav(ws.other_speech / name, tune("low", number))
        if number < 6:
            lines.append(f"{name},{said},person {number}")
    (ws.other_speech / "recordings.csv").write_text("\n".join(lines) + "\n")
    trained = {Path(one.name).name for one in keyword_negatives.training_recordings(ws)}
    dev, test = (
        {Path(name).name for name in keyword_negatives.evaluation_recordings(ws, split)} for split in ("dev", "test")
    )
    assert trained and dev and test
    assert not (trained & dev or trained & test or dev & test)
    # A sentence that holds a keyword is no other speech, whoever says it.
    assert trained | dev | test == {f"{number}.wav" for number in range(8)} - {"5.wav"}
    names = {Path(one.name).name: one.split for one in find_recordings(ws).utterances}
    assert all(names.get(name) == "train" for name in trained)


def test_what_is_told_of_thresholds_is_what_the_hours_support() -> None:
    fitted = keyword_stream.FittedThresholds((200,), hours=2.0, accepts=0)
    # The rule of three: none in two hours supports three in two.
    assert abs(fitted.bound - 3.0 / 2.0) < 0.01
    assert keyword_stream.FittedThresholds((128,), hours=0.0, accepts=0).bound == float("inf")
