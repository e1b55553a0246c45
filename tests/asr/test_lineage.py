"""Which run stands for a workspace: settings that did not exist when it trained make no other run of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from asr.runs import Run
from asr.settings import read, render, with_values
from asr.steps.lineage import find_same_run, is_judged_as
from asr.verbs import init
from asr.workspace import Workspace


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
