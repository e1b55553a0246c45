"""What a later command makes of what an earlier one left: stopped runs, other runs' models, other noise, other first
weights. The runs are real records with untrained weights; the export, the client and the figures are the real ones."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asr.core import audio
from asr.core.alphabet import ENGLISH
from asr.core.errors import ModelError, WorkspaceError
from asr.core.files import write_text
from asr.evaluation.wording import percent
from asr.runs.record import Run, list_runs
from asr.settings.template import render
from asr.settings.values import Settings, with_values
from asr.settings.workspace import Workspace
from export.model_file import read_metadata
from tools.commands import verbs
from tools.commands.steps import evaluation
from tools.commands.steps.inputs import build_dataset, make_scorer
from tools.commands.steps.lineage import best_checkpoint, data_fingerprint, find_same_run
from tools.commands.steps.pretrained import origin, start_weights

pytestmark = pytest.mark.usefixtures("parts")
SMALL = with_values(
    Settings(),
    voices={"speakers": 12, "utterances": 24},
    train={"n_hidden": 8, "epochs": 3},
    evaluate={"noise": False, "beam_width": 50},
    rejection={"minutes": 1.0},
)


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with clips, to be copied."""
    root = tmp_path_factory.mktemp("spoken") / "lamp"
    root.mkdir()
    (root / "sentences.txt").write_text("turn on the light\nturn off the light\n")
    (root / "recordings").mkdir()
    write_text(root / "asr.toml", render(SMALL))
    build_dataset(Workspace.open(root))
    return root


@pytest.fixture
def ws(spoken: Path, tmp_path: Path) -> Workspace:
    return Workspace.open(shutil.copytree(spoken, tmp_path / "lamp"))


