"""DeepSpeech's manifests, against the two readers of DeepSpeech v0.9.3: csv.DictReader and pandas."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas
import pytest

from asr.core.errors import ManifestError
from datasets.manifest import Row, read_manifest, write_manifest


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    path = tmp_path / "a b,c.wav"
    path.write_bytes(bytes(46))
    return path


def test_what_is_written_is_what_deepspeech_reads(tmp_path: Path, wav: Path) -> None:
    path = tmp_path / "train" / "train.csv"
    write_manifest(path, [Row(wav, 46, "null"), Row(wav, 46, "it's on")])
    frame = pandas.read_csv(path, encoding="utf-8", na_filter=False)
    assert list(frame.columns) == ["wav_filename", "wav_filesize", "transcript"]
    assert frame["wav_filesize"].dtype == "int64"
    assert frame.values.tolist() == [[str(wav), 46, "null"], [str(wav), 46, "it's on"]]
    with path.open("r", encoding="utf8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["wav_filename"], int(row["wav_filesize"]), row["transcript"]) for row in rows] == [
        (str(wav), 46, "null"),
        (str(wav), 46, "it's on"),
    ]
    assert path.read_bytes().startswith(b"wav_filename,wav_filesize,transcript\n")
    assert b"\r" not in path.read_bytes()
    assert read_manifest(path) == [Row(wav, 46, "null"), Row(wav, 46, "it's on")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"wav_filename,wav_filesize,transcript\n", "a header and no clips"),
        (b"\xef\xbb\xbfwav_filename,wav_filesize,transcript\nWAV,46,on\n", "train.csv:1: .*byte order mark"),
        (b"wav_filename,size,transcript\nWAV,46,on\n", "train.csv:1: no column 'wav_filesize'.*Rename 'size'"),
        (b"wav_filename,wav_filesize,transcript\nWAV,46,on\nWAV,big,on\n", "train.csv:3: the size 'big'"),
        (b"wav_filename,wav_filesize,transcript\nWAV,-1,on\n", "train.csv:2: the size '-1'"),
        (b"wav_filename,wav_filesize,transcript\nWAV,46\n", "train.csv:2: 2 fields"),
        (b"wav_filename,wav_filesize,transcript\n/no.wav,46,on\n", "train.csv:2: there is no clip /no.wav"),
        (b"wav_filename,wav_filesize,transcript\nWAV,46, \n", "train.csv:2: the transcript is empty"),
        (b"wav_filename,wav_filesize,transcript\nWAV,46,caf\xe9\n", "train.csv:2: this is not UTF-8"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, wav: Path, content: bytes, words: str) -> None:
    path = tmp_path / "train.csv"
    path.write_bytes(content.replace(b"WAV", f'"{wav}"'.encode()))
    with pytest.raises(ManifestError, match=words) as caught:
        read_manifest(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_manifest(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="make manifests"):
        read_manifest(tmp_path / "dev.csv")
