"""Run records: whole after a kill, found by time and hash, comparable, and traceable to their parents."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from asr.core.errors import ModelError
from asr.evaluation.conditions import Condition
from asr.evaluation.results import evaluate, record
from asr.evaluation.transcriptions import Transcription
from asr.runs.comparison import compare
from asr.runs.record import RECORD, Run, find_run, list_runs
from asr.runs.tables import comparison_tables, lineage_tree, runs_table

ROOT = Path(__file__).resolve().parents[3]
SETTINGS = {"train": {"n_hidden": 134, "seed": 1}, "augment": {"speed": [0.9, 1.1]}}


def shown(part: object) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(part)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def heard(clip: str, hypothesis: str) -> Transcription:
    return Transcription(clip, "anna", "turn on the light", hypothesis, 1.0, False)


def test_record_holds_what_was_given(tmp_path: Path) -> None:
    run = Run.start(tmp_path, SETTINGS, data="f00d", parent="mozilla.pbmm", seed=7, remarks=["split by recordings"])
    assert re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{6}", run.id)
    run.epoch({"epoch": 1, "loss": np.float32(2.5), "dev_loss": 3.0})
    run.measure({"real": {"clean": {"wer": 0.25}}}, [heard("a", "turn off light").row()], {"best": "best.npz"})
    assert Run.load(run.folder).status == "running"
    run.end("finished")
    loaded = json.loads((run.folder / RECORD).read_text(encoding="utf-8"))
    assert (loaded["settings"], loaded["data"], loaded["seed"]) == (SETTINGS, "f00d", 7)
    assert (loaded["status"], loaded["parent"]) == ("finished", "mozilla.pbmm")
    assert loaded["curves"] == [{"epoch": 1, "loss": 2.5, "dev_loss": 3.0}]
    assert loaded["versions"]["python"] == sys.version.split()[0]
    assert loaded["versions"]["numpy"] == np.__version__ and loaded["ended"]
    again = Run.load(run.folder)
    assert (again.status, again.figures, again.checkpoints) == ("finished", run.figures, {"best": "best.npz"})
    (row,) = again.transcripts()
    # "off" for "on" and no "the": two errors.
    # Evaluated again later: other figures, but the training ended when it ended.
    again.sessions[-1]["ended"] = "2026-01-01T00:00:00+00:00"
    again.measure({})
    assert Run.load(run.folder).ended == "2026-01-01T00:00:00+00:00"
    assert (row["clip"], row["hypothesis"], row["errors"], row["loss"]) == ("a", "turn off light", "2", "")


def test_resume_goes_on_with_the_same_run(tmp_path: Path) -> None:
    run = Run.start(tmp_path, SETTINGS)
    for epoch in (1, 2, 3):
        run.epoch({"epoch": epoch, "loss": 10.0 - epoch})
    # Killed after epoch 3 was recorded, before its checkpoint was: the resume repeats epoch 3.
    again = Run.load(run.folder).resume()
    again.epoch({"epoch": 3, "loss": 6.5})
    again.epoch({"epoch": 4, "loss": 6.0})
    again.end("stopped")
    assert [row["loss"] for row in Run.load(run.folder).curves] == [9.0, 8.0, 6.5, 6.0]
    assert len(again.sessions) == 2 and Run.load(run.folder).status == "stopped"
    assert len(list_runs(tmp_path)) == 1


WRITER = """
import sys
from pathlib import Path
from asr.runs.record import Run
run = Run.start(Path(sys.argv[1]), {"train": {"seed": 1}}, data="x" * 200_000)
print(run.id, flush=True)
epoch = 0
while True:
    epoch += 1
    run.epoch({"epoch": epoch, "loss": 1.0 / epoch})
"""


def test_kill_leaves_a_whole_record(tmp_path: Path) -> None:
    """kill -9 at ten moments of a process that does nothing but write its record."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    generator = np.random.default_rng(5)
    for number in range(10):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, env=environment, text=True
        )
        assert writer.stdout is not None
        name = writer.stdout.readline().strip()
        if number == 0:
            assert Run.load(tmp_path / name).status == "running"
        time.sleep(float(generator.uniform(0.005, 0.1)))
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        run = Run.load(tmp_path / name)
        assert [row["epoch"] for row in run.curves] == list(range(1, len(run.curves) + 1))
        assert len(run.data) == 200_000
        assert run.status == "stopped"  # nobody wrote so: its process is gone
    assert len(list_runs(tmp_path)) == 10


def test_runs_are_listed_by_time_and_found_by_part_of_their_name(tmp_path: Path) -> None:
    runs = [Run.start(tmp_path, SETTINGS, seed=seed) for seed in range(3)]
    assert len({run.id for run in runs}) == 3
    (tmp_path / "20200101T000000Z-abcdef").mkdir()  # killed before its first record
    assert {run.id for run in list_runs(tmp_path)} == {run.id for run in runs}
    assert find_run(tmp_path, runs[1].id.partition("-")[2]).id == runs[1].id
    assert find_run(tmp_path, "last").id == max(run.id for run in runs)
    with pytest.raises(ModelError, match="no run matches"):
        find_run(tmp_path, "nothing")
    with pytest.raises(ModelError, match="3 runs match"):
        find_run(tmp_path, "2")
    assert list_runs(tmp_path / "none") == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 99}'])
