"""Copies of one take are found, whatever was done to the file, and two takes of one text are two."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy import signal

from asr.errors import WorkspaceError
from datasets.takes import copies, repeats

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
    found = copies(sounds)
    # All but one of each take, whichever it is.
    assert sum(found[index] for index in (0, 2, 3, 4)) == 3
    assert sum(found[index] for index in (1, 6)) == 1
    assert not found[5]


def test_takes_of_one_text_by_one_speaker_are_no_copies() -> None:
    assert copies([take(seed) for seed in range(25)]) == [False] * 25


def test_nothing_silent_or_empty_is_a_copy() -> None:
    assert copies([]) == []
    assert copies([np.zeros(0, np.float32), np.zeros(0, np.float32)]) == [False, False]
    assert copies([np.zeros(5000, np.float32), np.zeros(5000, np.float32)]) == [False, False]


def test_hum_does_not_make_two_takes_one() -> None:
    hum = 0.5 * np.sin(2 * np.pi * 50 * np.arange(2 * RATE) / RATE).astype(np.float32)
    sounds = [take(seed) for seed in (1, 2)]
    assert copies([sound + hum[: len(sound)] for sound in sounds]) == [False, False]


def test_files_are_compared_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = []
    for name, sound in (("a", take(1)), ("b", take(2)), ("again", take(1))):
        paths.append(tmp_path / f"{name}.flac")
        pause = np.zeros(RATE // 2, np.float32)
        soundfile.write(paths[-1], np.concatenate([pause, sound, pause]), RATE)
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF nothing")
    groups = [[*paths, broken, tmp_path / "gone.wav"], [paths[1]]]
    cache = tmp_path / "takes.json"
    found = repeats(groups, cache)
    assert len(found) == 1 and found < {paths[0], paths[2]}

    def fail(*_: object) -> None:
        raise WorkspaceError("read again")

    monkeypatch.setattr("datasets.takes.audio.load", fail)
    assert repeats(groups, cache) == found
    assert repeats([[paths[0]], []], cache) == frozenset()
    soundfile.write(paths[2], take(4), RATE)
    with pytest.raises(WorkspaceError):
        repeats(groups, cache)
