"""Which run belongs to a workspace, and whether it was evaluated as the workspace is now."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from asr.runs.record import Run
from asr.settings.template import render
from asr.settings.values import Settings, with_values
from asr.settings.workspace import Workspace
from datasets.clips import Clip
from datasets.corpus import Dataset
from tools.commands.steps.lineage import data_fingerprint, find_same_run, is_evaluated, note_evaluation
from tools.commands.steps.new_workspace import make_workspace
from tools.commands.verbs import open_workspace


def test_a_setting_that_weights_depend_on_makes_another_run(tmp_path: Path) -> None:
    make_workspace(tmp_path / "lamp")
    toml = tmp_path / "lamp" / "asr.toml"

    def workspace(**values: Any) -> Workspace:
        toml.write_text(render(with_values(Settings(), **values)))
        return open_workspace(tmp_path / "lamp")

    ws = workspace()
    run = Run.start(ws.runs, ws.settings.as_dict(), data="f00d", parent=None, seed=1, remarks=[])
    note_evaluation(ws, run)
    run.write()
    same = find_same_run(ws, "f00d")
    assert same is not None and same.id == run.id and is_evaluated(ws, run)
    # The scorer's settings change the evaluation, not the weights.
    ws = workspace(sentences={"alike": False}, scorer={"look_ahead": False})
    assert find_same_run(ws, "f00d") is not None and not is_evaluated(ws, run)
    note_evaluation(ws, run)
    assert is_evaluated(ws, run) and run.settings["scorer"]["look_ahead"] is False
    for values in (
        {"voices": {"seed": 5}},
        {"sentences": {"file": "others.txt"}},
        {"train": {"early_stop_patience": 30}},
        {"augment": {"time_masks": 0}},
        {"alphabet": {"language": "de"}},
    ):
        assert find_same_run(workspace(**values), "f00d") is None, values
    # The preset's name counts for nothing beside the values it gives, nor do keywords.
    for values in ({"train": {"preset": "small"}}, {"keyword": {"passes": 3}}, {"recordings": {"margin": 0.3}}):
        assert find_same_run(workspace(**values), "f00d") is not None, values
    assert find_same_run(workspace(), "beef") is None


def test_sentences_make_another_run_where_they_are_trained_on_and_other_figures_in_any_case(tmp_path: Path) -> None:
    make_workspace(tmp_path / "lamp")
    toml = tmp_path / "lamp" / "asr.toml"
    clips = [Clip(f"ann/{name}.wav", f"/far/{name}.wav", "ann", "stop", 1.0, False) for name in "abc"]
    dataset = Dataset(clips, ("train", "dev", "test"), [], "speaker", (), tmp_path)

    def seen(text: str, use: str) -> tuple[str, bool]:
        toml.write_text(render(with_values(Settings(), voices={"use": use})))
        ws = Workspace.open(tmp_path / "lamp")
        ws.sentences.write_text(text)
        data = data_fingerprint(ws, dataset)
        run = find_same_run(ws, "f00d") or Run.start(ws.runs, ws.settings.as_dict(), data="f00d")
        evaluated = is_evaluated(ws, run)
        note_evaluation(ws, run)
        run.end("stopped")
        return data, evaluated

    for use, counts in (("mix", True), ("never", False)):
        first, evaluated = seen("stop\n", use)
        assert not evaluated
        assert seen("# a lamp\nstop\n", use) == (first, True)
        data, evaluated = seen("stop\ngo\n", use)
        assert (data != first) == counts and not evaluated
    elsewhere = [replace(clip, source="/near/x.wav") for clip in clips]
    ws = Workspace.open(tmp_path / "lamp")
    one = data_fingerprint(ws, dataset)
    assert data_fingerprint(ws, replace(dataset, clips=elsewhere)) == one
    for other in (
        replace(dataset, splits=("train", "test", "dev")),
        replace(dataset, clips=[replace(clips[0], transcript="go"), *clips[1:]]),
        replace(dataset, clips=[replace(clips[0], clip="ann/d.wav"), *clips[1:]]),
    ):
        assert data_fingerprint(ws, other) != one
