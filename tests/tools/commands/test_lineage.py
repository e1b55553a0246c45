"""Which run stands for a workspace: settings that did not exist when it trained make no other run of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from asr.runs.record import Run
from asr.settings.asr_toml import read, render, with_values
from asr.settings.workspace import Workspace
from datasets.clips import Clip
from datasets.prepare import Prepared
from tools.commands.steps.lineage import data_fingerprint, find_same_run, is_judged_as, note_judged
from tools.commands.verbs import init


def test_a_run_of_before_a_setting_existed_is_still_the_same(tmp_path: Path) -> None:
    init(tmp_path / "lamp")
    toml = tmp_path / "lamp" / "asr.toml"
    older = {"sentences": {"alike": False}, "scorer": {"look_ahead": False}}

    def workspace(**values: Any) -> Workspace:
        toml.write_text(render(with_values(with_values(read(toml), **older), **values)))
        return Workspace.open(tmp_path / "lamp")

    ws = workspace()
    record = ws.settings.as_dict()
    for section, values in older.items():
        for key in values:
            del record[section][key]
    run = Run.start(ws.runs, record, data="f00d", parent=None, seed=1, remarks=[])
    note_judged(ws, run)
    for section, values in older.items():
        for key in values:
            del run.settings[section][key]
    run.write()
    same = find_same_run(ws, "f00d")
    assert same is not None and same.id == run.id and is_judged_as(ws, run)
    # What the scorer is made of makes no other weights, but other figures.
    ws = workspace(sentences={"alike": True}, scorer={"look_ahead": True})
    assert find_same_run(ws, "f00d") is not None and not is_judged_as(ws, run)
    assert find_same_run(workspace(voices={"seed": 5}), "f00d") is None
    assert find_same_run(workspace(sentences={"file": "others.txt"}), "f00d") is None
    assert find_same_run(workspace(), "beef") is None
    # A record of impossible values is of no run that could go on.
    run.settings["train"]["epochs"] = -1
    run.stop()
    assert find_same_run(workspace(), "f00d") is None


def test_sentences_make_another_run_where_they_are_trained_on_and_other_figures_in_any_case(tmp_path: Path) -> None:
    init(tmp_path / "lamp")
    toml = tmp_path / "lamp" / "asr.toml"
    clips = [Clip(f"ann/{name}.wav", f"/far/{name}.wav", "ann", "stop", 1.0, False) for name in "abc"]
    prepared = Prepared(clips, ("train", "dev", "test"), [], "speaker", (), tmp_path)

    def seen(text: str, use: str) -> tuple[str, bool]:
        toml.write_text(render(with_values(read(toml), voices={"use": use})))
        ws = Workspace.open(tmp_path / "lamp")
        ws.sentences.write_text(text)
        data = data_fingerprint(ws, prepared)
        run = find_same_run(ws, "f00d") or Run.start(ws.runs, ws.settings.as_dict(), data="f00d")
        judged = is_judged_as(ws, run)
        note_judged(ws, run)
        run.stop()
        return data, judged

    for use, counts in (("mix", True), ("never", False)):
        first, judged = seen("stop\n", use)
        assert not judged
        assert seen("# a lamp\nstop\n", use) == (first, True)
        data, judged = seen("stop\ngo\n", use)
        assert (data != first) == counts and not judged
    elsewhere = [replace(clip, source="/near/x.wav") for clip in clips]
    ws = Workspace.open(tmp_path / "lamp")
    one = data_fingerprint(ws, prepared)
    assert data_fingerprint(ws, replace(prepared, clips=elsewhere)) == one
    for other in (
        replace(prepared, splits=("train", "test", "dev")),
        replace(prepared, clips=[replace(clips[0], transcript="go"), *clips[1:]]),
        replace(prepared, clips=[replace(clips[0], clip="ann/d.wav"), *clips[1:]]),
    ):
        assert data_fingerprint(ws, other) != one
