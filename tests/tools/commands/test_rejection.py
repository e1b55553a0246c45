"""Other speech for a training, and the verifier's fit to outcomes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from asr.augment.background import Background
from asr.core import audio
from asr.core.alphabet import Alphabet
from asr.rejection.examples import COMMAND, Outcome
from asr.runtime.confidence import NAMES
from asr.runtime.recogniser import Recognition
from asr.settings.workspace import Workspace
from datasets.speech import SyntheticUtterance
from lm.sentences import Templates
from tools.commands.steps.other_speech import other_utterances, transcribed
from tools.commands.steps.rejection import fit_to, is_right

TEMPLATES = Templates.parse("[SetLight]\nturn (a|the) {room} light on\n{room} = (kitchen|hall)\n", Alphabet())


def workspace(folder: Path, sentences: str = "turn on the light\nturn off the light\n") -> Workspace:
    (folder / "asr.toml").write_text("[voices]\nspeakers = 6\nflite_share = 0.0\n", encoding="utf-8")
    (folder / "sentences.txt").write_text(sentences, encoding="utf-8")
    return Workspace.open(folder)


def test_other_speech_has_its_true_transcript_and_noise_none(tmp_path: Path) -> None:
    made = other_utterances(workspace(tmp_path))(0, 200)
    again = other_utterances(workspace(tmp_path))(0, 200)
    assert [one.transcript for one in made] == [one.transcript for one in again]
    spoken = [one for one in made if isinstance(one, SyntheticUtterance)]
    noise = [one for one in made if isinstance(one, Background)]
    assert len(spoken) + len(noise) == 200 and 10 < len(noise) < 60
    assert all(one.transcript for one in spoken) and not any(one.transcript for one in noise)
    assert not {one.transcript for one in spoken} & {"turn on the light", "turn off the light"}
    assert len({one.speaker.name for one in spoken}) == 6


def test_half_of_the_transcribed_speakers_are_kept_for_the_verifier(tmp_path: Path) -> None:
    ws = workspace(tmp_path)
    ws.other_speech.mkdir()
    rows = ["file,transcript,speaker"]
    for number in range(40):
        tone = 0.3 * np.sin(np.arange(16000) * 0.1 * (1 + number / 40))
        audio.write_wav(ws.other_speech / f"{number}.wav", tone.astype(np.float32))
        rows.append(f"{number}.wav,good morning,speaker {number}")
    (ws.other_speech / "recordings.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    training, kept = (transcribed(ws, training=which) for which in (True, False))
    assert len(training) + len(kept) == 40 and 10 < len(training) < 30
    assert not {one.speaker for one in training} & {one.speaker for one in kept}
    made = other_utterances(ws)(0, 300)
    heard = {one.path for one in made if hasattr(one, "path")}
    assert len(heard) > 5


def answered(kind: str, said: str | None, text: str, slots: dict[str, str], evidence: float, counted: bool) -> Outcome:
    values = tuple([evidence] * len(NAMES))
    answer = Recognition(text, "SetLight", slots, (), "", None, None, evidence=values)
    return Outcome(kind, said, answer, 3.0, counted)


def test_right_is_the_same_intent_with_the_same_slots() -> None:
    def right(said: str | None, text: str, room: str) -> bool:
        return is_right(TEMPLATES, answered(COMMAND, said, text, {"room": room}, 0.0, False))

    assert right("turn the hall light on", "turn the hall light on", "hall")
    assert right("turn the hall light on", "turn a hall light on", "hall")
    assert not right("turn the hall light on", "turn the kitchen light on", "kitchen")
    assert not right(None, "turn the hall light on", "hall")
    assert not right("turn hall light on", "turn the hall light on", "hall")


@pytest.mark.parametrize("per_hour", [0.5, 20.0])
def test_the_threshold_parts_commands_from_other_speech(per_hour: float) -> None:
    rng = np.random.default_rng(1)
    said = "turn the hall light on"
    outcomes = [answered(COMMAND, said, said, {"room": "hall"}, float(x), False) for x in rng.normal(5, 1, 300)]
    outcomes += [answered("near miss", None, said, {}, float(x), False) for x in rng.normal(1, 1, 300)]
    outcomes += [answered("other speech", "x", said, {}, float(x), True) for x in rng.normal(0, 1, 1200)]
    fit = fit_to(TEMPLATES, outcomes, per_hour)
    assert fit.hours == pytest.approx(1.0)
    assert fit.false_accepts <= per_hour
    confidence = np.array([fit.verifier.confidence(np.array(one.answer.evidence)) for one in outcomes[:300]])
    assert np.mean(confidence >= fit.verifier.threshold) > (0.6 if per_hour < 1 else 0.9)


@pytest.mark.parametrize("voices", ['[voices]\nuse = "never"\n', '[alphabet]\nlanguage = "deu"\n'])
def test_without_voices_there_is_noise_alone(tmp_path: Path, voices: str) -> None:
    workspace(tmp_path)
    (tmp_path / "asr.toml").write_text(voices, encoding="utf-8")
    made = other_utterances(Workspace.open(tmp_path))(0, 30)
    assert len(made) == 30 and all(isinstance(one, Background) for one in made)
