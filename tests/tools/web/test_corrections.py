"""Corrections become recordings that training reads, and a killed process leaves nothing half done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from asr.core import audio
from asr.core.errors import BusyError, RecordingsError, SentenceError
from asr.core.files import exclusive
from asr.settings.workspace import SPLITS, Workspace
from datasets.corpus import build_manifests
from datasets.recordings import find, read_csv
from tests.tools.web.lamp import make_workspace
from tools.web.corrections import Corrections

REPOSITORY = Path(__file__).resolve().parents[3]
SOUND = np.arange(-4000, 4000, dtype=np.int16)


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "lamp", device=False)


def recorded(ws: Workspace) -> list[tuple[str, str]]:
    return [(one.transcript, one.speaker) for one in find(ws.recordings, ws.alphabet)]


def test_a_correction_is_a_row_of_recordings_csv(ws: Workspace) -> None:
    corrections = Corrections(ws)
    first = corrections.file_command(SOUND, " bad  cab", "Ann Lee")
    corrections.file_command(SOUND, "fade cage", "")
    assert recorded(ws) == [("bad cab", "Ann Lee"), ("fade cage", "unknown")]
    assert (audio.read_wav(first) == SOUND).all()


def test_a_correction_is_in_the_manifests_that_training_reads(ws: Workspace) -> None:
    generator = np.random.default_rng(1)
    corrections = Corrections(ws)
    filed = set()
    for speaker in ("ann", "bo", "cy"):
        for sentence in ("bad cab", "fade cage"):
            sound = generator.integers(-9000, 9000, 16000).astype(np.int16)
            corrections.file_command(sound, sentence, speaker)
            filed.add((audio.to_int16(sound).tobytes(), sentence))
    build_manifests(ws, [])
    rows = pd.concat([pd.read_csv(ws.manifest(split)) for split in SPLITS])
    clips = [audio.read_wav(ws.build / path) for path in rows["wav_filename"]]
    # Noise throughout is not trimmed, so the clips are what was filed, sample for sample.
    assert {(clip.tobytes(), text) for clip, text in zip(clips, rows["transcript"], strict=True)} == filed


@pytest.mark.parametrize("name", ["recordings.csv", "Recordings.CSV"])
def test_a_table_keeps_its_rows_and_columns(ws: Workspace, name: str) -> None:
    ws.recordings.mkdir()
    audio.write_wav(ws.recordings / "a.wav", SOUND)
    table = ws.recordings / name
    before = '\ufeffspeaker,note,transcript,file\r\n"Bo","a, b",bad bag,a.wav'
    table.write_bytes(before.encode())
    table.chmod(0o640)
    Corrections(ws).file_command(SOUND, "bad cab", "Ann")
    assert table.read_bytes().startswith(before.encode() + b"\n") and table.stat().st_mode & 0o777 == 0o640
    assert recorded(ws) == [("bad bag", "Bo"), ("bad cab", "Ann")]


def test_a_table_may_lie_elsewhere_or_be_a_header_alone(tmp_path: Path, ws: Workspace) -> None:
    (tmp_path / "speech").mkdir()
    table = tmp_path / "speech" / "recordings.csv"
    table.write_text("file,transcript\n")
    ws.recordings.mkdir()
    (ws.recordings / "recordings.csv").symlink_to(table)
    path = Corrections(ws).file_command(SOUND, "bad cab", "Ann")
    assert path.parent == tmp_path / "speech" / "corrections"
    assert (ws.recordings / "recordings.csv").is_symlink()
    assert [one.transcript for one in read_csv(table, ws.alphabet)] == ["bad cab"]


@pytest.mark.parametrize(("folder", "made"), [("bad cab", "fade cage"), ("bad_cab", "fade_cage")])
def test_a_correction_goes_into_the_folder_of_its_sentence(ws: Workspace, folder: str, made: str) -> None:
    audio.write_wav(ws.recordings / folder / "bo_nohash_0.wav", SOUND)
    corrections = Corrections(ws)
    assert corrections.file_command(SOUND, "bad cab", "Ann Lee").parent.name == folder
    assert corrections.file_command(SOUND, "fade cage", "").parent.name == made
    assert sorted(recorded(ws)) == [("bad cab", "Ann Lee"), ("bad cab", "bo"), ("fade cage", "unknown")]
    assert not (ws.recordings / "recordings.csv").exists()


def test_other_speech_is_filed_with_and_without_its_transcript(ws: Workspace) -> None:
    corrections = Corrections(ws)
    corrections.file_other(SOUND, "A bad  egg".replace("egg", "face"), "Ann")
    corrections.file_other(SOUND, "", "")
    (row,) = read_csv(ws.other_speech / "recordings.csv", ws.alphabet)
    assert (row.transcript, row.speaker) == ("a bad face", "Ann")
    assert len(audio.sound_files(ws.other_speech)) == 2 and not ws.recordings.exists()
    with pytest.raises(SentenceError, match="is a command"):
        corrections.file_other(SOUND, "bad cab", "")


@pytest.mark.parametrize("text", ["", "bad", "bad cabs", "../../bad cab", "bad cab\0"])
def test_what_is_no_sentence_is_not_filed(ws: Workspace, text: str) -> None:
    with pytest.raises(SentenceError, match="is no sentence"):
        Corrections(ws).file_command(SOUND, text, "")
    assert not ws.recordings.exists()


@pytest.mark.parametrize("speaker", ["../ann", "a/b", ".ann", "ann\n,x", "a" * 41, "=1+1", "ann.wav"])
def test_a_speaker_is_no_path(ws: Workspace, speaker: str) -> None:
    if "\n" in speaker:
        speaker = speaker.replace("\n", ";")
    with pytest.raises(RecordingsError, match="no name of a speaker"):
        Corrections(ws).file_command(SOUND, "bad cab", speaker)
    assert not ws.recordings.exists()


def test_a_near_sentence_is_proposed(ws: Workspace) -> None:
    with pytest.raises(SentenceError, match="'fade bead'"):
        Corrections(ws).check_sentence("fade beads")


def test_recordings_that_training_cannot_read_are_left_alone(ws: Workspace) -> None:
    ws.recordings.mkdir()
    table = ws.recordings / "recordings.csv"
    table.write_text("file,transcript,speaker\ngone.wav,bad cab,Ann\n")
    with pytest.raises(RecordingsError, match="no such file"):
        Corrections(ws).file_command(SOUND, "bad cab", "")
    assert list(ws.recordings.iterdir()) == [table]


def test_two_processes_do_not_file_at_once(ws: Workspace) -> None:
    with exclusive(ws.build / ".corrections.lock"), pytest.raises(BusyError):
        Corrections(ws).file_command(SOUND, "bad cab", "")


FILING = """
import sys
from pathlib import Path
import numpy as np
from asr.settings.asr_toml import read
from asr.settings.workspace import Workspace
from tools.web.corrections import Corrections

