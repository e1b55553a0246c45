"""A workspace from its sentences to a tested model, through the real client; and what happens on the way."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from asr.settings.template import render
from asr.settings.values import Settings, with_values
from asr.settings.workspace import Workspace

REPOSITORY = Path(__file__).resolve().parents[3]
SMALL = with_values(
    Settings(),
    voices={"speakers": 4, "utterances": 40},
    split={"train": 0.5, "dev": 0.25, "test": 0.25},
    train={
        "network": "deepspeech-conv", "n_hidden": 16, "epochs": 1, "epoch_utterances": 20, "average": 1,
        "curriculum": 0,
    },
    augment={"room_probability": 0.0, "noise_probability": 0.0},
    evaluate={"noise": False, "beam_width": 50},
    rejection={"minutes": 1.0},
)  # fmt: skip
SENTENCES = "turn (on|off) the (light|fan|heating)\n(open|close) the (door|window)\nstop\n"


def asr(*arguments: str | Path, limit: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the command; `limit` is the largest file it may write, bytes."""
    shell = f"ulimit -f {limit // 1024}; trap '' XFSZ; " if limit else ""
    command = [sys.executable, "-m", "tools.commands.cli", *map(str, arguments)]
    return subprocess.run(
        ["bash", "-c", f'{shell}exec "$@"', "-", *command],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "COLUMNS": "160"},
    )


def make_workspace(root: Path, settings: Settings = SMALL) -> Workspace:
    root.mkdir()
    (root / "sentences.txt").write_text(SENTENCES)
    (root / "asr.toml").write_text(render(settings))
    (root / "recordings").mkdir()
    (root / "notes.txt").write_text("mine")
    return Workspace.open(root)


def digests(root: Path) -> dict[str, str]:
    """Return a digest of everything outside build/."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.is_relative_to(root / "build")
    }


@pytest.fixture(scope="module")
def trained(parts: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, dict, str, str]:
    """Return a workspace that `asr train` ran in, digests of the user's files before, and both streams."""
    ws = make_workspace(tmp_path_factory.mktemp("trained") / "lamp")
    before = digests(ws.root)
    done = asr("train", ws.root)
    assert done.returncode == 0, done.stderr[-3000:]
    return ws, before, done.stdout, done.stderr


