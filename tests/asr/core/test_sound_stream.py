"""Long files a piece at a time: the sound of `audio.load`, and the same errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.core import audio
from asr.core.errors import AudioError
from asr.core.sound_stream import LONG, pieces

SECONDS = LONG + 2.5


@pytest.mark.parametrize(("rate", "channels"), [(16000, 1), (8000, 2), (11025, 1)])
def test_pieces_are_the_file(tmp_path: Path, rate: int, channels: int) -> None:
    samples = 0.2 * np.random.default_rng(1).standard_normal((round(SECONDS * rate), channels))
    path = tmp_path / "long.flac"
    soundfile.write(path, samples.clip(-0.9, 0.9), rate)
    found = list(pieces(path))
    assert len(found) > LONG and max(map(len, found)) < 2.1 * audio.SAMPLE_RATE
    expected = audio.to_int16(audio.load(path)).astype(int)
    joined = np.concatenate(found)
    assert len(joined) == len(expected)
    assert np.abs(joined - expected).max() <= 2


def test_a_short_file_is_one_piece(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", 0.1 * np.ones(700), 8000)
    (found,) = pieces(tmp_path / "a.wav")
    np.testing.assert_array_equal(found, audio.to_int16(audio.load(tmp_path / "a.wav")))


def test_what_is_wrong_with_a_long_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "long.flac"
    soundfile.write(path, 0.2 * np.random.default_rng(1).standard_normal(round(SECONDS * 8000)), 8000)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + bytes(5000) + content[len(content) // 2 + 5000 :])
    with pytest.raises(AudioError, match=r"the file is (damaged|truncated) after 3\d\.\d of 62\.5 s"):
        list(pieces(path))
    with pytest.raises(AudioError, match="cannot be read: No such file"):
        list(pieces(tmp_path / "none.wav"))
