"""A training that hears other sentences in the recordings' voices: from the workspace to the epochs."""

from __future__ import annotations

import csv
import os
from dataclasses import replace

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest

from asr import audio
from asr.augment.splices import Spliced
from asr.errors import ModelError, RecordingsError
from asr.settings import Settings, render, with_values
from asr.steps import preparing
from asr.steps.splicing import write_examples
from asr.steps.training import make_plan, start_weights
from asr.verbs import hear
from asr.workspace import Workspace
from datasets.speech import Speaker, speak

VOICES = {"ann": "en-us+f3", "bob": "en-us+m3", "cid": "en-gb-x-rp+m1", "dan": "en-gb-scotland+m7"}
SENTENCES = "(turn|switch) the (kitchen|bedroom) (light|heater) (on|off) (please|now)"
SETTINGS = with_values(
    Settings(),
    recordings={"folder": "recordings.csv"},
    voices={"use": "never"},
    split={"train_speakers": ("ann", "bob"), "dev_speakers": ("cid",), "test_speakers": ("dan",)},
    train={
        "network": "deepspeech-conv", "n_hidden": 320, "start_from": "english", "spliced_share": 0.5,
        "epoch_utterances": 1, "heard_in": 1,
    },
)  # fmt: skip


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    root = tmp_path_factory.mktemp("spliced")
    (root / "sentences.txt").write_text(SENTENCES)
    (root / "asr.toml").write_text(render(SETTINGS))
    texts = list(preparing.read_templates(Workspace.open(root)))[::3]
    with (root / "recordings.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "transcript", "speaker"])
        for name, voice in VOICES.items():
            for number, text in enumerate(texts):
                audio.write_wav(root / f"{name}{number}.wav", speak(text, Speaker(name, voice, 110, 50)))
                rows.writerow([f"{name}{number}.wav", text, name])
    return Workspace.open(root)


def test_half_of_what_an_epoch_hears_is_a_new_sentence_of_the_same_speaker(
    ws: Workspace, capfd: pytest.CaptureFixture[str]
) -> None:
    from asr.ctc.train import Trainer

    prepared = preparing.prepare(ws)
    plan, _ = make_plan(ws, prepared)
    trainer = Trainer(plan)
    told = capfd.readouterr().err
    assert "cut into words: 22 clips; 2 of 2 speakers' words make other sentences" in told
    templates = preparing.read_templates(ws)
    speakers = {ws.clips / clip.clip: clip.speaker for clip in prepared.of("train")}
    said = {(clip.speaker, clip.transcript) for clip in prepared.of("train")}
    hearings = [hearing for number in range(20) for hearing in trainer.supply.epoch(number).hearings]
    joined = [hearing for hearing in hearings if isinstance(hearing.source, Spliced)]
    assert len(joined) == pytest.approx(len(hearings) / 2, rel=0.15)
    for hearing in joined:
        source = hearing.source
        assert isinstance(source, Spliced)
        whose = speakers[plan.train[hearing.place].path]
        assert {speakers[piece.path] for piece in source.pieces} == {whose}
        assert templates.accepts(source.transcript) and (whose, source.transcript) not in said
        assert 1 < source.seconds < 6
    # A training that goes on after a kill cuts at the same places, for it aligns before it reads its checkpoint.
    again = Trainer(make_plan(ws, prepared)[0])
    assert again.supply.epoch(7) == trainer.supply.epoch(7)
    # A learning curve trains on a part.
    part = replace(plan, train=plan.train[::2], features=ws.build / "part")
    supply = Trainer(part).supply
    heard = [one for number in range(9) for one in supply.epoch(number).hearings]
    pieces = {piece.path for one in heard if isinstance(one.source, Spliced) for piece in one.source.pieces}
    assert pieces and pieces <= {clip.path for clip in part.train}
    # They can be heard by a worker.
    features = plan.recipe.features(joined[0])
    assert features.shape[1] > 50 and np.isfinite(features).all()


def test_without_weights_nothing_can_be_cut(ws: Workspace) -> None:
    ws.toml.write_text(render(with_values(SETTINGS, train={"start_from": ""})))
    try:
        with pytest.raises(ModelError, match=r"asr\.toml: train\.spliced_share needs weights .* train\.start_from, or"):
            make_plan(Workspace.open(ws.root), preparing.prepare(ws))
    finally:
        ws.toml.write_text(render(SETTINGS))


def test_a_person_can_hear_what_would_be_joined(ws: Workspace) -> None:
    folder = ws.reports / "hear"
    told = hear(ws, 3, play=False, spliced=True).splitlines()
    joined = sorted(folder.glob("joined-*.wav"))
    one, two, three = (path.stem.rpartition("-")[2] for path in joined)
    assert {one, two} == {"ann", "bob"} and three == one
    templates = preparing.read_templates(ws)
    for path, line in zip(joined, told, strict=False):
        name, _, said = line.partition(": ")
        assert name == path.name and templates.accepts(said)
        assert 1 < len(audio.read_wav(path)) / audio.SAMPLE_RATE < 6
    assert len(list(folder.glob("0?-joined-*.wav"))) == 3 and (folder / "examples.png").is_file()


def test_words_that_make_no_other_sentence_are_told(ws: Workspace) -> None:
    prepared = preparing.prepare(ws)
    start, _ = start_weights(ws)
    ws.sentences.write_text("stop")
    try:
        with pytest.raises(RecordingsError, match=r"sentences\.txt: nobody's words make another sentence"):
            write_examples(ws, prepared, start, 3, ws.reports)
    finally:
        ws.sentences.write_text(SENTENCES)
