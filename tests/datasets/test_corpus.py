"""From a workspace's recordings, or from none, to manifests that hold what they should."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.core.errors import RecordingsError, WorkspaceError
from asr.settings.sections import Split, Voices
from asr.settings.template import render
from asr.settings.values import Settings
from asr.settings.workspace import SPLITS, Workspace
from datasets.corpus import build_external_dataset, build_manifests
from datasets.manifest import read_manifest

SENTENCES = ["turn on the light", "turn off the light", "switch on the light", "switch off the light"]


def workspace(folder: Path, **sections: object) -> Workspace:
    folder.mkdir(exist_ok=True)
    (folder / "asr.toml").write_text(render(Settings(**sections)))  # type: ignore[arg-type]
    return Workspace.open(folder)


def record(folder: Path, speakers: dict[str, int]) -> None:
    """Write a table of bursts of noise, each of another length."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(1)
    lines = ["file,transcript,speaker"]
    for speaker, count in speakers.items():
        for number in range(count):
            name = f"{speaker or 'nobody'}-{number}.wav"
            speech = rng.standard_normal(int(rng.integers(12000, 20000))) * 0.1
            pause = rng.standard_normal(8000) * 1e-4
            soundfile.write(folder / name, np.concatenate([pause, speech, pause]), 16000)
            lines.append(f"{name},{SENTENCES[number % 4]},{speaker}")
    (folder / "recordings.csv").write_text("\n".join(lines) + "\n")


def products(ws: Workspace) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(ws.build)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(ws.build.rglob("*"))
        if path.is_file()
    }


def test_recordings_become_manifests(tmp_path: Path) -> None:
    ws = workspace(tmp_path / "lamp")
    record(ws.recordings, {"ann": 8, "bob": 8, "cid": 8, "dan": 4, "eve": 4})
    (ws.recordings / "broken.wav").write_bytes(b"RIFF nothing")
    with (ws.recordings / "recordings.csv").open("a") as file:
        file.write("broken.wav,turn on the light,ann\n")
    prepared = build_manifests(ws, SENTENCES)
    assert prepared.by == "speaker"
    assert [Path(row.source).name for row in prepared.rejected] == ["broken.wav"]
    heard: dict[str, set[str]] = defaultdict(set)
    total = 0
    for name in SPLITS:
        rows = read_manifest(ws.manifest(name))
        total += len(rows)
        for row in rows:
            assert row.wav_filename.is_absolute()
            assert row.wav_filesize == row.wav_filename.stat().st_size
            assert soundfile.info(row.wav_filename).samplerate == 16000
            heard[row.wav_filename.parent.name].add(name)
    assert total == 32
    assert set(heard) == {"ann", "bob", "cid", "dan", "eve"}
    assert all(len(splits) == 1 for splits in heard.values())
    record_ = json.loads(ws.split_record.read_text())
    assert {speaker: {name} for name in SPLITS for speaker in record_[name]} == dict(heard)
    assert record_["by"] == "speaker"
    assert record_["remarks"] == []
    assert record_["rejected"] == 1
    assert sum(record_["recordings"].values()) == 32


def test_a_second_run_changes_no_byte_and_the_seed_is_all(tmp_path: Path) -> None:
    ws = workspace(tmp_path / "lamp")
    record(ws.recordings, {name: 5 for name in "abcdefgh"})
    build_manifests(ws, SENTENCES)
    first = products(ws)
    build_manifests(ws, SENTENCES)
    second = products(ws)
    assert {name: data for name, (data, _) in second.items()} == {name: data for name, (data, _) in first.items()}
    clips = [name for name in first if name.endswith(".wav")]
    assert len(clips) == 40
    assert all(first[name] == second[name] for name in clips)