def test_tune_tries_weights_on_dev_and_leaves_asr_toml_alone(
    trained, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from tools.commands import verbs
    from tools.commands.steps import tuning

    ws = trained[0]
    before = digests(ws.root)
    monkeypatch.setattr(tuning, "ALPHAS", (3.0,))
    monkeypatch.setattr(tuning, "BETAS", ())
    told = verbs.tune_scorer(ws)
    err = capfd.readouterr().err
    assert err.count("  dev WER ") == 2 and "dev chooses among the scorer's weights: clean clips alone" in err
    if told.startswith("the present alpha and beta are the best"):
        assert told.endswith("%")
    else:
        assert {"alpha = 3", f"beta = {ws.settings.scorer.beta:g}"} <= set(told.splitlines())
    assert digests(ws.root) == before


def test_tune_uses_the_noise_that_decides_between_checkpoints(trained, monkeypatch: pytest.MonkeyPatch) -> None:
    from asr.evaluation.recognition import Client, Utterance
    from tools.commands.steps import evaluation, tuning
    from tools.commands.steps.inputs import build_dataset

    given = trained[0]
    ws = Workspace(given.root, with_values(given.settings, augment={"noise_probability": 0.5}))
    asked = []

    def spy(client: Client, utterances: list[Utterance], noise: object) -> float:
        asked.append((client.alpha, noise))
        return 0.5

    monkeypatch.setattr(tuning, "word_errors", spy)
    tuning.tune(ws, build_dataset(given))
    assert {noise for _, noise in asked} == {evaluation.deciding_noise(ws)} != {None}
    assert {alpha for alpha, _ in asked} >= set(tuning.ALPHAS)


def test_candidates_are_compared_in_noise_too_but_never_in_what_is_kept_for_testing(
    trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    from asr.augment.evaluation_noise import Noise
    from asr.ctc import weights
    from asr.evaluation.recognition import Client
    from tools.commands.steps import evaluation
    from tools.commands.steps.inputs import build_dataset

    ws = trained[0]
    assert "dev chooses among checkpoints: clean clips alone" in trained[3] and evaluation.deciding_noise(ws) is None

    def noise(**augment: object) -> Noise | None:
        settings = with_values(ws.settings, augment={"noise_probability": 0.5, **augment})
        return evaluation.deciding_noise(Workspace(ws.root, settings))

    assert (found := noise()) is not None and found.kind == "clatter"
    assert (found := noise(noise_kinds=["white", "water", "babble"])) is not None and found.kind == "water"
    assert noise(enabled=False) is None and noise(noise_kinds=["babble"]) is None

    # Weights that know these words, clean and in too much noise to be understood.
    client, dev = Client(weights.find("english"), None, 50), evaluation.deciding(ws, build_dataset(ws))
    monkeypatch.setattr(evaluation, "DECIDING_LEVELS", (-40.0, -30.0))
    clean, both = (evaluation.word_errors(client, dev, noise) for noise in (None, Noise("white", seed=1)))
    assert clean < 0.7 and both > clean + (0.9 - clean) * 0.6


def test_a_learning_curve_goes_on_after_a_kill_and_knows_what_it_is_of(parts, tmp_path) -> None:
    from tools.commands.steps.inputs import build_dataset
    from tools.commands.steps.learning_curve import read_curve

    settings = with_values(SMALL, voices={"speakers": 8, "utterances": 88})
    ws = make_workspace(tmp_path / "lamp", settings)
    before, kept = digests(ws.root), ws.reports / "learning.json"
    command = [sys.executable, "-m", "tools.commands.cli", "learning-curve", str(ws.root)]
    started = subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 240
    while not kept.is_file() and started.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    started.kill()
    started.wait()
    assert len(json.loads(kept.read_text())["points"]) == 1
    other = ws.checkpoints / "curve-01234567-11"
    other.mkdir(parents=True)

    done = asr("learning-curve", ws.root)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "learning curve: 11 of 44" not in done.stderr and "learning curve: 44 of 44" in done.stderr
    assert "dev chooses" not in done.stderr
    for count in (11, 22, 44):
        assert f"{count} recordings: dev WER " in done.stdout
    # Neither parts of other settings nor those that were measured take room any longer.
    assert not list(ws.checkpoints.glob("curve-*")) and digests(ws.root) == before
    again = asr("learning-curve", ws.root)
    assert again.stdout == done.stdout and "learning curve:" not in again.stderr

    dataset = build_dataset(ws)
    curve = read_curve(ws, dataset)
    assert curve is not None and [point.recordings for point in curve.points] == [11, 22, 44]
    for changed, same in (
        ({"evaluate": {"seed": 2}}, True),
        ({"evaluate": {"beam_width": 60}}, False),
        ({"augment": {"gain_probability": 0.5}}, False),
        ({"scorer": {"alpha": 1.5}}, False),
    ):
        ws.toml.write_text(render(with_values(settings, **changed)))
        assert (read_curve(Workspace.open(ws.root), dataset) is not None) == same
    ws.toml.write_text(render(settings))
    ws.sentences.write_text(f"{SENTENCES}go on\n")
    assert read_curve(ws, dataset) is None
    ws.sentences.write_text(SENTENCES)
    whole = json.loads(kept.read_text())
    for damaged in ("[]", '{"data": 1}', json.dumps({**whole, "settings": "x"}), kept.read_text()[:-9]):
        kept.write_text(damaged)
        assert read_curve(ws, dataset) is None


def test_training_makes_everything_and_changes_nothing_of_the_users(trained) -> None:
    ws, before, stdout, stderr = trained
    assert digests(ws.root) == before
    for path in (ws.graph, ws.model, ws.scorer, ws.card, ws.export / "lm.binary", ws.build / "alphabet.txt"):
        assert path.stat().st_size > 100, path
    (run,) = [json.loads((folder / "run.json").read_text()) for folder in ws.runs.iterdir()]
    figures = run["figures"]["synthetic"]["clean"]
    # One epoch teaches little: what counts is that the client transcribed every clip of test, and no other.
    test = json.loads(ws.split_record.read_text())["recordings"]["test"]
    assert figures["utterances"] == test > 5
    assert 0 < figures["wer"] <= 1.5
    assert len(run["curves"]) == 1
    (report,) = ws.reports.glob("*-test/*.html")
    assert ws.root.name in report.read_text()
    # Results on stdout, status on stderr, and of the latter only ours.
    assert "WER" in stdout and "epoch 1/1" not in stdout
    assert "epoch 1/1" in stderr and "report: " in stderr
    ours = ("no recordings", "split by", "warning: ", str(ws.scorer), "epoch ", "the epoch of", "the last",
            "the average", "found 0 sound files", "dev chooses", "chosen: ", "report: ", "starting", "set aside",
            "an epoch has", "fitting the verifier", str(ws.device))  # fmt: skip
    strange = [line for line in stderr.splitlines() if not line.startswith(ours)]
    assert not strange, strange


def test_the_second_call_does_nothing_and_brings_back_what_was_deleted(trained) -> None:
    ws, before, _, _ = trained
    model, graph, card = (path.read_bytes() for path in (ws.model, ws.graph, ws.card))
    runs = sorted(ws.runs.iterdir())
    started = time.time()
    done = asr("train", ws.root)
    assert done.returncode == 0, done.stderr
    assert f"nothing has changed since run {runs[0].name}" in done.stderr
    wer = json.loads((runs[0] / "run.json").read_text())["figures"]["synthetic"]["clean"]["wer"]
    assert f"{100 * wer:.1f} %" in done.stdout and "synthetic" in done.stdout
    assert sorted(ws.runs.iterdir()) == runs
    assert ws.model.stat().st_mtime < started
    # Nor does it where the workspace was moved in the meantime.
    elsewhere = ws.root.rename(ws.root.parent / "lantern")
    done = asr("train", elsewhere)
    elsewhere.rename(ws.root)
    assert done.returncode == 0, done.stderr
    assert f"nothing has changed since run {runs[0].name}" in done.stderr
    for verb in ("train", "export"):
        shutil.rmtree(ws.export)
        done = asr(verb, ws.root)
        assert done.returncode == 0, done.stderr
        assert [path.read_bytes() for path in (ws.model, ws.graph)] == [model, graph]
        assert ws.card.is_file()
        assert digests(ws.root) == before
    assert done.stdout.split() == [str(ws.model), str(ws.card)]
    assert not done.stderr
    assert asr("scorer", ws.root).returncode == 0
    assert len(ws.card.read_bytes()) > len(card) / 2
    done = asr("evaluate", ws.root, "--split", "dev")
    assert done.returncode == 0 and "WER" in done.stdout, done.stderr
    done = asr("runs", ws.root)
    assert done.returncode == 0 and runs[0].name in done.stdout


def test_recordings_of_others_are_evaluated_and_change_nothing_else(trained, tmp_path: Path) -> None:
    ws, before, _, _ = trained
    if not ws.model.is_file():
        assert asr("export", ws.root).returncode == 0
    split = json.loads(ws.split_record.read_text())
    neighbours = tmp_path / "neighbours"
    neighbours.mkdir()
    rows = ["file,transcript,speaker"]
    for name, speaker, heard in (("eve", "eve", "test"), ("known", split["train"][0], "train")):
        clip, transcript = next(
            (row["clip"], row["transcript"])
            for row in csv.DictReader((ws.clips / "clips.csv").open())
            if row["speaker"] in split[heard]
        )
        shutil.copy(ws.clips / clip, neighbours / f"{name}.wav")
        rows.append(f"{name}.wav,{transcript},{speaker}")
    (neighbours / "recordings.csv").write_text("\n".join(rows))
    kept = {path: path.read_bytes() for path in (ws.card, ws.split_record, *ws.runs.rglob("*.json"))}

    done = asr("evaluate", ws.root, "--recordings", neighbours)
    assert done.returncode == 0, done.stderr
    assert "Real speech, 2 speakers" in done.stdout and "raw" in done.stdout
    remark = f"Of 2 speakers, {split['train'][0]} were in train or dev (matched by name)"
    assert remark in " ".join(done.stdout.split())
    (report,) = ws.reports.glob("*-neighbours-*/report.json")
    assert ", recordings neighbours-" in report.with_name("index.html").read_text()
    (evaluation,) = json.loads(report.read_text())["evaluations"]
    assert evaluation["kind"] == "real" and set(evaluation["speakers"]) == {"eve", split["train"][0]}
    assert all(item["recording"] in ("neighbours/eve.wav", "neighbours/known.wav") for item in evaluation["worst"])
    # By another way to the same table it is the same report; recordings that name no speaker are nobody's.
    done = asr("evaluate", ws.root, "--recordings", neighbours / "recordings.csv")
    assert done.returncode == 0 and len([*ws.reports.glob("*-neighbours-*")]) == 1, done.stderr
    folders = tmp_path / "by word" / "stop"
    folders.mkdir(parents=True)
    shutil.copy(neighbours / "eve.wav", folders)
    done = asr("evaluate", ws.root, "--recordings", folders.parent)
    remark = "name no speaker: the model may have been trained on the same people"
    assert done.returncode == 0 and remark in " ".join(done.stdout.split())
    assert {path: path.read_bytes() for path in kept} == kept and digests(ws.root) == before

    for arguments, words in (
        (["--recordings", tmp_path / "nowhere"], "nowhere: there are no recordings"),
        # The folder of a table that is not there is not searched for other sounds.
        (["--recordings", folders.parent / "recordings.csv"], "recordings.csv: there are no recordings"),
        (["--recordings", neighbours, "--split", "dev"], "--recordings have no splits"),
    ):
        done = asr("evaluate", ws.root, *arguments)
        assert done.returncode == 2 and words in done.stderr and done.stderr.count("\n") == 1


def test_a_full_disk_leaves_the_old_product(trained) -> None:
    ws, before, _, _ = trained
    if not ws.model.is_file():
        assert asr("export", ws.root).returncode == 0
    model = ws.model.read_bytes()
    done = asr("export", ws.root, limit=16 * 1024)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr
    assert "no space left on the device" in done.stderr
    assert ws.model.read_bytes() == model
    assert not [path for path in ws.export.iterdir() if "partial" in path.name]
    assert digests(ws.root) == before


def test_a_second_run_is_told_of_the_first(tmp_path) -> None:
    ws = make_workspace(tmp_path / "lamp")
    script = (
        "import sys; from asr.settings.workspace import Workspace\n"
        "with Workspace.open(sys.argv[1]).lock(): print(1, flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(ws.root)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY,
    )  # fmt: skip
    assert holder.stdout
    try:
        holder.stdout.readline()
        done = asr("train", ws.root)
    finally:
        holder.kill()
        holder.communicate()
    assert done.returncode == 2 and done.stdout == ""
    expected = f"error: {ws.build}: another run works here (process {holder.pid}). Wait until it ends"
    assert done.stderr.startswith(expected) and done.stderr.count("\n") == 1


def test_ctrl_c_says_that_it_can_go_on(parts, tmp_path) -> None:
    settings = with_values(SMALL, train={"epochs": 1000, "warm_up": 0.0, "early_stop_patience": 0})
    ws = make_workspace(tmp_path / "lamp", settings)
    errors = tmp_path / "stderr"
    with errors.open("w") as stream:
        running = subprocess.Popen(
            [sys.executable, "-m", "tools.commands.cli", "train", str(ws.root)],
            stdout=subprocess.DEVNULL, stderr=stream, start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            # Where the tests run in a shell's background, SIGINT is ignored, and a child would inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
        try:
            deadline = time.monotonic() + 120
            while "epoch 2/" not in errors.read_text() and time.monotonic() < deadline and running.poll() is None:
                time.sleep(0.1)
            # A terminal sends it to every process of the group.
            os.killpg(running.pid, signal.SIGINT)
            assert running.wait(60) == 130
        finally:
            if running.poll() is None:
                os.killpg(running.pid, signal.SIGKILL)
                running.wait()
    said = errors.read_text()
    assert said.splitlines()[-1] == "stopped; the same command resumes it"
    assert "Traceback" not in said
    (run,) = ws.runs.iterdir()
    record = json.loads((run / "run.json").read_text())
    assert record["status"] == "stopped" and len(record["curves"]) >= 2
