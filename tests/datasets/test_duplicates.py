"""Copies of one take are found, whatever was done to the file, and two takes of one text are two."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy import signal

from asr.core.errors import WorkspaceError
from datasets.duplicates import Candidate, find_duplicates, originals

RATE = 16000


def take(seed: int, seconds: float = 0.9) -> np.ndarray:
    """A voice of gliding pitch before moving resonances, float32 [n]: one text, said a little differently each time."""
    rng = np.random.default_rng(seed)
    n = round(seconds * rng.uniform(0.97, 1.03) * RATE)
    times = np.arange(n) / n
    pitch = 120 * rng.uniform(0.95, 1.05) * (1 + 0.2 * np.sin(2 * np.pi * times * rng.uniform(0.8, 1.2)))
    pulses = np.diff(np.floor(np.cumsum(pitch) / RATE), prepend=0.0)
    voice = np.zeros(n)
    for low, high in ((300, 800), (2200, 900)):
        for part in range(8):
            centre = low + (high - low) * (part + rng.uniform(-0.3, 0.3)) / 7
            b, a = signal.iirpeak(max(centre, 150), 8, fs=RATE)
            window = np.exp(-(((times - (part + 0.5) / 8) / 0.09) ** 2))
            voice += signal.lfilter(b, a, pulses) * window
    return (0.3 * voice / np.abs(voice).max()).astype(np.float32)


def test_copies_are_found_whatever_was_done_to_the_file() -> None:
    rng = np.random.default_rng(9)
    one = take(1)
    quieter = 0.2 * np.concatenate([np.zeros(700, np.float32), one[300:], np.zeros(300, np.float32)])
    hissing = one + rng.standard_normal(len(one)).astype(np.float32) * 0.002
    turned = -one[: len(one) - 500]
    sounds = [one, take(2), quieter, hissing, turned, take(3), take(2)]
    assert originals(sounds) == [None, None, 0, 0, 0, None, 1]


def test_a_copy_of_a_copy_is_one_however_long_the_first_is() -> None:
    one = take(1, 1.5)
    step = round(0.09 * RATE)
    sounds = [one[2 * step :], take(2, 1.5), one, one[step:]]
    assert originals(sounds) == [None, None, 0, 0]


def test_takes_of_one_text_by_one_speaker_are_no_copies() -> None:
    assert originals([take(seed) for seed in range(25)]) == [None] * 25


def test_nothing_silent_or_empty_is_a_copy() -> None:
    assert originals([]) == []
    assert originals([np.zeros(0, np.float32), np.zeros(0, np.float32)]) == [None, None]
    assert originals([np.zeros(5000, np.float32), np.zeros(5000, np.float32)]) == [None, None]


def test_hum_does_not_make_two_takes_one() -> None:
    hum = 0.5 * np.sin(2 * np.pi * 50 * np.arange(2 * RATE) / RATE).astype(np.float32)
    sounds = [take(seed) for seed in (1, 2)]
    assert originals([sound + hum[: len(sound)] for sound in sounds]) == [None, None]


def write(path: Path, sound: np.ndarray) -> Path:
    pause = np.zeros(RATE // 2, np.float32)
    soundfile.write(path, np.concatenate([pause, sound, pause]), RATE)
    return path


def test_train_keeps_its_takes_and_a_file_named_twice_is_there_once(tmp_path: Path) -> None:
    names = ("a", "b", "again", "trained")
    paths = {name: write(tmp_path / f"{name}.flac", take(2 if name == "b" else 1)) for name in names}
    (tmp_path / "broken.wav").write_bytes(b"RIFF nothing")

    def row(name: str, split: str, speaker: str = "eve") -> Candidate:
        path = paths.get(name, tmp_path / name)
        return Candidate("on", speaker, path, split, name)

    cache = tmp_path / "duplicates.json"
    listed = [row("a", "test"), row("b", "test"), row("again", "dev"), row("broken.wav", "dev"), row("gone", "dev")]
    # Of test and dev, dev keeps a take; of one split, whoever comes first.
    assert find_duplicates(listed, cache) == [True, False, False, False, False]
    kept = json.loads(cache.read_text())["duplicates"]
    assert [(one["recording"], one["duplicate of"]) for one in kept] == [("a", "again")]
    assert find_duplicates([row("a", "test"), row("b", "test"), row("b", "test")], cache) == [False, False, True]
    trained = [row("a", "test"), row("again", "dev"), row("trained", "train"), row("trained", "train")]
    assert find_duplicates(trained, cache) == [True, True, False, False]
    # Another speaker's, or a text's, are others' takes.
    assert find_duplicates([row("a", "test"), row("again", "test", "ann")], cache) == [False, False]


def test_files_are_compared_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [write(tmp_path / f"{number}.flac", take(number % 2)) for number in range(3)]
    listed = [Candidate("on", "eve", path, "test", path.name) for path in paths]
    cache = tmp_path / "duplicates.json"
    assert find_duplicates(listed, cache) == [False, False, True]

    def fail(*_: object) -> None:
        raise WorkspaceError("read again")

    monkeypatch.setattr("datasets.duplicates.audio.load", fail)
    assert find_duplicates(listed, cache) == [False, False, True]
    trained = [Candidate("on", "eve", path, "train", path.name) for path in paths]
    assert find_duplicates(trained, cache) == [False] * 3, "nothing is to be judged by them"
    for damage in ("{", "[]", '{"of": 1}', '{"of": null, "duplicates": [1]}'):
        cache.write_text(damage)
        with pytest.raises(WorkspaceError, match="read again"):
            find_duplicates(listed, cache)
