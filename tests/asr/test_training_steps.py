"""What a training hears beside the recordings."""

from __future__ import annotations

from pathlib import Path

import pytest

from asr.settings import read, render, with_values
from asr.steps.training import synthetic_voices
from asr.verbs import init
from asr.workspace import Workspace
from lm.sentences import Templates


@pytest.fixture
def lamp(tmp_path: Path) -> Workspace:
    """A workspace of sentences of six to eleven words."""
    pytest.importorskip("espeakng_loader", reason="the synthetic voices' package is not installed: run `make setup`")
    init(tmp_path / "lamp")
    (tmp_path / "lamp" / "sentences.txt").write_text(
        "stop\nturn (on|off) the light in the (hall|kitchen)\n"
        "play (jazz|rock) in the hall until (one|two) in the morning\n"
    )
    return Workspace.open(tmp_path / "lamp")


def test_voices_say_pieces_of_sentences_as_often_as_they_are_asked(lamp: Workspace) -> None:
    def said(pieces: float) -> list[str]:
        lamp.toml.write_text(render(with_values(read(lamp.toml), voices={"pieces": pieces})))
        return [line.transcript for line in synthetic_voices(Workspace.open(lamp.root))(3, 600)]

    templates = Templates.read(lamp.sentences, lamp.alphabet)
    whole = list(templates)
    assert set(said(0.0)) == set(whole)
    assert said(0.25) == said(0.25)
    # One word has no pieces.
    shares = {pieces: sum(not templates.accepts(text) for text in said(pieces)) / 400 for pieces in (0.25, 1.0)}
    assert 0.18 < shares[0.25] < 0.32 and shares[1.0] == 1.0
    every = [text for text in said(1.0) if text != "stop"]
    assert all(any(f" {text} " in f" {sentence} " for sentence in whole) for text in every)
    lengths = {len(text.split()) for text in every}
    assert lengths >= set(range(1, 10)) and max(lengths) < 11
    # They begin and end anywhere.
    assert len({text.split()[0] for text in every}) > 10 and len({text.split()[-1] for text in every}) > 10
