"""The picture of a terminal shows what commands printed, and nothing is drawn of one that fails."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from asr.core.errors import UserError
from tools.terminal_picture import draw, main, play


def shown(svg: str) -> list[str]:
    """Return the lines of text in a picture, from the top."""
    lines: dict[float, str] = {}
    for text in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"):
        if "terminal-title" not in text.get("class", ""):
            height = float(text.get("y", "0"))
            lines[height] = lines.get(height, "") + (text.text or "").replace("\xa0", " ")
    return [lines[height].rstrip() for height in sorted(lines)]


def test_commands_and_both_their_outputs_are_drawn_in_order(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("turn on\nthe light\n")
    svg = draw(play(["cat a.txt", "echo warning >&2"], tmp_path), "title")
    wanted = ["$ cat a.txt", "turn on", "the light", "$ echo warning >&2", "warning"]
    assert [line for line in shown(svg) if line] == wanted


def test_the_workspaces_own_path_is_not_drawn(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    session = tmp_path / "session"
    session.mkdir()
    (session / "my-lamp").symlink_to(tmp_path / "work")
    svg = draw(play(["echo $(realpath my-lamp)/build/x"], session), "title")
    assert "my-lamp/build/x" in shown(svg) and str(tmp_path) not in svg


def test_the_picture_fetches_nothing(tmp_path: Path) -> None:
    svg = draw(play(["echo x"], tmp_path), "title")
    assert "url(http" not in svg and "href" not in svg
    assert set(re.findall(r"https?://[^\s\"\')]+", svg)) <= {"http://www.w3.org/2000/svg", "https://www.textualize.io"}


def test_a_command_that_fails_is_not_drawn(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"`ls missing` fails: .*missing"):
        play(["ls missing"], tmp_path)


def test_a_workspace_without_a_training_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), str(tmp_path / "x.svg")]) == 2
    assert "there is no test manifest. Run: asr train" in capsys.readouterr().err
    assert not (tmp_path / "x.svg").exists()
