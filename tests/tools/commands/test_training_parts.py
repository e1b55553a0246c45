"""The synthetic voices of a workspace's training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from asr.core.errors import WorkspaceError
from asr.settings.template import render
from asr.settings.values import Settings, with_values
from asr.settings.workspace import Workspace
from datasets import speech
from datasets.keyword_voices import keyword_prompts
from tools.commands.steps.new_workspace import make_workspace
from tools.commands.steps.other_speech import other_utterances
from tools.commands.steps.training import _new_utterances, synthetic_voices, voices_beside_recordings

SENTENCES = "turn the light (on|off)\nturn the fan (on|off)\n"


def workspace(folder: Path, voices: dict[str, object]) -> Workspace:
    make_workspace(folder)
    toml = folder / "asr.toml"
    toml.write_text(render(with_values(Settings(), voices=voices)))
    ws = Workspace.open(folder)
    ws.sentences.write_text(SENTENCES)
    return ws


def test_slow_speakers_are_heard_with_what_they_said_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("espeakng_loader", reason="the synthetic voices' package is not installed: run `make setup`")
    monkeypatch.setattr(speech, "is_slow", lambda speaker: speaker.voice.endswith("f3"))
    voices = {"voices": ["en-us+f3", "en-us+m3"], "speakers": 4, "utterances": 5}
    ws = workspace(tmp_path / "lamp", voices)
    say = synthetic_voices(ws, 8000)
    files = {path: path.read_bytes() for path in ws.speech.rglob("*.wav")}
    assert len(files) == 5
    first, second = say(0, 12), say(1, 12)
    assert first == say(0, 12) != second
    slow = [line for line in first if line.speaker.voice.endswith("f3")]
    assert len(slow) == 6 and {line.file for line in slow} == set(files)
    assert all(line.file is None for line in first if line not in slow)
    # The file has the whole band, the utterance no high frequencies.
    samples = slow[0].samples()
    spectrum = np.abs(np.fft.rfft(samples)) ** 2
    assert spectrum[len(spectrum) * 6 // 10 :].sum() < 1e-3 * spectrum.sum()
    np.testing.assert_allclose(samples, replace(slow[0], file=None).samples(), atol=1e-4)
    assert {path: path.read_bytes() for path in ws.speech.rglob("*.wav")} == files


def test_quick_voices_say_new_sentences_beside_slow_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("espeakng_loader", reason="the synthetic voices' package is not installed: run `make setup`")
    monkeypatch.setattr(speech, "is_slow_voice", lambda voice: voice.endswith("f3"))
    ws = workspace(tmp_path / "lamp", {"voices": ["en-us+f3", "en-us+m3"], "speakers": 4, "utterances": 5})
    say = _new_utterances(ws, 16000, real=False)
    assert say is not None and {line.speaker.voice for line in say(0, 12)} == {"en-us+m3"}
    assert not list(ws.speech.rglob("*.wav")) and all(line.file is None for line in say(1, 12))
    alone = workspace(tmp_path / "slow", {"voices": ["en-us+f3"], "speakers": 40, "utterances": 5})
    say = _new_utterances(alone, 16000, real=False)
    assert say is not None and len({line.speaker.voice for line in say(0, 40)}) > 20
    # What quick voices have said is new in each training only where recordings are there as well.
    assert _new_utterances(workspace(tmp_path / "quick", {"speakers": 4}), 16000, real=False) is None


def test_a_language_without_voices_stops_no_training_on_recordings(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ws = workspace(tmp_path / "lamp", {"speakers": 2, "utterances": 3})
    assert voices_beside_recordings(ws, 16000) is not None
    ws.toml.write_text(ws.toml.read_text().replace('language = "en"', 'language = "deu"'))
    german = Workspace.open(ws.root)
    assert german.settings.alphabet.language == "deu"
    assert voices_beside_recordings(german, 16000) is None
    told = capfd.readouterr().err
    assert 'espeak-ng has no voice for the language \'deu\'. Write language = "de" below [alphabet]' in told
    assert len(other_utterances(german)(0, 5)) == 5
    assert keyword_prompts(german, lambda count, rng: []) == []
    # Voices that the user names are meant.
    named = Workspace(german.root, with_values(german.settings, voices={"voices": ["xx-yy"]}))
    with pytest.raises(WorkspaceError, match="xx-yy"):
        voices_beside_recordings(named, 16000)
