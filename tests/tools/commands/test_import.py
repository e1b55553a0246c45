"""`asr import KIND` on a workspace: the table, what is told, and what is never overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from asr.core.errors import BusyError, RecordingsError
from asr.core.files import exclusive
from datasets.imports.kinds import KINDS
from tests.datasets.imports.trees import put
from tools.commands.cli import app
from tools.commands.import_cli import RECORDINGS
from tools.commands.steps.imports import CORRECTIONS_LOCK
from tools.commands.steps.new_workspace import make_workspace
from tools.commands.verbs import import_recordings

TABLE = "client_id\tpath\tsentence\naa\tone.mp3\tTurn on the light!\nbb\ttwo.mp3\tRoute 66\nbb\tthree.mp3\tstop\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return put(tmp_path / "en", {"validated.tsv": TABLE, "clips/one.mp3": b"1", "clips/two.mp3": b"2"})


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    make_workspace(tmp_path / "lamp")
    return tmp_path / "lamp"


def test_every_kind_has_a_verb_with_an_example() -> None:
    assert set(RECORDINGS) == set(KINDS)
    runner = CliRunner(env={"COLUMNS": "200"})
    for kind in KINDS:
        shown = runner.invoke(app, ["import", kind, "--help"])
        assert f"Example: asr import {kind} ~/" in shown.stdout
        assert "--append" in shown.stdout


def test_what_is_told(source: Path, workspace: Path) -> None:
    told = import_recordings("common-voice", source, workspace, append=False).splitlines()
    table, left_out = workspace / "recordings/recordings.csv", workspace / "build/imports/common-voice.csv"
    assert told == [
        f"{table}: 1 recordings of 1 speakers written",
        "transcripts changed: 1 lower case, 1 punctuation",
        f"left out: 2, listed in {left_out}",
        "  1 x its transcript has a character outside the alphabet",
        "  1 x there is no such file",
        f"next: asr manifests {workspace}",
    ]
    assert table.read_text() == f"file,transcript,speaker\n{source}/clips/one.mp3,turn on the light,aa\n"
    assert "validated.tsv:3," in left_out.read_text()


def test_a_second_import_needs_append(source: Path, workspace: Path) -> None:
    import_recordings("common-voice", source, workspace, append=False)
    before = (workspace / "recordings/recordings.csv").read_text()
    with pytest.raises(RecordingsError, match="Add --append"):
        import_recordings("common-voice", source, workspace, append=False)
    put(source, {"clips/three.mp3": b"3"})
    told = import_recordings("common-voice", source, workspace, append=True)
    assert "1 recordings of 1 speakers added" in told
    assert (workspace / "recordings/recordings.csv").read_text() == f"{before}{source}/clips/three.mp3,stop,bb\n"


def test_folders_of_recordings_are_not_hidden_by_a_table(source: Path, workspace: Path) -> None:
    put(workspace, {"recordings/stop/anna_nohash_0.wav": b"1"})
    with pytest.raises(RecordingsError, match="stop/ holds recordings"):
        import_recordings("common-voice", source, workspace, append=True)
    assert not (workspace / "recordings/recordings.csv").exists()


def test_nothing_is_written_while_a_correction_is_filed(source: Path, workspace: Path) -> None:
    with exclusive(workspace / "build" / CORRECTIONS_LOCK), pytest.raises(BusyError):
        import_recordings("common-voice", source, workspace, append=False)
    assert not (workspace / "recordings/recordings.csv").exists()