@pytest.fixture(scope="module")
def measured(spoken: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a finished run, exported and evaluated, to be copied."""
    ws = Workspace.open(shutil.copytree(spoken, tmp_path_factory.mktemp("measured") / "lamp"))
    finished(ws)
    return ws.root


@pytest.fixture
def done(measured: Path, tmp_path: Path) -> Workspace:
    return Workspace.open(shutil.copytree(measured, tmp_path / "lamp"))


def edited(ws: Workspace, **sections: dict[str, Any]) -> Workspace:
    write_text(ws.toml, render(with_values(SMALL, **sections)))
    return Workspace.open(ws.root)


def trained(ws: Workspace, seed: int = 1) -> Run:
    """Return a run of the workspace's settings with weights of its own, as an epoch of training leaves it."""
    import keras

    from asr.ctc.network import build, normalisation
    from asr.runs import checkpoints

    make_scorer(ws)
    run = Run.start(ws.runs, ws.settings.as_dict(), data=data_fingerprint(ws, build_dataset(ws)))
    keras.utils.set_random_seed(seed)
    network = build(replace(ws.settings.train, seed=seed), ws.alphabet.size, np.zeros(26), np.ones(26))
    arrays = [np.asarray(value, np.float32) * 2 for value in network.get_weights()]
    checkpoints.save(best_checkpoint(ws, run), arrays, {"epoch": 0, "dev_loss": 1.0, **normalisation(network)})
    run.epoch({"epoch": 1, "loss": 1.0, "dev_loss": 1.0})
    return run


def finished(ws: Workspace, seed: int = 1) -> Run:
    run = trained(ws, seed)
    verbs.export(ws, run.id)
    verbs.evaluate(ws)
    run = Run.load(run.folder)
    run.end("finished")
    return run


def only_run(ws: Workspace) -> Run:
    (run,) = list_runs(ws.runs)
    return run


def model(ws: Workspace) -> str:
    return hashlib.sha256(ws.model.read_bytes()).hexdigest()


def test_a_stopped_run_can_be_measured_and_is_still_to_be_gone_on_with(ws) -> None:
    run = trained(ws)
    run.end("stopped")
    ended = run.ended
    verbs.export(ws)
    verbs.evaluate(ws)
    (after,) = list_runs(ws.runs)
    assert after.figures["synthetic"]["clean"]["utterances"] > 0
    assert (after.status, after.ended) == ("stopped", ended)
    same = find_same_run(ws, data_fingerprint(ws, build_dataset(ws)), {})
    assert same is not None and same.id == run.id


def test_going_back_to_earlier_settings_brings_their_model_back(done, capfd) -> None:
    ws, first = done, only_run(done)
    model_of_first = model(ws)
    other = edited(ws, train={"n_hidden": 8, "epochs": 3, "learning_rate": 0.002})
    finished(other, seed=2)
    assert model(ws) != model_of_first
    back = edited(ws)
    capfd.readouterr()
    verbs.train(back)
    told = capfd.readouterr()
    assert f"nothing has changed since run {first.id}" in told.err and "exported again" in told.err
    wer = Run.load(first.folder).figures["synthetic"]["clean"]["wer"]
    assert percent(wer) in told.out and "clean" in told.out
    assert model(ws) == model_of_first and first.id in ws.card.read_text()
    # And once more: now there is nothing to do.
    verbs.train(back)
    assert "exported again" not in capfd.readouterr().err


def test_another_beam_width_is_exported_and_measured(done, capfd) -> None:
    ws, run = done, only_run(done)
    assert read_metadata(ws.model).beam_width == 50
    verbs.train(edited(ws, evaluate={"noise": False, "beam_width": 60}))
    assert "evaluating again" in capfd.readouterr().err
    assert read_metadata(ws.model).beam_width == 60
    assert Run.load(run.folder).settings["evaluate"]["beam_width"] == 60


def test_noise_counts_as_what_it_is(done, capfd) -> None:
    ws = done
    noisy = edited(ws, evaluate={"noise": True, "noise_levels": (6.0,), "beam_width": 50})
    verbs.evaluate(noisy)
    run = only_run(ws)
    assert "clatter" not in json.dumps(run.figures) and run.noise == []
    sound = np.random.default_rng(0).normal(0, 0.1, 32000).astype(np.float32)
    # What macOS leaves beside a file, and a folder that is called like one, are no sounds.
    for name in ("fan.m4a", "fan.wav", "._fan.wav"):
        (ws.root / "test_noise").mkdir(exist_ok=True)
        (ws.root / "test_noise" / name).write_bytes(b"no sound")
    (ws.root / "test_noise" / "fan.m4a").unlink()
    (ws.root / "test_noise" / "folder.wav").mkdir()
    (ws.root / "test_noise" / "gone.wav").symlink_to("nowhere.wav")
    audio.write_wav(ws.root / "test_noise" / "fan.wav", sound)
    data = data_fingerprint(noisy, build_dataset(noisy))
    capfd.readouterr()
    verbs.train(noisy)
    told = capfd.readouterr().err
    assert "evaluating again" in told and "noise: 1 sounds in test_noise (to test with)" in told
    assert "test noise 6 dB" in Run.load(run.folder).figures["synthetic"]
    verbs.train(noisy)
    assert "evaluating again" not in capfd.readouterr().err
    # Noise to train with makes other data.
    assert data == run.data
    (ws.root / "background_noise").mkdir()
    audio.write_wav(ws.root / "background_noise" / "fan.wav", sound)
    assert data_fingerprint(noisy, build_dataset(noisy)) != data
    off = with_values(noisy.settings, augment={"enabled": False})
    assert data_fingerprint(Workspace(ws.root, off), build_dataset(noisy)) == data


def test_a_folder_of_noise_that_is_not_there_is_named(ws) -> None:
    for changed, complaint in (
        ({"augment": {"noise_folders": ("kitchen",)}}, "augment.noise_folders names 'kitchen', and there"),
        ({"evaluate": {"noise_folder": "~/no kitchen"}}, "evaluate.noise_folder names '~/no kitchen', and there"),
    ):
        with pytest.raises(WorkspaceError, match=rf"asr\.toml:\d+: {complaint} is no such folder"):
            verbs.train(edited(ws, **changed))
    assert not list_runs(ws.runs)
    # An empty name is none, not the whole workspace with its recordings.
    from tools.commands.steps.noise import evaluation_noise_folder, noise_folders

    empty = edited(ws, augment={"noise_folders": ("",)}, evaluate={"noise_folder": ""})
    assert evaluation_noise_folder(empty) is None and noise_folders(empty) == []


def test_another_alphabet_is_no_silent_nonsense(done) -> None:
    ws, run = done, only_run(done)
    before = (run.folder / "run.json").read_bytes()
    other = edited(ws, alphabet={"labels": ENGLISH[::-1]})
    for verb in (verbs.evaluate, verbs.tune_scorer):
        with pytest.raises(ModelError, match=r"output_graph\.pbmm: this model was trained with another alphabet"):
            verb(other)
    assert (run.folder / "run.json").read_bytes() == before


def test_what_fails_after_the_client_has_heard_everything_is_made_good(done, monkeypatch, capfd) -> None:
    ws, run = done, only_run(done)
    edited(ws, evaluate={"noise": False, "beam_width": 50, "seed": 2})
    changed = Workspace.open(ws.root)

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(evaluation, "write_card", full)
        with pytest.raises(OSError, match="No space"):
            verbs.train(changed)
    assert Run.load(run.folder).settings["evaluate"]["seed"] == 1
    capfd.readouterr()
    verbs.train(changed)
    assert "evaluating again" in capfd.readouterr().err
    # So is a report that somebody deleted.
    (page,) = ws.reports.glob("*-test/index.html")
    page.unlink()
    verbs.train(changed)
    assert "evaluating again" in capfd.readouterr().err and page.is_file()


def test_a_run_that_started_from_the_last_one_does_not_start_from_itself(ws) -> None:
    first = trained(ws)
    next_ = edited(ws, train={"n_hidden": 8, "epochs": 3, "start_from": "last", "learning_rate": 0.01})
    _, parent = start_weights(next_)
    assert parent == first.id
    stopped = Run.start(ws.runs, next_.settings.as_dict(), parent=parent)
    start, again = start_weights(next_, stopped)
    assert again == first.id and start is not None and start.name == first.id
    # Where it has a checkpoint of its own, it needs the first run no more.
    (ws.checkpoints / stopped.id).mkdir()
    (ws.checkpoints / stopped.id / "last.npz").write_bytes(b"")
    best_checkpoint(ws, first).unlink()
    assert start_weights(next_, stopped) == (None, first.id)


def test_first_weights_are_known_by_what_they_are(done) -> None:
    ws = done
    there = ws.root / "first.pbmm"
    there.write_bytes(ws.model.read_bytes())
    begun = edited(ws, train={"n_hidden": 8, "epochs": 3, "start_from": "first.pbmm"})
    told = origin(begun)
    assert told == {"sha256": hashlib.sha256(there.read_bytes()).hexdigest()}
    # Our exports name their run.
    exported = edited(ws, train={"n_hidden": 8, "epochs": 3, "start_from": "build/export/output_graph.pbmm"})
    assert origin(exported)["run"] == list_runs(ws.runs)[0].id
    data = data_fingerprint(begun, build_dataset(begun))
    run = Run.start(ws.runs, begun.settings.as_dict(), data=data, parent=str(there), origin=told)
    assert (found := find_same_run(begun, data, told)) is not None and found.id == run.id
    verbs.export(exported)
    there.write_bytes(there.read_bytes() + b"\0" * 8)
    assert find_same_run(begun, data, origin(begun)) is None


@pytest.mark.parametrize(
    ("train", "complaint"),
    [
        ({"freeze": ("layer_9",)}, r'train\.freeze = \["layer_9"\]: no layer is called .* The layers are layer_1'),
        ({"n_hidden": 16}, r'train\.start_from = "first\.pbmm": layer_1 is .* Set train\.network to .*n_hidden to 8'),
        ({"start_from": "notes.pb"}, r'train\.start_from = "notes\.pb": .* Name a run .* or english$'),
    ],
)
def test_first_weights_that_do_not_fit_leave_no_run_behind(done, train, complaint) -> None:
    ws = done
    (ws.root / "first.pbmm").write_bytes(ws.model.read_bytes())
    (ws.root / "notes.pb").write_text("remember the milk\n")
    wrong = edited(ws, train={"n_hidden": 8, "epochs": 3, "start_from": "first.pbmm", **train})
    with pytest.raises(ModelError, match=rf"asr\.toml:\d+: {complaint}"):
        verbs.train(wrong)
    assert len(list_runs(ws.runs)) == 1


def test_a_kill_in_the_middle_of_a_scorer_leaves_none_that_counts(ws, monkeypatch) -> None:
    from asr.core.stamps import Stamp

    make_scorer(ws)
    before, sentences = ws.scorer.read_bytes(), ws.sentences.read_text()
    ws.sentences.write_text("open the door\n")

    def interrupted(stamp: Stamp) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Stamp, "set", interrupted)
        with pytest.raises(KeyboardInterrupt):
            make_scorer(ws)
    assert ws.scorer.read_bytes() != before
    ws.sentences.write_text(sentences)
    make_scorer(ws)
    assert ws.scorer.read_bytes() == before
