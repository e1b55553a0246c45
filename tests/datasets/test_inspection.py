"""A recording is read once: what is known of it is kept until it changes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from asr.core import audio
from datasets import inspection
from datasets.inspection import inspect
from tests.recorded_speech import recording


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "recordings" / f"{seed}.wav" for seed in range(4)]
    for seed, path in enumerate(paths):
        audio.write_wav(path, recording(seed, 0.5 + 0.1 * seed))
    broken = tmp_path / "recordings" / "broken.wav"
    broken.write_bytes(b"RIFF nothing")
    return [*paths, broken]


def test_only_what_changed_is_read_again(files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "build" / "measures.npz"
    first = inspect(files, cache)
    assert first.of(1).seconds == pytest.approx(1.6) and first.faults.keys() == {4}
    read: list[str] = []
    original = inspection.sound_file.read
    monkeypatch.setattr(inspection.sound_file, "read", lambda path: read.append(Path(path).name) or original(path))
    second = inspect(files[::-1], cache)
    assert read == ["broken.wav"]
    for name in ("measures", "sketches", "voices"):
        np.testing.assert_array_equal(getattr(second, name)[::-1], getattr(first, name))
    audio.write_wav(files[2], recording(9, 0.9))
    os.utime(files[2], (1, 1))
    read.clear()
    assert inspect(files[:4], cache).of(2).seconds == pytest.approx(1.9) and read == ["2.wav"]
    read.clear()
    cache.write_bytes(b"no archive")
    inspect(files[:4], cache)
    assert read == ["0.wav", "1.wav", "2.wav", "3.wav"]


def test_a_workspace_that_moved_is_not_read_again(files: list[Path], tmp_path: Path) -> None:
    cache = tmp_path / "measures.npz"
    inspect(files[:4], cache, tmp_path)
    moved = tmp_path.with_name(f"{tmp_path.name}-moved")
    tmp_path.rename(moved)
    keys = [inspection._key(moved / "recordings" / f"{seed}.wav", moved) for seed in range(4)]
    with np.load(moved / "measures.npz") as kept:
        assert kept["keys"].tolist() == keys


def test_processes_find_the_same(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    alone = inspect(files)
    monkeypatch.setattr(inspection, "_CHUNK", 2)
    together = inspect(files)
    np.testing.assert_array_equal(alone.measures, together.measures)
    assert alone.faults == together.faults


def test_an_hour_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "_LARGE", 1000)
    monkeypatch.setattr(inspection, "LONGEST", 1.0)
    path = tmp_path / "hour.wav"
    audio.write_wav(path, recording(1, 2.0))
    assert "lasts" in inspect([path]).faults[0][0]
