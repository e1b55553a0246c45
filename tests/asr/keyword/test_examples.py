"""Clips that judge: what noise they meet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from asr import audio
from asr.ctc.conditions import KITCHEN, Noise
from asr.keyword import examples
from asr.keyword.windows import CLIP


@pytest.mark.parametrize("kind", ["water", "clatter", KITCHEN])
def test_a_clip_meets_the_same_second_of_noise_every_time_and_another_clip_another(kind: str) -> None:
    pieces = [examples._piece(Noise(kind, seed=3), f"{number} 0") for number in range(40)]
    examples._longer.cache_clear()
    again = [examples._piece(Noise(kind, seed=3), f"{number} 0") for number in range(40)]
    assert all(len(piece) == CLIP and piece.any() for piece in pieces)
    assert all(np.array_equal(one, other) for one, other in zip(pieces, again, strict=True))
    assert len({piece.tobytes() for piece in pieces}) == len(pieces)
    assert not np.array_equal(examples._piece(Noise(kind, seed=4), "0 0"), pieces[0])


def test_a_folders_own_noise_is_heard_as_it_is(tmp_path: Path) -> None:
    sound = np.random.default_rng(1).normal(0, 0.1, 2 * CLIP).astype(np.float32)
    audio.write_wav(tmp_path / "x.wav", audio.to_int16(sound))
    noise = Noise("tests", (tmp_path / "x.wav",))
    piece = examples._piece(noise, "a")
    assert np.array_equal(piece, noise.piece("a", CLIP)) and piece.any()
