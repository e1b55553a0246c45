"""`asr hear`: the files it writes, and what it says where it cannot."""

from __future__ import annotations

import stat
from pathlib import Path

import numpy as np
import pytest

from asr import audio, hear
from asr.augment.chain import Chain
from asr.augment.settings import Augment
from asr.errors import RecordingsError, SetupError

CHAIN = Chain(Augment(rooms=2))


def clips(folder: Path, count: int = 3) -> list[Path]:
    paths = []
    for number in range(count):
        rng = np.random.default_rng(number)
        path = folder / f"clip{number}.wav"
        audio.write_wav(path, (0.2 * rng.standard_normal(6000 + 900 * number)).clip(-1, 1).astype(np.float32))
        paths.append(path)
    return paths


def test_writes_what_the_chain_makes(tmp_path: Path) -> None:
    given = clips(tmp_path)
    examples = hear.hear(given, CHAIN, 4, tmp_path / "out", seed=5)
    assert len({example.clip for example in examples}) == 3
    for number, example in enumerate(examples):
        expected = CHAIN.apply(audio.load(example.clip), np.random.default_rng((5, number)))
        assert np.array_equal(audio.read_wav(example.wav), audio.to_int16(expected))
        assert example.wav.name == f"{number + 1:02d}-{example.clip.name}"
    picture = (tmp_path / "out" / hear.PICTURE).read_bytes()
    assert picture.startswith(b"\x89PNG")
    # Big-endian width and height follow the header's name: four rows are taller than they are wide.
    width, height = (int.from_bytes(picture[at : at + 4], "big") for at in (16, 20))
    assert width > 800
    assert height > 800


def test_spectrogram_shows_a_tone_at_its_frequency() -> None:
    tone = np.sin(2 * np.pi * 3000.0 * np.arange(8000) / 16000).astype(np.float32)
    levels = hear.spectrogram(tone)
    assert levels.shape[0] == 257
    assert (levels.argmax(axis=0) == 96).all()
    assert levels.max() == 0.0
    assert hear.spectrogram(np.zeros(10, np.float32)).min() == -75.0


def test_no_clips_say_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(RecordingsError, match="make manifests"):
        hear.hear([], CHAIN, 10, tmp_path)


def test_no_player_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(SetupError, match=r"aplay.*alsa-utils"):
        hear.hear(clips(tmp_path), CHAIN, 1, tmp_path / "out", play=True)
    assert not (tmp_path / "out").exists()


def test_plays_the_original_and_then_the_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    player = tmp_path / "bin" / "aplay"
    player.parent.mkdir()
    player.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/played\n')
    player.chmod(player.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(player.parent), prepend=":")
    examples = hear.hear(clips(tmp_path), CHAIN, 2, tmp_path / "out", play=True)
    expected = [f"-q {path}" for example in examples for path in (example.clip, example.wav)]
    assert (tmp_path / "played").read_text().split("\n")[:-1] == expected
