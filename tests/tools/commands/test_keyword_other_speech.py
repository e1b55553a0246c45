"""Recordings of other_speech/ in a keyword model: which of them serve what, and what is told of thresholds."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from asr.core import audio
from asr.settings.values import with_values
from asr.settings.workspace import Workspace
from tests.keyword_words import make_workspace, tune
from tools.commands.steps import keyword_other_speech, keyword_stream
from tools.commands.steps.keyword import find_recordings


def workspace(root: Path, **voices: object) -> Workspace:
    ws = make_workspace(root)
    return dataclasses.replace(ws, settings=with_values(ws.settings, voices={"use": "mix", **voices}))


def test_each_recording_of_other_speech_serves_one_purpose(tmp_path: Path) -> None:
    ws = workspace(tmp_path / "ws", use="never")
    lines = ["file,transcript,speaker"]
    for number in range(8):
        name, said = f"{number}.wav", "it went up" if number == 5 else f"sentence {chr(97 + number)}"
        audio.write_wav(ws.other_speech / name, tune("low", number))
        if number < 6:
            lines.append(f"{name},{said},person {number}")
    (ws.other_speech / "recordings.csv").write_text("\n".join(lines) + "\n")
    trained = {Path(one.name).name for one in keyword_other_speech.training_recordings(ws)}
    dev, test = (
        {Path(name).name for name in keyword_other_speech.evaluation_recordings(ws, split)} for split in ("dev", "test")
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