root = Path(sys.argv[1])
corrections = Corrections(Workspace(root, read(root / "asr.toml").settings()))
sound = np.arange(-20000, 20000, dtype=np.int16)
number = 0
while True:
    number += 1
    if number % 3:
        print(corrections.file_command(sound, "bad cab", "Ann"), flush=True)
    else:
        print(corrections.file_other(sound, "a bad face", "Ann"), flush=True)
"""
MOMENTS = int(os.environ.get("KILLS", "4"))


@pytest.mark.parametrize("layout", ["table", "folders"])
def test_kill_9_loses_nothing_that_was_filed_and_leaves_no_half_file(ws: Workspace, layout: str) -> None:
    sound = np.arange(-20000, 20000, dtype=np.int16)
    if layout == "folders":
        audio.write_wav(ws.recordings / "bad cab" / "bo_nohash_0.wav", sound)
    filed: set[Path] = set()
    for moment in range(MOMENTS):
        process = subprocess.Popen(
            [sys.executable, "-c", FILING, str(ws.root)], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
        )
        assert process.stdout is not None
        filed.add(Path(process.stdout.readline().strip()))
        time.sleep(0.02 + 0.0137 * moment)
        os.kill(process.pid, signal.SIGKILL)
        filed |= {Path(line.strip()) for line in process.stdout if line.endswith("\n")}
        process.wait()
        process.stdout.close()
        known = {one.path for one in find(ws.recordings, ws.alphabet)}
        if (ws.other_speech / "recordings.csv").exists():
            known |= {one.path for one in read_csv(ws.other_speech / "recordings.csv", ws.alphabet)}
        assert filed <= known
        for path in known | set(audio.sound_files(ws.other_speech)):
            assert len(audio.read_wav(path)) == len(sound)
    assert len(filed) > MOMENTS