def test_the_split_that_is_named_in_the_settings(tmp_path: Path) -> None:
    named = Split(train_speakers=("a", "b"), dev_speakers=("c",), test_speakers=("d",))
    ws = workspace(tmp_path / "lamp", split=named)
    record(ws.recordings, {name: 4 for name in "abcd"})
    build_manifests(ws, SENTENCES)
    split = json.loads(ws.split_record.read_text())
    assert (split["by"], split["train"], split["dev"], split["test"]) == ("named", ["a", "b"], ["c"], ["d"])
    wrong = workspace(tmp_path / "lamp", split=Split(test_speakers=("dd",)))
    with pytest.raises(WorkspaceError, match=r"split\.test_speakers names 'dd'"):
        build_manifests(wrong, SENTENCES)


def test_one_speaker_is_remarked_in_the_record(tmp_path: Path) -> None:
    ws = workspace(tmp_path / "lamp")
    record(ws.recordings, {"ann": 20})
    prepared = build_manifests(ws, SENTENCES)
    split = json.loads(ws.split_record.read_text())
    assert split["by"] == prepared.by == "recording"
    assert split["remarks"] == list(prepared.remarks)
    assert "1 speaker" in split["remarks"][0]


def test_the_same_sound_in_two_splits_is_remarked(tmp_path: Path) -> None:
    named = Split(train_speakers=("ann",), dev_speakers=("bob",), test_speakers=("cid",))
    ws = workspace(tmp_path / "lamp", split=named)
    record(ws.recordings, {"ann": 4, "bob": 4, "cid": 4})
    # Twice within a split is nothing to remark.
    for copy in ("ann-9.wav", "cid-9.wav"):
        shutil.copy(ws.recordings / "ann-1.wav", ws.recordings / copy)
    with (ws.recordings / "recordings.csv").open("a") as file:
        file.write(f"ann-9.wav,{SENTENCES[1]},ann\n")
    assert build_manifests(ws, SENTENCES).remarks == ()
    with (ws.recordings / "recordings.csv").open("a") as file:
        file.write(f"cid-9.wav,{SENTENCES[1]},cid\n")
    (remark,) = build_manifests(ws, SENTENCES).remarks
    assert "1 recording(s) are in more than one split" in remark and "(ann-1.wav and cid-9.wav)" in remark


def test_recordings_without_a_name_are_remarked_among_others(tmp_path: Path) -> None:
    ws = workspace(tmp_path / "lamp")
    record(ws.recordings, {"ann": 8, "bob": 8, "cid": 8, "": 3})
    assert any("3 of 27 recordings name no speaker" in remark for remark in build_manifests(ws, SENTENCES).remarks)


