"""recordings.csv and folders of recordings: what is understood, and what is said of every mistake."""

from __future__ import annotations

import csv
import os
import re
from pathlib import Path

import numpy as np
import pytest

from asr.core import audio
from asr.core.alphabet import Alphabet
from asr.core.errors import RecordingsError, SentenceError
from datasets import recordings
from datasets.recordings import UNKNOWN_SPEAKER

ALPHABET = Alphabet()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.wav", "b.wav", "c.wav"):
        audio.write_wav(tmp_path / name, np.zeros(100, dtype=np.int16))
    return tmp_path


def table(folder: Path, text: str | bytes) -> Path:
    path = folder / "recordings.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_table_is_read(folder: Path) -> None:
    path = table(
        folder,
        "speaker,duration,file,transcript\n"
        f'ann,1.0,a.wav,turn on\n\nbob,2.0,./sub/../b.wav,  turn   off \n,3,{folder}/c.wav,"stop"\n',
    )
    found = recordings.read_csv(path, ALPHABET)
    assert [(item.path, item.transcript, item.speaker, item.source) for item in found] == [
        (folder / "a.wav", "turn on", "ann", "recordings.csv:2"),
        (folder / "b.wav", "turn off", "bob", "recordings.csv:4"),
        (folder / "c.wav", "stop", UNKNOWN_SPEAKER, "recordings.csv:5"),
    ]
    assert not any(item.synthetic for item in found)
    assert recordings.find(folder, ALPHABET) == found
    (remark,) = recordings.remarks(found)
    assert "1 of 3 recordings name no speaker" in remark
    assert recordings.remarks(found[:2]) == recordings.remarks(found[2:]) == []


def test_what_spreadsheets_write_is_read(folder: Path) -> None:
    """A byte order mark and CRLF are no mistake of the user's."""
    path = table(folder, "\ufefffile,transcript,speaker\r\na.wav,stop,ann\r\n".encode())
    assert [item.transcript for item in recordings.read_csv(path, ALPHABET)] == ["stop"]


def test_lines_are_those_of_the_file_even_after_a_field_of_two_lines(folder: Path) -> None:
    path = table(folder, 'file,transcript,note\na.wav,stop,"one\ntwo"\nb.wav,STOP,\n')
    with pytest.raises(SentenceError, match=rf"{re.escape(str(path))}:4: 'S' .*lower case"):
        recordings.read_csv(path, ALPHABET)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "recordings.csv: the file is empty"),
        ("\n\n", "recordings.csv: the file is empty"),
        ("file,transcript,speaker\n", "a header and no recordings"),
        ("file,transcipt,speaker\na.wav,stop,ann\n", ":1: .*Rename 'transcipt' to 'transcript'"),
        ("file,transcript,Speaker\na.wav,stop,ann\n", ":1: .*Rename 'Speaker' to 'speaker'"),
        ("wav_filename,wav_filesize,transcript\na.wav,1,stop\n", "Rename 'wav_filename' to 'file'"),
        ("a.wav,stop,ann\n", "no column 'file' in the header"),
        ("file,file,transcript\na.wav,a.wav,stop\n", "'file' occurs twice"),
        ("file;transcript;speaker\na.wav;stop;ann\n", "separated by semicolons"),
        ("file\ttranscript\na.wav\tstop\n", "separated by tabs"),
        ("file,transcript\na.wav,stop\n".encode("utf-16"), "UTF-16"),
        ("file,transcript\na.wav,stop\nb.wav,caf\xe9\n".encode("latin-1"), ":3: this is not UTF-8"),
        ("file,transcript\na.wav,yes, please\n", ":2: 3 fields, expected 2"),
        ("file,transcript\na.wav\n", ":2: 1 fields, expected 2"),
        ('file,transcript\na.wav,"stop\n', ":2: this is not CSV"),
        ("file,transcript\nz.wav,stop\ny.wav,stop\n", r":2: no such file 'z.wav' \(and 1 more"),
        ("file,transcript\na.wav,stop\n./a.wav,go\n", ":3: './a.wav' is also on line 2"),
        ("file,transcript\na.wav, \n", ":2: the transcript of 'a.wav' is empty"),
        ("file,transcript\n,stop\n", ":2: the file name is empty"),
    ],
)
def test_mistakes_are_named(folder: Path, content: str | bytes, words: str) -> None:
    path = table(folder, content)
    with pytest.raises(RecordingsError, match=words) as caught:
        recordings.read_csv(path, ALPHABET)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert caught.value.fix


