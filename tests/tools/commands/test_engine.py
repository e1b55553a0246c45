"""Both engines on one workspace: Mozilla's trainer for real where a Python 3.7 has it, and clear words elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from asr.core import third_party
from asr.core.errors import SetupError
from asr.settings.template import render
from asr.settings.values import Settings, with_values

REPOSITORY = Path(__file__).resolve().parents[3]
SMALL = with_values(
    Settings(),
    voices={"speakers": 4, "utterances": 40},
    split={"train": 0.5, "dev": 0.25, "test": 0.25},
    train={"n_hidden": 16, "epochs": 2, "epoch_utterances": 20, "average": 1, "curriculum": 0},
    augment={"room_probability": 0.0, "noise_probability": 0.0},
    evaluate={"noise": False, "beam_width": 50},
    rejection={"minutes": 1.0},
)
SENTENCES = "turn (on|off) the (light|fan|heating)\n(open|close) the (door|window)\nstop\n"


def asr(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tools.commands.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=400,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "COLUMNS": "200", **variables},
    )


@pytest.fixture(scope="module")
def lamp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace without recordings."""
    for name in ("lib/libdeepspeech.so", "bin/lmplz", "bin/build_binary"):
        try:
            third_party.part(name)
        except SetupError as error:
            pytest.skip(str(error))
    root = tmp_path_factory.mktemp("both") / "my lamp"
    root.mkdir()
    (root / "sentences.txt").write_text(SENTENCES)
    (root / "asr.toml").write_text(render(SMALL))
    (root / "recordings").mkdir()
    return root


def test_both_engines_stand_side_by_side(lamp: Path) -> None:
    if not (third_party.folder() / "reference/bin/python").is_file():
        pytest.skip("no TensorFlow 1.15; `make reference` installs it and the trainer where a Python 3.7 is found")
    done = asr("train", lamp, "--engine", "mozilla-venv")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "epoch 2/2  loss" in done.stderr and "starting coqui-stt-training 1.4.0" in done.stderr
    assert "Traceback" not in done.stderr
    (folder,) = (lamp / "build/runs").iterdir()
    run = json.loads((folder / "run.json").read_text())
    assert [row["epoch"] for row in run["curves"]] == [1, 2]
    # About the loss of a network that has learnt nothing: 27 labels for each of 20 letters, and blanks between.
    assert all(10 < row["dev_loss"] < 1000 and row["seconds"] > 0 for row in run["curves"])
    assert run["settings"]["train"]["engine"] == "mozilla-venv" and run["status"] == "finished"
    assert any("Mozilla's trainer" in remark for remark in run["remarks"])
    assert run["versions"]["trainer"] == "coqui-stt-training 1.4.0"
    figures = run["figures"]["synthetic"]["clean"]
    assert figures["utterances"] == 10 and 0 < figures["wer"] <= 1.5
    # Its own graph, untouched, and converted: our client runs what TensorFlow 1.15 trained.
    exported = lamp / "build/export"
    graph = lamp / "build/checkpoints" / folder.name / "export/output_graph.pb"
    assert (exported / "output_graph.pb").read_bytes() == graph.read_bytes()
    from asr.client.libdeepspeech import Model
    from export.weights import read_layers

    kernels = [read_layers(path).layers[0].kernel for path in (graph, exported / "output_graph.pbmm")]
    np.testing.assert_array_equal(*kernels)
    with Model(exported / "output_graph.pbmm") as model:
        assert model.beam_width == 50
    assert list((lamp / "build/logs" / folder.name).rglob("events.out.tfevents.*"))

    # Ours on the same split, in the same tables.
    done = asr("train", lamp)
    assert done.returncode == 0, done.stderr[-3000:]
    listed = asr("runs", lamp).stdout
    rows = [line for line in listed.splitlines() if "finished" in line]
    assert ["mozilla-venv" in row for row in rows] == [True, False]
    assert "WER" in listed and all(" % " in row for row in rows)
    names = sorted(path.name for path in (lamp / "build/runs").iterdir())
    compared = asr("runs", lamp, "--compare", *names).stdout
    assert "train.engine" in compared and "synthetic.clean.wer" in compared
    assert "not trained and tested on the same data" not in compared
    # The first again: a run is found by its engine, and exported as it was.
    done = asr("export", lamp, "--run", names[0])
    assert done.returncode == 0 and (exported / "output_graph.pb").read_bytes() == graph.read_bytes()
    done = asr("train", lamp, "--engine", "mozilla-venv")
    assert f"nothing has changed since run {names[0]}" in done.stderr


@pytest.mark.parametrize(
    ("engine", "settings", "said"),
    [
        ("coqui", {}, "there is no engine 'coqui'. The engines are asr, mozilla-venv, mozilla"),
        ("mozilla-venv", {}, "needs Python 3.7, and none was found"),
        ("mozilla-venv", {"start_from": "last"}, "Mozilla's trainer starts from its own checkpoints only"),
        ("mozilla", {}, "the engine mozilla needs Docker, and no Docker engine answers"),
    ],
)
def test_what_is_missing_is_said_in_one_line(
    lamp: Path, tmp_path: Path, engine: str, settings: dict[str, str], said: str
) -> None:
    (lamp / "asr.toml").write_text(render(with_values(SMALL, train=settings)))
    # Neither a Python 3.7 nor Docker to be found, but what the other steps need.
    deps = tmp_path / "deps"
    deps.mkdir()
    for name in ("bin", "lib"):
        (deps / name).symlink_to(third_party.folder() / name)
    done = asr("train", lamp, "--engine", engine, "--again", ASR_DEPS=str(deps), HOME=str(tmp_path), PATH="",
               PYENV_ROOT="")  # fmt: skip
    assert done.returncode == 2
    assert said in done.stderr.splitlines()[-1]
    assert done.stderr.splitlines()[-1].startswith("error: ") and "Traceback" not in done.stderr


def test_a_folder_without_the_trainer_is_named(tmp_path: Path) -> None:
    from tools.commands.steps.engines import trainer_of

    with pytest.raises(SetupError, match=r"no DeepSpeech\.py in the folder that train\.mozilla_source names"):
        trainer_of(tmp_path)
    (tmp_path / "DeepSpeech.py").touch()
    assert trainer_of(tmp_path) == [tmp_path / "DeepSpeech.py"]
