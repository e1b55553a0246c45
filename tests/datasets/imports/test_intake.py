"""From items to a recordings.csv that training reads, and a table of what is left out."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.core.alphabet import Alphabet
from asr.core.errors import RecordingsError
from datasets.imports import cutting
from datasets.imports.corpus import Item, LeftOut
from datasets.imports.intake import BAD_NAME, NO_BYTES, NO_FILE, TWICE, UNREADABLE, Intake
from datasets.imports.kaldi import Kaldi
from datasets.imports.transcripts import EMPTY, OUTSIDE_ALPHABET
from datasets.recordings import read_csv
from tests.datasets.imports.trees import put, take


def item(sound: Path, transcript: str = "Stop!", speaker: str = "anna") -> Item:
    return Item(str(sound), transcript, speaker, "table:1")


def listed(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_recordings_csv_is_what_training_reads(tmp_path: Path) -> None:
    put(tmp_path, {"work/in.wav": b"1", "a,b/two.wav": b"22", "three.wav": b"333"})
    items = [
        item(tmp_path / "work/in.wav"),
        Item(str(tmp_path / "a,b/two.wav"), "go, now", "  Ben  B ", "t:2", size=2),
        Item(str(tmp_path / "three.wav"), "go", "", "t:3", size=2),
    ]
    outcome = take(iter(items), tmp_path / "work").outcome
    found = read_csv(tmp_path / "work" / "recordings.csv", Alphabet())
    assert [(one.path, one.transcript, one.speaker) for one in found] == [
        (tmp_path / "work/in.wav", "stop", "anna"),
        (tmp_path / "a,b/two.wav", "go now", "Ben B"),
        (tmp_path / "three.wav", "go", "unknown"),
    ]
    assert (tmp_path / "work/recordings.csv").read_text().splitlines()[1] == "in.wav,stop,anna"
    assert (outcome.kept, outcome.speakers, outcome.nameless, outcome.resized) == (3, 3, 1, 1)


def test_what_is_left_out_is_listed_with_its_reason(tmp_path: Path) -> None:
    put(tmp_path, {"one.wav": b"1", "empty.wav": b"", "two.wav ": b"2", "line\nbreak.wav": b"3"})
    bad_name = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.wav")
    items = [
        item(tmp_path / "one.wav"),
        item(tmp_path / "one.wav"),
        item(tmp_path / "missing.wav"),
        item(tmp_path),
        item(tmp_path / ("x" * 300)),
        item(tmp_path / "empty.wav"),
        item(tmp_path / "two.wav "),
        item(tmp_path / "line\nbreak.wav"),
        Item(bad_name, "stop", "", "t"),
        item(tmp_path / "one.wav", "..."),
        item(tmp_path / "one.wav", "route 66"),
        item(tmp_path / "one.wav", "x" * 50_000),
        item(tmp_path / "one.wav", speaker="x" * 50_000),
        LeftOut("table:9", "\udcff", "another reason"),
    ]
    outcome = take(iter(items), tmp_path).outcome
    long = ["its transcript is longer than 2000 characters", "its speaker's name is longer than 200 characters"]
    rows = listed(tmp_path / "left_out.csv")
    assert [row["reason"] for row in rows] == [
        *(TWICE, NO_FILE, NO_FILE, NO_FILE, NO_BYTES, BAD_NAME, BAD_NAME, BAD_NAME, EMPTY, OUTSIDE_ALPHABET),
        *(*long, "another reason"),
    ]
    assert max(len(row["transcript"]) for row in rows) == 200
    assert outcome.kept == 1 and outcome.left_out.total() == len(rows) == 13


def test_a_table_that_exists_is_not_overwritten(tmp_path: Path) -> None:
    put(tmp_path, {"recordings.csv": "mine", "one.wav": b"1"})
    with pytest.raises(RecordingsError, match="not overwritten"):
        take(iter([item(tmp_path / "one.wav")]), tmp_path)
    assert (tmp_path / "recordings.csv").read_text() == "mine"


def test_a_table_that_appears_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    put(tmp_path, {"one.wav": b"1"})
    intake = Intake(tmp_path / "recordings.csv", tmp_path / "left_out.csv", Alphabet())
    staged = intake.stage(iter([item(tmp_path / "one.wav")]))
    put(tmp_path, {"recordings.csv": "mine"})
    with pytest.raises(RecordingsError, match="not overwritten"):
        intake.put(staged)
    assert (tmp_path / "recordings.csv").read_text() == "mine"


def test_append_keeps_every_byte_and_the_order_of_columns(tmp_path: Path) -> None:
    before = 'speaker,note,file,transcript\nben,"a, b",two.wav,go\nben,,./three.wav,go'
    put(tmp_path, {"recordings.csv": before, "one.wav": b"1", "two.wav": b"2", "three.wav": b"3"})
    items = [item(tmp_path / name) for name in ("one.wav", "two.wav", "three.wav")]
    outcome = take(iter(items), tmp_path, append=True).outcome
    assert (tmp_path / "recordings.csv").read_text() == before + "\nanna,,one.wav,stop\n"
    assert outcome.left_out == {TWICE: 2}
    again = take(iter(items), tmp_path, append=True).outcome
    assert (again.kept, again.left_out) == (0, {TWICE: 3})
    assert (tmp_path / "recordings.csv").read_text() == before + "\nanna,,one.wav,stop\n"


def test_append_names_all_columns_that_are_missing(tmp_path: Path) -> None:
    put(tmp_path, {"recordings.csv": "file,text\n"})
    with pytest.raises(RecordingsError, match="no column transcript and no column speaker"):
        take(iter([]), tmp_path, append=True)


def test_an_import_that_breaks_off_leaves_no_table(tmp_path: Path) -> None:
    put(tmp_path, {"one.wav": b"1"})

    def broken() -> Iterator[Item]:
        yield item(tmp_path / "one.wav")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take(broken(), tmp_path)
    assert not (tmp_path / "recordings.csv").exists()
    take(iter([item(tmp_path / "one.wav")]), tmp_path)
    assert len(listed(tmp_path / "recordings.csv")) == 1


def test_nothing_that_can_be_used_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RecordingsError) as caught:
        take(iter([item(tmp_path / "a.wav"), item(tmp_path / "b.wav"), LeftOut("t", "", "x")]), tmp_path)
    assert str(caught.value).startswith("nothing of it can be used: 2 x there is no such file; 1 x x. See ")
    assert len(listed(tmp_path / "left_out.csv")) == 3
    assert not (tmp_path / "recordings.csv").exists()


def test_segments_are_cut_sample_for_sample_and_only_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = np.random.default_rng(1).integers(-9000, 9000, 16000).astype(np.int16)
    source = put(tmp_path / "data", {
        "wav.scp": "long long.flac\nbad bad.wav\n",
        "text": "a/b GO\nu2 STOP\nu3 NO\nu4 NO\n",
        "segments": "a/b long 0.25 0.5\nu2 long 1.5 -1\nu3 long 1.0 9.0\nu4 bad 0 1\n",
        "bad.wav": b"no sound",
    })  # fmt: skip
    soundfile.write(source / "long.flac", samples, 8000, subtype="PCM_16")
    intake = take(Kaldi().items(source), tmp_path / "work")
    found = read_csv(tmp_path / "work" / "recordings.csv", Alphabet())
    assert [one.transcript for one in found] == ["go", "stop"]
    assert {one.path.parent for one in found} == {tmp_path / "work" / "segments"}
    for one, (start, end) in zip(found, ((2000, 4000), (12000, 16000)), strict=True):
        cut, rate = soundfile.read(one.path, dtype="int16")
        assert rate == 8000
        np.testing.assert_array_equal(cut, samples[start:end])
    assert intake.outcome.left_out == {UNREADABLE: 2}
    (tmp_path / "work" / "recordings.csv").unlink()
    monkeypatch.setattr(cutting, "_read", lambda *_: pytest.fail("it was cut already"))
    work = Intake(tmp_path / "work" / "recordings.csv", tmp_path / "left_out.csv", Alphabet())
    whole = (one for one in Kaldi().items(source) if isinstance(one, Item) and one.name in ("a/b", "u2"))
    work.put(work.stage(whole))
    assert read_csv(tmp_path / "work" / "recordings.csv", Alphabet()) == found
