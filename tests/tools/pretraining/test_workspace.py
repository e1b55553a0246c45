"""The workspace of the pretrained weights: sentences that its notation reads, and every clip that was spoken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from asr.core import audio
from asr.core.alphabet import Alphabet
from datasets.recordings import read_csv
from lm.sentences import Templates
from tools.pretraining.workspace import fill, main


def test_every_clip_is_a_recording_and_every_sentence_is_read(tmp_path: Path) -> None:
    speech, workspace = tmp_path / "speech", tmp_path / "ws"
    (speech / "000").mkdir(parents=True)
    said = {"000/000000.wav": "it's nine o'clock", "000/000001.wav": "dim the lamp"}
    lines = [f"{name},kokoro-af_sky{number},{text},1.0" for number, (name, text) in enumerate(said.items())]
    (speech / "speech.csv").write_text("\r\n".join(["file,speaker,transcript,seconds", *lines, ""]), newline="")
    for name in said:
        audio.write_wav(speech / name, np.zeros(1600, np.float32))
    sentences, clips = fill(workspace, speech)
    found = read_csv(workspace / "recordings" / "recordings.csv", Alphabet())
    assert clips == 2 and {(one.path, one.transcript) for one in found} == {
        ((speech / name).resolve(), text) for name, text in said.items()
    }
    assert {one.speaker for one in found} == {"kokoro-af_sky0", "kokoro-af_sky1"}
    templates = Templates.read(workspace / "sentences.txt", Alphabet())
    assert templates.count() == sentences > 15_000


def test_without_speech_one_line_says_what_to_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "ws"), str(tmp_path / "none")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "python -m tools.pretraining.speech" in error
    assert not (tmp_path / "ws").exists()