@pytest.mark.parametrize(("text", "hint"), [("Stop", "lower case"), ("stop 2", "numbers as words"), ("h\xe9", "")])
def test_a_transcript_outside_the_alphabet(folder: Path, text: str, hint: str) -> None:
    path = table(folder, f"file,transcript\na.wav,stop\nb.wav,{text}\n")
    with pytest.raises(SentenceError, match=rf"recordings\.csv:3: .*not in the alphabet.*{hint}"):
        recordings.read_csv(path, ALPHABET)


def test_a_missing_table(tmp_path: Path) -> None:
    with pytest.raises(RecordingsError, match=r"x\.csv: no such file"):
        recordings.read_csv(tmp_path / "x.csv", ALPHABET)
    assert recordings.find(tmp_path / "nowhere", ALPHABET) == []


def test_folders_name_what_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name in (
        "turn on the light/ann_nohash_0.wav",
        "turn_off/bob_b_nohash_12.FLAC",
        "turn_off/take 3.wav",
        "turn_off/notes.txt",
        "_background_noise_/hum.wav",
        "problem_noise/drill.wav",
        "empty/readme.md",
        "custom_data/yes/ann_nohash_0.wav",
        "music/band.wav",
        "build/clips/ours.wav",
        "turn_off/._take 3.wav",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_bytes(b"x")
    found = recordings.find(tmp_path, ALPHABET, tmp_path / "build")
    told = capfd.readouterr().err
    assert all(f"{name}: a folder of this name holds noise" in told for name in ("music", "problem_noise"))
    assert told.count("\n") == 2
    assert [(item.path.name, item.transcript, item.speaker) for item in found] == [
        ("ann_nohash_0.wav", "turn on the light", "ann"),
        ("bob_b_nohash_12.FLAC", "turn off", "bob_b"),
        ("take 3.wav", "turn off", UNKNOWN_SPEAKER),
    ]
    assert found[0].source == "turn on the light/ann_nohash_0.wav"


def test_one_file_is_not_two_sentences(tmp_path: Path) -> None:
    for name in ("stop", "go"):
        (tmp_path / name).mkdir()
    (tmp_path / "stop" / "a.wav").write_bytes(b"x")
    (tmp_path / "go" / "b.wav").symlink_to(tmp_path / "stop" / "a.wav")
    with pytest.raises(RecordingsError, match=r"stop/a\.wav: it is the same file as one in go/"):
        recordings.find(tmp_path, ALPHABET)


def test_names_that_no_table_can_hold(tmp_path: Path, folder: Path) -> None:
    """Latin-1 out of an old archive, and columns that were swapped."""
    (tmp_path / "stop").mkdir()
    (tmp_path / os.fsdecode(b"stop/caf\xe9.wav")).write_bytes(b"x")
    with pytest.raises(RecordingsError, match=r"caf\\udce9\.wav is not UTF-8\. Rename the file"):
        recordings.find(tmp_path, ALPHABET)
    path = table(folder, f"file,transcript\n{'turn on the light ' * 20},a.wav\n")
    with pytest.raises(RecordingsError, match=r"recordings\.csv:2: no such file 'turn on"):
        recordings.read_csv(path, ALPHABET)


def test_a_folder_outside_the_alphabet(tmp_path: Path) -> None:
    (tmp_path / "Turn_on").mkdir()
    (tmp_path / "Turn_on" / "a.wav").write_bytes(b"x")
    with pytest.raises(SentenceError, match=r"Turn_on: the folder's name is the transcript.*lower case"):
        recordings.find(tmp_path, ALPHABET)


def test_sounds_that_nobody_labelled(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"x")
    with pytest.raises(RecordingsError, match=r"no transcript for a\.wav.*recordings\.csv"):
        recordings.find(tmp_path, ALPHABET)


@pytest.mark.parametrize(("name", "count", "speakers"), [("coffee", 492, 47), ("digits", 2500, 5)])
def test_real_tables(shared_data: Path, name: str, count: int, speakers: int) -> None:
    path = shared_data / name / "recordings.csv"
    found = recordings.read_csv(path, ALPHABET)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(found) == len(rows) == count
    assert [(item.transcript, item.speaker) for item in found] == [(row["transcript"], row["speaker"]) for row in rows]
    assert len({item.speaker for item in found}) == speakers
