"""`asr preview-augmentation`: the files it writes, and what it says where it cannot."""

from __future__ import annotations

import dataclasses
import stat
from pathlib import Path

import numpy as np
import pytest

from asr.augment import masks, preview
from asr.augment.chain import Chain
from asr.core import audio
from asr.core.errors import RecordingsError, SetupError
from asr.runtime.features import mfcc
from asr.settings.augment import Augment

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
    examples = preview.preview(given, CHAIN, 4, tmp_path / "out", seed=5)
    assert len({example.clip for example in examples}) == 3
    for number, example in enumerate(examples):
        expected = CHAIN.apply(audio.load(example.clip), np.random.default_rng((5, number)))
        assert np.array_equal(audio.read_wav(example.wav), audio.to_int16(expected))
        assert example.wav.name == f"{number + 1:02d}-{example.clip.name}"
    picture = (tmp_path / "out" / preview.PICTURE).read_bytes()
    assert picture.startswith(b"\x89PNG")
    # Big-endian width and height follow the header's name: four rows are taller than they are wide.
    width, height = (int.from_bytes(picture[at : at + 4], "big") for at in (16, 20))
    assert width > 800
    assert height > 800


def test_what_masks_hide_is_told_and_drawn(tmp_path: Path) -> None:
    """By the edges of the filters themselves: a tone in the middle of a hidden band is heard most in one of it."""
    from asr.runtime.features import channel_edge

    plain = dataclasses.replace(CHAIN.settings, time_masks=0, frequency_masks=0)
    masked = dataclasses.replace(plain, time_masks=3, time_mask_share=0.5, frequency_masks=2, frequency_mask_widest=9)
    given = clips(tmp_path)
    pictures = []
    for name, settings in (("plain", plain), ("masked", masked)):
        (example,) = preview.preview(given, Chain(settings), 1, tmp_path / name, seed=3)
        pictures.append((tmp_path / name / preview.PICTURE).read_bytes())
        assert ("masked: nothing" in example.describe()) == (settings is plain)
    assert pictures[0] != pictures[1]
    (low, high), *_ = example.masks.bands
    first, last = example.masks.times[0]
    told = example.describe()
    assert f"{0.02 * first:.2f} to {0.02 * last:.2f} s" in told
    assert f"{channel_edge(low):.0f} to {channel_edge(high):.0f} Hz" in told
    for channel in (3, 17, 38):
        tone = np.sin(2 * np.pi * (channel_edge(channel) + channel_edge(channel + 1)) / 2 * np.arange(16000) / 16000)
        _, backward = masks._cosines(26)
        levels = (mfcc(audio.to_int16(0.5 * tone.astype(np.float32)))[20] @ backward.T).argsort()
        assert abs(int(levels[-1]) - channel) <= 1


def test_examples_of_before_do_not_stay(tmp_path: Path) -> None:
    given = clips(tmp_path)
    out = tmp_path / "out"
    preview.preview(given, CHAIN, 4, out)
    (out / "notes.wav").write_bytes(b"mine")
    preview.preview(given, CHAIN, 2, out)
    assert sorted(path.name[:2] for path in out.glob("*.wav")) == ["01", "02", "no"]


def test_spectrogram_shows_a_tone_at_its_frequency() -> None:
    tone = np.sin(2 * np.pi * 3000.0 * np.arange(8000) / 16000).astype(np.float32)
    levels = preview.spectrogram(tone)
    assert levels.shape[0] == 257
    assert (levels.argmax(axis=0) == 96).all()
    assert levels.max() == 0.0
    assert preview.spectrogram(np.zeros(10, np.float32)).min() == -75.0


def test_no_clips_say_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(RecordingsError, match="make manifests"):
        preview.preview([], CHAIN, 10, tmp_path)


def test_no_player_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(SetupError, match=r"aplay.*alsa-utils"):
        preview.preview(clips(tmp_path), CHAIN, 1, tmp_path / "out", play=True)
    assert not (tmp_path / "out").exists()


def test_plays_the_original_and_then_the_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    player = tmp_path / "bin" / "aplay"
    player.parent.mkdir()
    player.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/played\n')
    player.chmod(player.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(player.parent), prepend=":")
    examples = preview.preview(clips(tmp_path), CHAIN, 2, tmp_path / "out", play=True)
    expected = [f"-q {path}" for example in examples for path in (example.clip, example.wav)]
    assert (tmp_path / "played").read_text().split("\n")[:-1] == expected
