"""What a workspace's training is made of: competitors of its sentences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from asr.settings import read, render, with_values
from asr.steps.training import competitors
from asr.verbs import init
from asr.workspace import Workspace
from datasets.clips import Clip
from datasets.prepare import Prepared

SENTENCES = "turn the light (on|off)\nturn the fan (on|off)\n"


def workspace(folder: Path, **train: float) -> Workspace:
    init(folder)
    toml = folder / "asr.toml"
    toml.write_text(render(with_values(read(toml), train=train)))
    ws = Workspace.open(folder)
    ws.sentences.write_text(SENTENCES)
    return ws


def said(*transcripts: str) -> Prepared:
    clips = [
        Clip(f"{number}.wav", f"/far/{number}.wav", "ann", text, 1.0, False)
        for number, text in enumerate(transcripts)
    ]
    return Prepared([*clips, clips[0]], (*("train" for _ in clips), "dev"), [], "speaker", ())


@pytest.mark.parametrize("train", [{}, {"competitors": 6, "competition": 0.0}])
def test_there_are_none_unless_asked_for(tmp_path: Path, train: dict[str, float]) -> None:
    assert competitors(workspace(tmp_path / "lamp", **train), said("turn the light on")) is None


def test_they_are_of_the_workspace_s_own_sentences(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ws = workspace(tmp_path / "lamp", competitors=6)
    draw = competitors(ws, said("turn the light on", "turn the fan on"))
    assert draw is not None
    found = draw("turn the light on", 6, np.random.default_rng(1))
    assert sorted(found) == ["turn the fan on", "turn the light off"]
    assert "competitors" not in capsys.readouterr().err


def test_transcripts_that_are_no_sentences_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ws = workspace(tmp_path / "lamp", competitors=6)
    draw = competitors(ws, said("turn the light on", "lights please", "lights please"))
    assert draw is not None and draw("lights please", 6, np.random.default_rng(1)) == []
    told = capsys.readouterr().err
    assert "1 of 2 transcripts are no sentences of sentences.txt: they have no competitors (train.competitors)" in told
