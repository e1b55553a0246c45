"""Stored features: those of the clips, and computed again when a clip changes."""

from __future__ import annotations

import numpy as np

from asr.core import audio
from asr.ctc.feature_store import load
from asr.ctc.features import exact_mfcc
from tests.tone_training import write_clips


def test_stored_features_are_the_clips_and_follow_their_changes(tmp_path) -> None:
    clips = write_clips(tmp_path / "clips")[:4]
    expected = [exact_mfcc(audio.read_wav(clip.path)) for clip in clips]
    for _ in range(2):
        stored = load(clips, tmp_path / "features", "train")
        for one, other in zip(stored, expected, strict=True):
            np.testing.assert_array_equal(one, other)
            assert isinstance(one, np.memmap)
    load(clips[:1], tmp_path / "features", "dev")
    before = sorted(path.name for path in (tmp_path / "features").iterdir())
    audio.write_wav(clips[1].path, np.zeros(8000, np.int16))
    stored = load(clips, tmp_path / "features", "train")
    np.testing.assert_array_equal(stored[1], exact_mfcc(np.zeros(8000, np.int16)))
    np.testing.assert_array_equal(stored[3], expected[3])
    after = sorted(path.name for path in (tmp_path / "features").iterdir())
    assert len(after) == len(before) == 4 and after != before
