"""All files below a folder: through links, each real folder once, and what cannot be entered."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from asr.core import audio, tree


def test_links_are_followed_once_and_loops_end(tmp_path: Path) -> None:
    for name in ("in/a/1.wav", "in/b/2.wav", "out/3.wav", "out/deep/4.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    for link, target in {
        "a/out": "../../out",
        "b/again": "../../out/deep",
        "a/up": "..",
        "b/above": "../..",
        "b/x": "no",
    }.items():
        os.symlink(target, tmp_path / "in" / link)
    found = list(tree.walk(tmp_path / "in"))
    files = {str(item.path.relative_to(tmp_path / "in")) for item in found if not item.fault}
    assert files == {"a/1.wav", "b/2.wav", "a/out/3.wav", "a/out/deep/4.wav"}
    faults = {item.path.name: item.fault for item in found if item.fault}
    assert faults["up"] == "it is a link to a folder that is read already"
    assert faults["above"] == "it is a link that leads back to a folder above it"
    assert faults["again"] == "it is a link to a folder that is read already"
    assert faults["x"] == "it is a link to no, which is not there"
    paths = tree.RealPaths()
    for item in [*found, *(tree.Item(tmp_path / name) for name in ("in/b/again/4.wav", "in/b/up/..", "no/x"))]:
        assert paths.of(item.path) == os.path.realpath(item.path)
    assert audio.sound_files(tmp_path / "in") == sorted(tmp_path / "in" / name for name in files)


def test_folders_are_left_out_and_those_that_cannot_be_read_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("build/1.wav", "shut/2.wav", "3.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    os.mkfifo(tmp_path / "pipe.wav")
    real = os.scandir

    def scandir(path: Path) -> object:
        if Path(path).name == "shut":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = {item.path.name: item.fault for item in tree.walk(tmp_path, (tmp_path / "build",))}
    assert found == {
        "3.wav": "",
        "pipe.wav": "it is a device or a pipe, not a file",
        "shut": "the folder cannot be read: Permission denied",
    }
