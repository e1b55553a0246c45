"""From a folder for each word to files for a microcontroller, by one command; and what is said when that cannot be."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import log_softmax

from asr.core import audio, tables
from asr.core.errors import ModelError, RecordingsError, WorkspaceError
from asr.core.stderr import load_tensorflow
from asr.evaluation.classification import Classification
from asr.keyword import clips, examples
from asr.keyword.batches import class_weights
from asr.keyword.detect import NEVER
from asr.keyword.jobs import plan
from asr.keyword.network import SCALES, as_layers, real
from asr.keyword.shards import Reader
from asr.keyword.train import Plan, Trainer, train
from asr.layers.keyword import Layer
from asr.runs import checkpoints
from asr.settings.values import with_values
from asr.settings.workspace import Workspace
from tests import int8_networks
from tests.firmware_host import HostRunner
from tests.keyword_reference import forward
from tests.keyword_words import SMALL, SPEAKERS, make_workspace, tune, write_words
from tools.commands import verbs
from tools.commands.steps import keyword as steps
from tools.commands.steps import keyword_stream
from tools.commands.steps.keyword import find_recordings


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, str]:
    """A workspace that has been through the whole command."""
    ws = make_workspace(tmp_path_factory.mktemp("trained") / "ws")
    return ws, verbs.keyword(ws)


def plan_of(ws: Workspace, name: str, **changes: object) -> Plan:
    settings = with_values(ws.settings, keyword=changes).keyword
    place = ws.keyword / name
    return Plan(settings, ws.keyword / "features", place / "checkpoints", place / "logs")


def test_tunes_of_new_speakers_are_told_apart(trained: tuple[Workspace, str]) -> None:
    ws, told = trained
    record = json.loads((ws.reports / "keyword" / "test.json").read_text())
    clean = record["sets"]["clean"]
    # Four tunes that a child tells apart; a guess gets a third.
    assert clean["int8"]["accuracy"] > 0.85, told
    assert abs(clean["int8"]["accuracy"] - clean["float"]["accuracy"]) < 0.05
    assert "model.tflite:" in told and "stream:" in told


def test_everything_a_board_takes_is_there(trained: tuple[Workspace, str]) -> None:
    ws, _ = trained
    names = {path.name for path in ws.keyword_export.iterdir()}
    assert {"model.pb", "model.tflite", "model_float.tflite", "model.cc", "model.h", "words.txt"} <= names
    assert {"thresholds.json", "card.json"} <= names
    thresholds = json.loads((ws.keyword_export / "thresholds.json").read_text())
    assert set(thresholds) == {"up", "down"} and min(thresholds.values()) >= keyword_stream.LOWEST
    assert (ws.keyword_export / "words.txt").read_text() == "silence\nunknown\nup\ndown\n"
    card = json.loads((ws.keyword_export / "card.json").read_text())
    assert card["bytes"] == (ws.keyword_export / "model.tflite").stat().st_size < 20000
    pictures = {path.name for path in (ws.reports / "keyword").glob("*.png")}
    assert {"confusion-test-clean.png", "confusion-test-noise.png", "stream-test.png", "training.png"} <= pictures
    assert list((ws.keyword / "logs").glob("events.out.tfevents.*"))


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc to compile the firmware with")
@pytest.mark.parametrize("switches", [(), ("-DNEURAL_NETWORK_FAST=1",)])
def test_the_boards_runner_gives_the_bytes_of_the_reference_kernels(
    trained: tuple[Workspace, str], switches: tuple[str, ...], tmp_path: Path
) -> None:
    ws, _ = trained
    assert {"keyword_model.c", "keyword_model.h"} <= {path.name for path in ws.keyword_export.iterdir()}
    model = (ws.keyword_export / "model.tflite").read_bytes()
    heard = Reader(ws.keyword / "features", "test-clean").all()
    inputs = np.concatenate([heard, int8_networks.extreme_inputs(np.random.default_rng(1), 300)])
    expected = int8_networks.reference_outputs(model, inputs)
    assert len(np.unique(expected.argmax(1))) >= 3
    assert (HostRunner(model, tmp_path, *switches)(inputs) != expected).sum() == 0


def test_nothing_is_made_twice(trained: tuple[Workspace, str]) -> None:
    ws, _ = trained
    made = {path: path.stat().st_mtime_ns for path in (ws.keyword / "features").iterdir()}
    assert steps.make_features(ws) == ws.keyword / "features"
    assert {path: path.stat().st_mtime_ns for path in (ws.keyword / "features").iterdir()} == made


def test_evaluating_again_reads_the_thresholds_and_fitting_reads_dev_alone(
    trained: tuple[Workspace, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ws, _ = trained
    path = ws.keyword_export / "thresholds.json"
    before = json.loads(path.read_text()), path.stat().st_mtime_ns
    report = ws.reports / "keyword" / "stream-test.json"
    first = json.loads(report.read_text())
    none = keyword_stream.evaluate_stream(ws, "test", [NEVER, NEVER])
    # Thresholds that no score reaches miss every word and accept none.
    assert (none["missed"], none["false accepts an hour"]) == (1.0, 0.0)
    again = keyword_stream.evaluate_stream(ws, "test", keyword_stream.read_thresholds(ws))
    assert json.loads(report.read_text()) == first and again["thresholds"] == before[0]
    assert (json.loads(path.read_text()), path.stat().st_mtime_ns) == before
    keyword_stream.fit_thresholds(ws)
    assert path.stat().st_mtime_ns == before[1], "what is up to date is not fitted again"
    (ws.keyword / "thresholds.stamp.json").unlink()
    found = find_recordings(ws)
    dev = replace(found, utterances=[u for u in found.utterances if u.split == "dev"])
    monkeypatch.setattr(keyword_stream, "find_recordings", lambda _: dev)
    keyword_stream.fit_thresholds(ws)
    assert json.loads(path.read_text()) == before[0] and path.stat().st_mtime_ns > before[1]


def test_the_sets_hold_the_shares_that_were_asked_for(trained: tuple[Workspace, str]) -> None:
    ws, _ = trained
    found = find_recordings(ws)
    words = sum(u.word in ("up", "down") and u.split == "train" for u in found.utterances)
    counts = np.bincount(Reader(ws.keyword / "features", "train").labels)
    chosen = ws.settings.keyword
    assert counts[2] + counts[3] == words * chosen.passes
    assert counts[1] == pytest.approx(words * chosen.passes * chosen.unknown_percent / 100, rel=0.15)
    assert counts[0] == round(words * chosen.passes * chosen.silence_percent / 100)


def test_evaluation_features_are_those_of_the_recording(trained: tuple[Workspace, str]) -> None:
    ws, _ = trained
    table = (ws.keyword / "features" / "table.csv").read_text().splitlines()[1:]
    rows = [line.split(",") for line in table if line.startswith("test")]
    index, name = next((i, row[1]) for i, row in enumerate(rows) if row[2] == "2")
    samples = audio.load(name)
    missing = 16000 - len(samples)
    clip = np.pad(samples, (missing // 2, missing - missing // 2))
    expected = clips.features(audio.to_int16(clip), "micro").reshape(-1)
    assert np.array_equal(Reader(ws.keyword / "features", "test-clean").rows(np.array([index]))[0], expected)


def test_workers_make_what_one_process_makes(trained: tuple[Workspace, str], tmp_path: Path) -> None:
    ws, _ = trained
    found = find_recordings(ws)
    chosen = ws.settings.keyword
    given = clips.gather(found, chosen, ws.settings.augment, tmp_path / "sounds", steps.evaluation_noise(ws))
    jobs = plan(found, chosen)[::6] + [job for job in plan(found, chosen) if not job.name]
    for workers in (1, 2):
        examples.make(tmp_path / str(workers), found, given, jobs, workers)
    for name in ("train", "test-noise"):
        one, two = (Reader(tmp_path / str(workers), name) for workers in (1, 2))
        assert np.array_equal(one.all(), two.all()) and np.array_equal(one.labels, two.labels)


@pytest.mark.parametrize("teacher_width", [0, 24])
def test_a_training_that_was_killed_ends_as_if_it_had_not_been(
    trained: tuple[Workspace, str], teacher_width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ws, _ = trained
    load_tensorflow()

    def plan(name: str) -> Plan:
        return plan_of(ws, f"{name}-{teacher_width}", epochs=4, teacher_width=teacher_width)

    whole = train(plan("whole"))

    class KilledError(Exception):
        pass

    validate = Trainer.validate

    def kill(trainer: Trainer) -> dict[str, float]:
        done = int(trainer.optimizer.iterations) // trainer.batches.steps
        if done == 3 and trainer.plan.checkpoints.name != "teacher":
            raise KilledError
        return validate(trainer)

    with monkeypatch.context() as patched, pytest.raises(KilledError):
        patched.setattr(Trainer, "validate", kill)
        train(plan("parts"))
    resumed = train(plan("parts"))
    # A network that is taught gets half as many epochs again.
    assert resumed.epochs == (6 if teacher_width else 4) and resumed.best == whole.best
    assert [row["loss"] for row in resumed.curve] == pytest.approx([row["loss"] for row in whole.curve], rel=1e-3)
    for one, other in zip(whole.layers, resumed.layers, strict=True):
        if hasattr(one, "kernel"):
            assert np.allclose(one.kernel, other.kernel, atol=1e-3)
    assert (plan("whole").checkpoints / "teacher" / "best.npz").is_file() == bool(teacher_width)


def test_a_network_learns_what_its_teacher_makes_of_a_clip(trained: tuple[Workspace, str]) -> None:
    ws, _ = trained
    load_tensorflow()
    sure = np.array([0.1, 0.1, 0.1, 0.7], np.float32)

    def sure_of_the_last_word(features: Any, training: bool) -> Any:
        del training
        return np.log(sure)[None, :] + 0.0 * features[:, :4]

    heard = []
    for name, teacher in (("labels", None), ("teacher", sure_of_the_last_word)):
        trainer = Trainer(plan_of(ws, name, epochs=4, dropout=0.0), teacher)
        trainer.run()
        # The weights that learn, not their mean of the best epoch.
        last = checkpoints.load(trainer.plan.checkpoints / "last.npz").arrays
        for variable, array in zip(trainer.variables, last, strict=True):
            variable.assign(array)
        rows = trainer.train.all().astype(np.float32) + 128.0
        # With the batch's own statistics: so few steps leave the running ones behind.
        logits = np.asarray(trainer.network(rows * SCALES["micro"] * trainer.scale, training=True))
        likelihood = np.exp(logits - logits.max(axis=1, keepdims=True))
        heard.append((likelihood / likelihood.sum(axis=1, keepdims=True)).mean(axis=0))
    labels, taught = heard
    assert taught.argmax() == 3 and np.abs(taught - sure).sum() < 0.5 * np.abs(labels - sure).sum(), heard


def test_what_is_kept_lets_devs_classes_come_out_as_often_as_they_are_there(trained: tuple[Workspace, str]) -> None:
    ws, _ = trained
    load_tensorflow()
    trainer = Trainer(plan_of(ws, "corrected", epochs=2))
    kept = trainer.run().layers
    rows = np.concatenate([reader.all() for reader in trainer.dev.values()])
    labels = np.concatenate([reader.labels for reader in trainer.dev.values()])

    def surplus(layers: list[Layer]) -> float:
        logits = forward(layers, real(rows, "micro"))
        chances = np.exp(log_softmax(logits.reshape(len(rows), -1), axis=1))
        return float(np.abs(chances.sum(axis=0) - np.bincount(labels, minlength=chances.shape[1])).sum())

    trainer.network.set_weights(checkpoints.load(trainer.plan.checkpoints / "best.npz").arrays)
    assert surplus(kept) < 0.5 * surplus(as_layers(trainer.network, trainer.scale))


def test_tensorboard_shows_curves_and_clips_of_each_class(trained: tuple[Workspace, str]) -> None:
    load_tensorflow()
    from tensorflow.python.summary.summary_iterator import summary_iterator

    ws, _ = trained
    tags: Counter[str] = Counter()
    for path in (ws.keyword / "logs").rglob("*tfevents*"):
        tags.update(value.tag for event in summary_iterator(str(path)) for value in event.summary.value)
    assert {f"clips of {name}" for name in ("silence", "unknown", "up", "down")} <= set(tags)
    assert tags["loss"] == tags["noise"] == SMALL["epochs"]


def test_an_epoch_hears_no_more_clips_than_it_was_told(trained: tuple[Workspace, str]) -> None:
    ws, _ = trained
    load_tensorflow()
    few = Trainer(plan_of(ws, "few", epoch_clips=40, batch_size=16))
    assert few.batches.steps == 2 < Trainer(plan_of(ws, "all", batch_size=16)).batches.steps


def test_training_ends_early_where_nothing_gets_better(trained: tuple[Workspace, str]) -> None:
    ws, _ = trained
    result = Trainer(plan_of(ws, "early", epochs=50, early_stop_patience=2, learning_rate=1e-7)).run()
    assert result.epochs < 50 and result.epochs - result.best == 2


def test_rare_words_count_for_more() -> None:
    weights = class_weights(np.repeat([0, 1, 2, 3], [50, 100, 30, 10]).astype(np.uint8), 4)
    assert weights[3] == pytest.approx(3 * weights[2])
    assert weights[0] == weights[1]
    assert float(weights @ [50, 100, 30, 10]) == pytest.approx(190)


def test_a_model_of_other_words_is_refused(trained: tuple[Workspace, str]) -> None:
    ws, _ = trained
    with pytest.raises(ModelError, match=r"the model knows silence, unknown, up, down, and asr.toml asks for"):
        steps.check_words(ws.keyword_export, ("silence", "unknown", "down", "up"))


def test_wilsons_interval_is_the_textbooks() -> None:
    # Brown, Cai and DasGupta, Interval Estimation for a Binomial Proportion (2001): Wilson's for 15 of 20.
    found = Classification.of("x", ("a", "b"), np.repeat([0, 1], [15, 5]), np.tile([1, 0], (20, 1)))
    low, high = found.interval
    assert (low, high) == (pytest.approx(0.531, abs=1e-3), pytest.approx(0.888, abs=1e-3))


# ------------------------------------------------------------------------------------------------ recordings


def test_speech_longer_than_a_second_is_cut_with_a_remark(tmp_path: Path) -> None:
    ws = make_workspace(tmp_path / "ws", takes=1, passes=1)
    long = ws.recordings / "up" / "00000009_nohash_7.wav"
    speech = np.concatenate([np.zeros(8000, np.int16), np.tile(tune("up", 9), 5), np.zeros(8000, np.int16)])
    audio.write_wav(long, speech)
    features = steps.make_features(Workspace.open(ws.root))
    assert any("1 recordings of words hold more than a second" in remark for remark in steps.remarks_of(features))


def test_broken_recordings_are_rejected_with_their_reason(tmp_path: Path) -> None:
    ws = make_workspace(tmp_path / "ws", takes=1, passes=1)
    (ws.recordings / "up" / "00000001_nohash_0.wav").write_bytes(b"RIFF and nothing else")
    audio.write_wav(ws.recordings / "up" / "00000002_nohash_0.wav", np.zeros(16000, np.int16))
    features = steps.make_features(ws)
    table = (features / "rejected.csv").read_text()
    assert "00000001_nohash_0.wav" in table and "00000002_nohash_0.wav,it is silent" in table
    assert any("2 recordings were rejected" in remark for remark in steps.remarks_of(features))


def test_an_archive_gives_what_its_folder_gives(tmp_path: Path) -> None:
    write_words(tmp_path / "sc", 1)
    hum = np.random.default_rng(1).normal(0, 900, 20000).astype(np.int16)
    audio.write_wav(tmp_path / "sc" / "_background_noise_" / "hum.wav", hum)
    for name, chosen in (("validation_list.txt", (1, 2)), ("testing_list.txt", (3, 4))):
        rows = [f"{word}/{n:08x}_nohash_0.wav" for word in ("up", "down", "low") for n in chosen]
        (tmp_path / "sc" / name).write_text("\n".join(rows))
    with tarfile.open(tmp_path / "sc.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "sc", ".")
    with tarfile.open(tmp_path / "sc.tar", "w") as tar:
        tar.add(tmp_path / "sc", ".")
    found, heard = {}, {}
    for name in ("sc", "sc.tar.gz", "sc.tar"):
        ws = make_workspace(tmp_path / f"ws-{name}", takes=0, corpus=str(tmp_path / name), passes=2)
        told = verbs.import_corpus("speech-commands", tmp_path / name, ws.root)
        assert f"train: {np.bincount(Reader(ws.keyword / 'features', 'train').labels).sum()} clips" in told
        reader = Reader(ws.keyword / "features", "test-clean")
        found[name] = sorted(map(bytes, reader.all()[reader.labels > 1]))
        assert len(found[name]) == 4
        assert not list(ws.root.rglob("*_nohash_*.wav")) or "." in name
        with keyword_stream.unpacked(ws, find_recordings(ws), "test") as there:
            background, _, placed = keyword_stream.streams(ws, there, "test")
        heard[name] = (len(background), sorted(place.word for place in placed))
    assert found["sc"] == found["sc.tar.gz"] == found["sc.tar"]
    assert heard["sc"] == heard["sc.tar.gz"] == heard["sc.tar"] and heard["sc"][1] == [2, 2, 3, 3]


def test_new_noise_makes_new_clips(tmp_path: Path) -> None:
    ws = make_workspace(tmp_path / "ws", takes=1, passes=1)
    hum = np.random.default_rng(1).normal(0, 900, 20000).astype(np.int16)

    def made() -> bytes:
        return (steps.make_features(ws) / "stamp.json").read_bytes()

    stamps = [made()]
    for place in ("background_noise", "test_noise"):
        audio.write_wav(ws.root / place / "hum.wav", hum)
        stamps.append(made())
    assert len(set(stamps)) == 3 and made() == stamps[-1]
    rows = tables.read(ws.keyword / "features" / "table.csv", ModelError, columns=("noise",))
    assert {row["noise"] for _, row in rows} == {"test noise"}


def test_import_makes_a_workspace_and_leaves_an_existing_one_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two hundred speakers would take minutes; test_keyword_voices.py hears some.
    monkeypatch.setattr("datasets.keywords.keyword_prompts", lambda ws, sentences: [])
    source = tmp_path / "sc"
    write_words(source, 1)
    for old, new in (("up", "yes"), ("down", "no")):
        (source / old).rename(source / new)
    told = verbs.import_corpus("speech-commands", source, tmp_path / "new")
    assert "next: asr keyword" in told
    assert Workspace.open(tmp_path / "new").settings.keyword.corpus == str(source)
    ws = make_workspace(tmp_path / "ws", takes=1)
    before = ws.toml.read_text()
    with pytest.raises(WorkspaceError, match=r"keyword.corpus is empty. Write corpus = "):
        verbs.import_corpus("speech-commands", source, ws.root)
    assert ws.toml.read_text() == before
    with pytest.raises(WorkspaceError, match="no corpus is called 'common-voice'"):
        verbs.import_corpus("common-voice", source, ws.root)
    with pytest.raises(WorkspaceError, match=r"neither a folder nor a .tar.gz"):
        verbs.import_corpus("speech-commands", tmp_path / "nowhere", ws.root)


def test_a_class_of_which_nothing_can_be_read_is_named(tmp_path: Path) -> None:
    ws = make_workspace(tmp_path / "ws", takes=1, passes=1)
    for path in (ws.recordings / "up").iterdir():
        path.write_bytes(b"noise")
    with pytest.raises(RecordingsError, match="no recording of 'up' for train can be read"):
        steps.make_features(ws)
    assert len(list((ws.recordings / "up").iterdir())) == SPEAKERS