def test_voices_speak_where_nobody_did(tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader", reason="the synthetic voices' package is not installed: run `make setup`")
    ws = workspace(tmp_path / "light", voices=Voices(speakers=10, utterances=40))
    prepared = build_manifests(ws, SENTENCES)
    assert len(prepared.clips) == 40
    assert all(clip.synthetic for clip in prepared.clips)
    assert {clip.transcript for clip in prepared.clips} == set(SENTENCES)
    assert any("synthetic" in remark for remark in prepared.remarks)
    split = json.loads(ws.split_record.read_text())
    assert split["synthetic"] == split["recordings"]
    for name in SPLITS:
        assert read_manifest(ws.manifest(name))
        assert all(speaker.startswith("espeak-") for speaker in split[name])
    assert not set(split["train"]) & (set(split["dev"]) | set(split["test"]))
    first = products(ws)
    build_manifests(ws, SENTENCES)
    second = products(ws)
    assert {name: when for name, when in first.items() if name.endswith(".wav")} == {
        name: when for name, when in second.items() if name.endswith(".wav")
    }
    other = workspace(tmp_path / "again", voices=Voices(speakers=10, utterances=40))
    again = build_manifests(other, SENTENCES)
    assert again.splits == prepared.splits
    assert [(clip.speaker, clip.transcript, clip.seconds) for clip in again.clips] == [
        (clip.speaker, clip.transcript, clip.seconds) for clip in prepared.clips
    ]


def test_no_voice_speaks_where_it_is_forbidden(tmp_path: Path) -> None:
    ws = workspace(tmp_path / "lamp", voices=Voices(use="never"))
    with pytest.raises(RecordingsError, match=r"recordings: there are no recordings.*voices\.use"):
        build_manifests(ws, SENTENCES)


def test_two_recordings_are_too_few(tmp_path: Path) -> None:
    ws = workspace(tmp_path / "lamp")
    record(ws.recordings, {"ann": 2})
    with pytest.raises(RecordingsError, match="2 clips are too few"):
        build_manifests(ws, SENTENCES)


def test_the_digits_with_their_speakers_named(shared_data: Path, tmp_path: Path) -> None:
    """A table outside the workspace, 8 kHz: what `asr init --recordings` makes of it."""
    from asr.settings.sections import Recordings

    table = tmp_path / "digits.csv"
    lines = (shared_data / "digits" / "recordings.csv").read_text().splitlines()
    kept = [line for line in lines[1:] if "_1.flac" in line or "_2.flac" in line]
    folder = shared_data / "digits"
    table.write_text("\n".join([lines[0], *(f"{folder}/{line}" for line in kept)]) + "\n")
    named = Split(train_speakers=("jackson", "nicolas", "theo"), dev_speakers=("yweweler",), test_speakers=("lucas",))
    ws = workspace(tmp_path / "digits", split=named, recordings=Recordings(folder=str(table)))
    prepared = build_manifests(ws, SENTENCES)
    assert prepared.rejected == []
    assert {name: len(prepared.of(name)) for name in SPLITS} == {"train": 60, "dev": 20, "test": 20}


def test_recordings_added_later_move_nobody(tmp_path: Path) -> None:
    ws = workspace(tmp_path / "lamp")
    record(ws.recordings, {"ann": 8, "bob": 8, "cid": 8, "dan": 4, "eve": 4})
    build_manifests(ws, SENTENCES)
    before = json.loads(ws.split_record.read_text())
    table = (ws.recordings / "recordings.csv").read_text()
    # Whoever has the fewest recordings has the most now, and somebody new came.
    more = "".join(f"{n}.wav,{SENTENCES[n % 4]},fay\n" for n in range(8))
    for number in range(8):
        (ws.recordings / f"{number}.wav").write_bytes((ws.recordings / f"ann-{number}.wav").read_bytes())
    for number in range(4, 20):
        (ws.recordings / f"dan-{number}.wav").write_bytes((ws.recordings / f"bob-{number % 8}.wav").read_bytes())
        more += f"dan-{number}.wav,{SENTENCES[number % 4]},dan\n"
    (ws.recordings / "recordings.csv").write_text(table + more)
    build_manifests(ws, SENTENCES)
    after = json.loads(ws.split_record.read_text())
    for name in SPLITS:
        assert set(before[name]) <= set(after[name])
    assert sum("fay" in after[name] for name in SPLITS) == 1
    # Another wish, or a damaged record, deals everybody out anew, as in a new workspace.
    fresh = workspace(tmp_path / "fresh")
    fresh.recordings.symlink_to(ws.recordings, target_is_directory=True)
    build_manifests(fresh, SENTENCES)
    ws.split_record.write_text("[")
    build_manifests(ws, SENTENCES)
    assert {name: json.loads(ws.split_record.read_text())[name] for name in SPLITS} == {
        name: json.loads(fresh.split_record.read_text())[name] for name in SPLITS
    }


def test_a_take_that_was_handed_in_twice_judges_once(tmp_path: Path) -> None:
    ws = workspace(tmp_path / "lamp", split=Split(test_speakers=("bob",), train_speakers=("ann",)))
    record(ws.recordings, {"ann": 8, "bob": 8, "cid": 8, "dan": 4, "eve": 4})
    for speaker in ("ann", "bob"):
        samples, rate = soundfile.read(ws.recordings / f"{speaker}-0.wav")
        soundfile.write(ws.recordings / f"{speaker}-again.wav", 0.5 * samples[500:], rate)
        with (ws.recordings / "recordings.csv").open("a") as file:
            file.write(f"{speaker}-again.wav,{SENTENCES[0]},{speaker}\n")
    # Another one is the same file, sample for sample.
    shutil.copy(ws.recordings / "bob-1.wav", ws.recordings / "bob-twin.wav")
    with (ws.recordings / "recordings.csv").open("a") as file:
        file.write(f"bob-twin.wav,{SENTENCES[1]},bob\n")
    prepared = build_manifests(ws, SENTENCES)
    heard = [Path(clip.source).stem for clip in prepared.of("test")]
    assert sorted(heard) == [f"bob-{number}" for number in range(8)]
    # Trained on, it does no harm.
    where = {Path(clip.source).stem: split for clip, split in zip(prepared.clips, prepared.splits, strict=True)}
    assert where["ann-0"] == where["ann-again"] == "train"
    (remark,) = prepared.remarks
    assert "2 duplicate recording(s), listed in build/clips/duplicates.json" in remark
    assert build_manifests(ws, SENTENCES).splits == prepared.splits


def test_copies_of_what_was_trained_on_do_not_judge(tmp_path: Path) -> None:
    """With one speaker recordings are split one by one, and copies of a take land anywhere."""
    ws = workspace(tmp_path / "lamp")
    record(ws.recordings, {"ann": 40})
    for number in range(20):
        shutil.copy(ws.recordings / f"ann-{number}.wav", ws.recordings / f"ann-{number}b.wav")
        with (ws.recordings / "recordings.csv").open("a") as file:
            file.write(f"ann-{number}b.wav,{SENTENCES[number % 4]},ann\n")
    prepared = build_manifests(ws, SENTENCES)
    takes = {
        split: {Path(clip.source).stem.rstrip("b") for clip in prepared.of(split)} for split in ("train", "dev", "test")
    }
    assert takes["train"] and takes["dev"] and takes["test"]
    assert not takes["train"] & takes["dev"] and not takes["train"] & takes["test"] and not takes["dev"] & takes["test"]
    assert not any("in more than one split" in remark for remark in prepared.remarks)


def test_copies_are_named_where_nothing_else_is_left(tmp_path: Path) -> None:
    ws = workspace(tmp_path / "lamp")
    record(ws.recordings, {"ann": 1})
    for number in range(12):
        shutil.copy(ws.recordings / "ann-0.wav", ws.recordings / f"ann-{number}b.wav")
        with (ws.recordings / "recordings.csv").open("a") as file:
            file.write(f"ann-{number}b.wav,{SENTENCES[0]},ann\n")
    with pytest.raises(RecordingsError, match=r"13 clips are too few, \d of them duplicates: nothing is left"):
        build_manifests(ws, SENTENCES)


def test_who_was_trained_on_is_told_where_recordings_were_dealt_out_too(tmp_path: Path) -> None:
    ws = workspace(tmp_path / "lamp")
    record(ws.recordings, {"ann": 6, "bob": 6})
    assert build_manifests(ws, SENTENCES).by == "recording"
    dealt = json.loads(ws.split_record.read_text())
    who = dealt["test"][0]
    assert who in dealt["train"]
    record(tmp_path / "others", {who: 1, "eve": 2})
    name, others = build_external_dataset(ws, tmp_path / "others")
    assert name.startswith("others-") and len(others.of(name)) == 3
    (remark,) = others.remarks
    assert remark.startswith(f"Of 2 speakers, {who} were in train or dev")
    record(tmp_path / "strangers", {"eve": 2})
    assert build_external_dataset(ws, tmp_path / "strangers")[1].remarks == ()
