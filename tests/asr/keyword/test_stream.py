"""Streams of sound: words mixed into a background."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from asr.core import audio
from asr.keyword import stream


def test_a_word_that_cannot_be_read_is_left_out_of_the_stream(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(1)
    (tmp_path / "broken.wav").write_bytes(b"RIFF and no more")
    audio.write_wav(tmp_path / "word.wav", rng.normal(0, 3000, 8000).astype(np.int16))
    background = rng.normal(0, 300, 32000).astype(np.int16)
    words = [(str(tmp_path / name), 2) for name in ("broken.wav", "word.wav")]
    mixed, placed = stream.mix_words(background, words, 10.0, rng)
    assert len(placed) == 1 and placed[0].start == 2 * 50
    assert len(mixed) > 4 * 16000
    assert "broken.wav" in capsys.readouterr().err


def test_a_stream_of_many_words_ends_after_an_hour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_LONGEST", 20.0)
    audio.write_wav(tmp_path / "word.wav", np.full(8000, 3000, np.int16))
    words = [(str(tmp_path / "word.wav"), 2)] * 50
    mixed, placed = stream.mix_words(np.zeros(0, np.int16), words, 10.0, np.random.default_rng(1))
    assert 4 <= len(placed) <= 9
    assert len(mixed) < 30 * 16000
