"""Mended copies lack the fault and keep the speech; originals stay byte for byte."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.core import audio, tables
from asr.core.errors import RecordingsError
from datasets import defects
from datasets.mending import NOTHING, mend, mend_sound
from datasets.recordings import Recording
from tests.recorded_speech import RATE, Float, recording

CLEAN = recording(2, 1.5)
TIMES = np.arange(len(CLEAN)) / RATE
HUM = (0.03 * np.sin(2 * np.pi * 50 * TIMES) + 0.02 * np.sin(2 * np.pi * 150 * TIMES)).astype(np.float32)


def error(sound: Float) -> float:
    """What differs from the clean recording, dB relative to it."""
    return float(10 * np.log10(np.sum((sound - CLEAN) ** 2) / np.sum(CLEAN**2)))


def test_offset_and_hum_are_removed_and_the_speech_is_kept() -> None:
    offset, done = mend_sound((CLEAN + np.float32(0.05))[:, None], RATE)
    assert error(offset) < -30 and done == ["DC offset of +5.0% removed"]
    before = error(CLEAN + HUM)
    sound, done = mend_sound((CLEAN + HUM)[:, None], RATE)
    assert error(sound) < before - 10 and done == ["hum removed at 50, 150 Hz"]
    assert defects.hum_tones(sound, -15) == {}


def test_a_quiet_recording_is_raised_and_a_long_pause_shortened() -> None:
    raised, done = mend_sound(CLEAN[:, None] * np.float32(0.01), RATE)
    assert np.abs(raised).max() == pytest.approx(0.4, abs=0.11) and done[0].startswith("raised by")
    np.testing.assert_allclose(raised, CLEAN * np.abs(raised).max() / np.abs(CLEAN).max(), atol=1e-4)
    long = recording(2, 1.5, pause=3.0)
    sound, done = mend_sound(long[:, None], RATE)
    assert len(sound) / RATE == pytest.approx(1.5 + 0.6, abs=0.3) and "cut off before" in done[0]


def test_a_good_recording_is_left_alone() -> None:
    sound, done = mend_sound(CLEAN[:, None], RATE)
    assert done == []
    np.testing.assert_array_equal(sound, CLEAN)


def test_the_new_folder_has_every_usable_recording(tmp_path: Path) -> None:
    source = tmp_path / "recordings"
    rows = []
    for name, sound in {
        "anna/hum.wav": CLEAN + HUM, "anna/good.flac": CLEAN, "anna/good.wav": CLEAN, "ben/muted.wav": CLEAN * 1e-5
    }.items():  # fmt: skip
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, sound, RATE)
        rows.append(Recording(path, "stop, please", path.parent.name))
    (source / "broken.wav").write_bytes(b"RIFF nothing")
    rows.append(Recording(source / "broken.wav", "stop", "ben"))

    def contents() -> dict[Path, str]:
        return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(source.rglob("*.*"))}

    before = contents()
    target = tmp_path / "mended"
    outcomes = mend(rows, source, target)
    assert contents() == before
    assert [one.file for one in outcomes] == ["anna/hum.wav", "anna/good.flac", "anna/good-2.wav", "", ""]
    assert [one.done for one in outcomes][1:3] == [NOTHING, NOTHING] and "silent" in outcomes[3].done
    assert (target / "anna/good.flac").read_bytes() == (source / "anna/good.flac").read_bytes()
    table = tables.read(target / "recordings.csv", RecordingsError, columns=("file", "transcript", "speaker"))
    assert [(row["file"], row["transcript"]) for _, row in table] == [
        (one.file, "stop, please") for one in outcomes[:3]
    ]
    assert error(audio.load(target / "anna/hum.wav")) < -20
    assert len(tables.read(target / "mended.csv", RecordingsError, columns=("file", "source", "done"))) == 5


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    source = tmp_path / "recordings"
    audio.write_wav(source / "a.wav", CLEAN)
    rows = [Recording(source / "a.wav", "stop", "anna")]
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    for target, what in ((tmp_path / "full", "exists already"), (source, "exists already"), (source / "new", "inside")):
        with pytest.raises(RecordingsError, match=what):
            mend(rows, source, target)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.wav", "full", "mine.txt", "recordings"]
