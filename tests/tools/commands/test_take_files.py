"""`asr takes`: takes as files or labels, the original untouched, nothing overwritten."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from asr.core import audio
from asr.core.errors import RecordingsError
from datasets import label_file
from tests.datasets.test_take_cutter import words
from tools.commands.steps.take_files import cut


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    audio.write_wav(tmp_path / "long.wav", words([0.5] * 5)[0])
    return tmp_path / "long.wav"


def test_takes_become_files(tmp_path: Path, recording: Path) -> None:
    before = recording.read_bytes()
    (line,) = cut([recording], tmp_path / "out")
    assert "5 takes" in line and recording.read_bytes() == before
    files = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in files] == [f"long-{number:02}.wav" for number in range(1, 6)]
    assert all(0.5 < len(audio.read_wav(path)) / 16000 < 1.1 for path in files)
    # A run that was killed is run again; files that are other ones stay.
    files[2].unlink()
    assert list(cut([recording], tmp_path / "out")) == [line] and files[2].exists()
    audio.write_wav(files[0], np.zeros(100, np.int16))
    with pytest.raises(RecordingsError, match="exists already"):
        list(cut([recording], tmp_path / "out"))
    assert len(audio.read_wav(files[0])) == 100


def test_labels_go_to_audacity_and_back(tmp_path: Path, recording: Path) -> None:
    list(cut([recording], tmp_path, labels=True))
    found = label_file.read(tmp_path / "long.txt")
    assert len(found) == 5
    named = [label_file.Label(one.start, one.end, "turn on" if number else "") for number, one in enumerate(found)]
    label_file.write(tmp_path / "mine.txt", named[:3])
    list(cut([recording], tmp_path / "out", given=tmp_path / "mine.txt"))
    assert sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.wav")) == [
        *("long-01.wav", "turn on/long-02.wav", "turn on/long-03.wav")
    ]
    whole, rate = audio.read_wav(recording), audio.SAMPLE_RATE
    first = audio.read_wav(tmp_path / "out" / "long-01.wav")
    start = round(found[0].start * rate)
    assert (first == whole[start : start + len(first)]).all()


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ("0.5\t1.0\t../up\n", "cannot name a folder"),
        ("90\t91\tstop\n", "after the end"),
        ("1\t1\tstop\n", "is a point"),
    ],
)
def test_labels_that_do_not_fit_cut_nothing(tmp_path: Path, recording: Path, label: str, reason: str) -> None:
    (tmp_path / "mine.txt").write_text(label)
    with pytest.raises(RecordingsError, match=reason):
        list(cut([recording], tmp_path / "out", given=tmp_path / "mine.txt"))
    assert not (tmp_path / "out").exists()