def test_damaged_record_is_named(tmp_path: Path, text: str) -> None:
    folder = Run.start(tmp_path, SETTINGS).folder
    (folder / RECORD).write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match=re.escape(str(folder))):
        Run.load(folder)


def finished(folder: Path, settings: dict[str, object], heard_now: list[Transcription], **more: object) -> Run:
    run = Run.start(folder, settings, **more)  # type: ignore[arg-type]
    run.measure(record(evaluate(heard_now)), [one.row() for one in heard_now])
    run.end("finished")
    return run


def test_a_clip_in_several_pieces_of_noise_is_one_change(tmp_path: Path) -> None:
    right, noise = "turn on the light", Condition("water", 6)
    first = [
        replace(heard("a", text), condition=replace(noise, draw=draw)) for draw, text in ((1, right), (2, "turn"))
    ]
    second = [replace(heard("a", right), condition=replace(noise, draw=draw)) for draw in (1, 2, 3)]
    found = compare(finished(tmp_path, SETTINGS, first), finished(tmp_path, SETTINGS, second))
    (change,) = found.wins
    assert (change.errors_before, change.errors_after, change.before, change.after) == (3, 0, "turn", right)
    assert not found.losses and found.shared == 1


def test_comparison_tells_settings_figures_wins_and_losses(tmp_path: Path) -> None:
    right = "turn on the light"
    first = [heard("a", "turn the"), heard("b", right), heard("c", right), heard("only here", right)]
    second = [heard("a", right), heard("b", "turn on the lamp"), heard("c", right)]
    before = finished(tmp_path, SETTINGS, first)
    after = finished(
        tmp_path, {"train": {"n_hidden": 320, "seed": 1}, "augment": SETTINGS["augment"]}, second, data="new"
    )
    found = compare(before, after)
    assert found.settings == {"train.n_hidden": (134, 320)}
    # 2 of 16 words wrong, then 1 of 12.
    assert found.figures["real.clean.wer"] == (pytest.approx(2 / 16), pytest.approx(1 / 12))
    assert found.figures["real.clean.utterances"] == (4, 3)
    assert [(change.clip, change.errors_before, change.errors_after) for change in found.wins] == [("a", 2, 0)]
    assert [(change.clip, change.errors_before, change.errors_after) for change in found.losses] == [("b", 0, 1)]
    assert found.shared == 3 and not found.same_data
    text = shown(comparison_tables(found))
    for part in (
        "train.n_hidden",
        "134",
        "320",
        "12.5 %",
        "8.3 %",
        "-4.2 %",
        "turn on the lamp",
        "not trained and tested",
    ):
        assert part in text


def test_lineage_reaches_every_parent(tmp_path: Path) -> None:
    root = Run.start(tmp_path, SETTINGS)
    child = Run.start(tmp_path, SETTINGS, parent=root.id)
    grandchild = Run.start(tmp_path, SETTINGS, parent=child.id)
    foreign = Run.start(tmp_path, SETTINGS, parent="models/english.pbmm")
    lines = shown(lineage_tree([root, child, grandchild, foreign])).splitlines()
    depth = {run.id: next(line for line in lines if run.id in line).index(run.id) for run in (root, child, grandchild)}
    assert depth[root.id] < depth[child.id] < depth[grandchild.id]
    assert lines[0].startswith("models/english.pbmm  (not a run of this workspace)")
    assert foreign.id in lines[1]


def test_list_shows_status_and_figures(tmp_path: Path) -> None:
    finished(tmp_path, SETTINGS, [heard("a", "turn on the light")])
    text = shown(runs_table(list_runs(tmp_path)))
    assert "finished" in text and re.search(r"sentences +WER *\n", text) and re.search(r"100\.0 % +0\.0 %", text)
    assert "from" not in text and "test figures: real speech, clean" in text
    # What dev chose by comes first, before what test says.
    (run,) = list_runs(tmp_path)
    run.choose("the last epoch", {"the last epoch": {"dev_loss": 3.0, "wer": 0.125}, "another": {"wer": 0.5}})
    assert re.search(r" 12\.5 % +100\.0 % +0\.0 %", shown(runs_table(list_runs(tmp_path))))
    both = [heard("a", "turn on the light"), replace(heard("b", "turn"), synthetic=True)]
    finished(tmp_path, SETTINGS, both, parent=run.id)
    found = list_runs(tmp_path)
    lines = shown(runs_table(found)).splitlines()
    assert any(line.split()[:5] == ["synthetic", "0.0", "%", "75.0", "%"] for line in lines)
    # In a terminal of 80 columns, names are whole all the same.
    narrow = Console(file=io.StringIO(), width=80)
    narrow.print(runs_table(found))
    told = narrow.file.getvalue()  # type: ignore[attr-defined]
    assert all(run.id in told for run in found) and max(map(len, told.splitlines())) <= 80
