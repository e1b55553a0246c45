"""Paths of a workspace, and its lock."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from asr.core.alphabet import ENGLISH, Alphabet
from asr.core.errors import BusyError, WorkspaceError
from asr.settings.template import render
from asr.settings.values import Settings, with_values
from asr.settings.workspace import SPLITS, Workspace


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "asr.toml").write_text(render(Settings()), encoding="utf-8")
    return tmp_path


def test_everything_that_is_made_lies_below_build(root) -> None:
    ws = Workspace.open(root)
    made = {name: value for name in vars(Workspace) if isinstance(value := getattr(ws, name), Path)}
    assert len(made) > 10
    users = {name for name, path in made.items() if not path.is_relative_to(root / "build")}
    assert users == {"toml", "sentences", "recordings", "other_speech"}
    assert len(set(made.values())) == len(made)
    assert [ws.manifest(name).relative_to(ws.build).as_posix() for name in SPLITS] == [
        "train/train.csv",
        "dev/dev.csv",
        "test/test.csv",
    ]
    with pytest.raises(ValueError, match="no split 'valid'"):
        ws.manifest("valid")
    assert ws.alphabet == Alphabet(ENGLISH)
    # Reading makes nothing.
    assert [path.name for path in root.iterdir()] == ["asr.toml"]


@pytest.mark.parametrize("folder", ["/data/speech", "../speech", "~/speech", "/data/speech/recordings.csv"])
def test_recordings_may_lie_elsewhere(root, folder, monkeypatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    settings = with_values(Settings(), recordings={"folder": folder})
    (root / "asr.toml").write_text(render(settings), encoding="utf-8")
    expected = {"../speech": root / "../speech", "~/speech": Path("/home/ada/speech")}
    assert Workspace.open(root).recordings == expected.get(folder, Path(folder))


def test_a_folder_that_is_none(root, monkeypatch) -> None:
    with pytest.raises(WorkspaceError, match=r"nowhere: no such folder. Make a workspace with: asr init"):
        Workspace.open(root / "nowhere")
    with pytest.raises(WorkspaceError, match="no such folder"):
        Workspace.open(root / "asr.toml")
    (root / "inner").mkdir()
    with pytest.raises(WorkspaceError, match=r"inner/asr.toml: no such file. Make a workspace with"):
        Workspace.open(root / "inner")
    monkeypatch.chdir(root)
    assert Workspace.open(".").root == root


HOLDER = """
import sys
from asr.settings.workspace import Workspace
with Workspace.open(sys.argv[1]).lock():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_run_at_a_time(root) -> None:
    ws = Workspace.open(root)
    repository = Path(__file__).resolve().parents[3]
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=repository,
    )
    assert other.stdin and other.stdout
    try:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(BusyError, match=rf"another run works here \(process {other.pid}\). Wait"), ws.lock():
            pass
        # However its holder ends, nothing stays locked.
        other.kill()
        other.wait(10)
        with ws.lock():
            pass
    finally:
        other.kill()
        other.communicate()
