"""The command as a person meets it: help, one line for what is wrong, nothing on the wrong stream."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]


def asr(*arguments: str | Path, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tools.commands.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "COLUMNS": "200", **more.pop("env", {})},
        **more,
    )


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a user reads of an error: a line on stderr, and nothing on stdout."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr
    return done.stderr.removeprefix("error: ").rstrip()


def commands() -> list[str]:
    from tools.commands.cli import app

    verbs = [command.name or command.callback.__name__.replace("_", "-") for command in app.registered_commands]
    return sorted([*verbs, *(group.name for group in app.registered_groups)])


def test_help_names_every_verb_and_an_example() -> None:
    from typer.testing import CliRunner

    from tools.commands.cli import app

    runner = CliRunner(env={"COLUMNS": "200"})
    shown = runner.invoke(app, ["--help"])
    assert shown.exit_code == 0
    assert "asr init my-lamp && asr train my-lamp" in shown.stdout
    assert {"init", "settings", "train", "learning-curve", "preview-augmentation", "import"} <= set(commands())
    for verb in commands():
        assert f" {verb} " in shown.stdout
        found = runner.invoke(app, [verb, "--help"])
        assert found.exit_code == 0
        # What these take before a workspace, or instead of one.
        others = {"features": "--wav", "import": "common-voice", "update-device": "pi@kitchen", "takes": "long.wav"}
        what = others.get(verb, "my-lamp")
        assert f"Example: asr {verb} {what}" in " ".join(found.stdout.split()), verb


def test_the_pause_is_the_listeners_own() -> None:
    from asr.runtime.listener import Timing
    from tools.commands.cli import PAUSE

    # The command does not import the listener, which takes NumPy, before it is asked to listen.
    assert Timing().open == PAUSE


def test_the_command_starts_without_tensorflow(tmp_path) -> None:
    script = (
        "import sys; from tools.commands import cli, verbs\n"
        "sys.exit(any(name in sys.modules for name in ('tensorflow', 'keras', 'matplotlib', 'scipy')))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, timeout=60)
    assert done.returncode == 0


def test_a_workspace_that_is_none(tmp_path) -> None:
    assert one_line(asr("train", tmp_path / "nowhere")).startswith(f"{tmp_path}/nowhere: no such folder. Make a")
    assert "asr.toml: no such file. Make a workspace with: asr init" in one_line(asr("scorer", tmp_path))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[train]\nepocs = 3\n", "asr.toml:2: unknown key 'epocs' in [train]. Did you mean 'epochs'?"),
        ("\n[train\n", "asr.toml:2: this is not TOML"),
        ("[train]\nn_hidden = nan\n", "asr.toml:2: train.n_hidden: expected a whole number"),
        ("[split]\ntrain = 0.1\n", "asr.toml:2: split.train: train, dev and test add up to 0.4"),
    ],
)
def test_a_corrupt_settings_file(tmp_path, text, expected) -> None:
    (tmp_path / "asr.toml").write_text(text)
    assert expected in one_line(asr("train", tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["asr.toml"]


def test_init_says_what_to_do_next(tmp_path) -> None:
    done = asr("init", "lamp", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    todo = "edit sentences.txt; put recordings into recordings/ if you have any; then: asr train lamp"
    assert done.stdout == f"lamp: 6 words, preset words; {todo}\n"
    assert "there is a workspace already. Choose another folder" in one_line(asr("init", "lamp", cwd=tmp_path))


def test_settings_tell_where_they_come_from(tmp_path) -> None:
    (tmp_path / "sentences.txt").write_text("lights on\nlights off\n")
    (tmp_path / "asr.toml").write_text("[train]\nepochs = 3\n")
    done = asr("settings", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert "train.epochs = 3  # file" in lines
    assert 'train.start_from = "english"  # preset words' in lines
    assert 'train.preset = "words"  # number of words' in lines
    assert not any("train.batch_size" in line for line in lines)
    everything = asr("settings", tmp_path, "--all").stdout
    assert "train.batch_size = 16  # default" in everything.splitlines()
    assert set(lines) < set(everything.splitlines())
    # It is an asr.toml with every value.
    from asr.settings.asr_toml import parse
    from tools.commands.verbs import open_workspace

    assert parse(everything, tmp_path).settings() == open_workspace(tmp_path).settings


def test_settings_are_a_table_on_a_terminal(tmp_path, monkeypatch, capsys) -> None:
    from tools.commands.settings_table import print_settings
    from tools.commands.verbs import open_workspace

    (tmp_path / "asr.toml").write_text('[train]\nfreeze = ["[bold]"]\n')
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    print_settings(open_workspace(tmp_path), False)
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["setting", "value", "from", "meaning"]
    assert any(row.split()[:3] == ["train.freeze", '["[bold]"]', "file"] for row in rows)


def test_a_folder_that_may_not_be_written(tmp_path) -> None:
    tmp_path.chmod(0o500)
    # Modes do not stop root; the kernel's own tree does.
    place = Path("/sys") if os.geteuid() == 0 else tmp_path
    assert "Choose a folder that you may write to" in one_line(asr("init", place / "lamp"))


def test_no_room_for_temporary_files_is_one_line() -> None:
    # A limit of 0 bytes a file makes every temporary folder look full.
    script = "import tempfile; from tools.commands import cli; cli.app = tempfile.gettempdir; cli.main()"
    shell = "ulimit -f 0; trap '' XFSZ; exec \"$@\""
    done = subprocess.run(
        ["bash", "-c", shell, "-", sys.executable, "-c", script], capture_output=True, text=True, cwd=REPOSITORY
    )
    assert "no temporary folder can be written to" in one_line(done)


def test_bad_usage_is_no_traceback(tmp_path) -> None:
    for arguments in (["trian"], ["train", "--agian"], ["preview-voices", "--count", "0"], ["runs", "--compare", "1"]):
        done = asr(*arguments)
        assert done.returncode == 2 and "Traceback" not in done.stderr and done.stdout == ""
