"""What a keyword model learns from: which recordings are found, how they are split, and what is said of mistakes."""

from __future__ import annotations

import csv
import json
import shutil
import tarfile
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from asr.core import audio
from asr.core.errors import RecordingsError
from asr.keyword.jobs import plan
from asr.settings.values import with_values
from asr.settings.workspace import Workspace
from datasets import keywords, speech_commands
from datasets.keyword_split import SPLIT_RECORD
from tests.keyword_words import SPEAKERS, make_workspace, tune, write_words
from tools.commands.steps.keyword import find_recordings, make_features


def reopened(ws: Workspace, old: str, new: str) -> Workspace:
    """Return the workspace with a line of its asr.toml changed."""
    text = ws.toml.read_text()
    assert old in text
    ws.toml.write_text(text.replace(old, new))
    return Workspace.open(ws.root)


def test_a_folder_for_each_word_is_read_as_it_is(tmp_path: Path) -> None:
    ws = make_workspace(tmp_path / "ws")
    write_words(ws.root / "custom_data", 1, ("up",), first=3)
    (ws.root / "recordings" / "_background_noise_").mkdir()
    found = find_recordings(ws)
    assert len(found.utterances) == 4 * SPEAKERS * 3 + SPEAKERS
    assert {u.word for u in found.utterances} == {"up", "down", "low", "high"}
    assert {u.speaker for u in found.utterances} == {f"{n:08x}" for n in range(SPEAKERS)}
    assert ws.root / "recordings" / "_background_noise_" in found.noises


def test_what_is_made_of_recordings_is_the_same_wherever_the_workspace_lies(tmp_path: Path) -> None:
    ws = make_workspace(tmp_path / "ws")
    away = tmp_path / "away"
    write_words(away, 1, ("up",), first=3)
    ws = reopened(ws, 'corpus = ""', f'corpus = "{away}"')
    before = [(job.number, job.clips, job.splices) for job in plan(find_recordings(ws), ws.settings.keyword)]
    moved = Workspace.open(ws.root.rename(tmp_path / "moved"))
    found = find_recordings(moved)
    assert [(job.number, job.clips, job.splices) for job in plan(found, moved.settings.keyword)] == before
    called = {found.called(u.name) for u in found.utterances}
    assert all(name.startswith(("recordings/", f"{away}/")) for name in called) and len(called) == len(found.utterances)


def test_no_speaker_is_in_two_splits(tmp_path: Path) -> None:
    for name, how in (("speakers", 'split_by = "speakers"'), ("hash", 'split_by = "hash"')):
        ws = make_workspace(tmp_path / name)
        ws = reopened(ws, 'split_by = "speakers"', how)
        ws = reopened(ws, "validation_percent = 10.0", "validation_percent = 15.0")
        ws = reopened(ws, "testing_percent = 10.0", "testing_percent = 15.0")
        found = find_recordings(ws)
        splits = defaultdict(set)
        for utterance in found.utterances:
            splits[utterance.speaker].add(utterance.split)
        assert found.by == name
        assert all(len(each) == 1 for each in splits.values())
        for word in ("up", "down"):
            assert {u.split for u in found.utterances if u.word == word} == {"train", "dev", "test"}


def test_who_judged_goes_on_judging_when_others_come(tmp_path: Path) -> None:
    ws = make_workspace(tmp_path / "ws")
    before = {u.speaker: u.split for u in find_recordings(ws).utterances}
    # Only some words of theirs, so that they are dealt out in a group of their own; and more than there were.
    for word in ("up", "down", "low"):
        for speaker in range(SPEAKERS, 3 * SPEAKERS):
            audio.write_wav(ws.recordings / word / f"{speaker:08x}_nohash_0.wav", tune(word, speaker))
    after = {u.speaker: u.split for u in find_recordings(ws).utterances}
    assert {speaker: after[speaker] for speaker in before} == before
    assert {after[speaker] for speaker in after if speaker not in before} == {"train", "dev", "test"}
    (ws.keyword / SPLIT_RECORD).write_text("{")
    anew = {u.speaker: u.split for u in find_recordings(ws).utterances}
    assert anew != after and set(anew) == set(after)
    changed = reopened(ws, "test_speakers = []\nseed = 1\n", "test_speakers = []\nseed = 2\n")
    assert {u.speaker: u.split for u in find_recordings(changed).utterances} != anew


def test_one_name_in_the_collections_of_two_words_may_be_two_people(tmp_path: Path) -> None:
    ws = make_workspace(tmp_path / "ws")
    for word in ("down", "low", "high"):
        shutil.rmtree(ws.recordings / word)
    rows = [(f"up/{path.name}", path.name[:8], "up") for path in sorted((ws.recordings / "up").iterdir())]
    for speaker in range(100, 100 + SPEAKERS):
        for take in range(3):
            name = f"down/{speaker:08x}_nohash_{take}.wav"
            audio.write_wav(ws.recordings / name, tune("down", speaker % SPEAKERS, take))
            rows.append((name, f"{speaker:08x}", "down"))
    with open(ws.recordings / "recordings.csv", "w", newline="") as file:
        csv.writer(file).writerows([("file", "speaker", "transcript"), *rows])
    first = find_recordings(ws)
    record = json.loads((ws.keyword / SPLIT_RECORD).read_text())
    assert set(record["speakers"]) == {"up", "down"}
    assert [u.split for u in find_recordings(ws).utterances] == [u.split for u in first.utterances]


def test_published_lists_decide_where_they_are(tmp_path: Path) -> None:
    ws = make_workspace(tmp_path / "ws")
    lists = {"dev": "validation_list.txt", "test": "testing_list.txt"}
    for index, name in enumerate(lists.values()):
        rows = [f"{word}/{index:08x}_nohash_0.wav" for word in ("up", "down", "low")]
        (ws.recordings / name).write_text("\n".join(rows) + "\n")
    found = find_recordings(ws)
    assert found.by == "lists"
    for index, split in enumerate(lists):
        chosen = {(u.word, Path(u.name).name) for u in found.utterances if u.split == split}
        assert chosen == {(word, f"{index:08x}_nohash_0.wav") for word in ("up", "down", "low")}


def test_recordings_csv_names_words_by_transcript(tmp_path: Path) -> None:
    ws = make_workspace(tmp_path / "ws")
    rows = []
    for path in sorted(ws.recordings.rglob("*.wav")):
        rows.append((str(path.relative_to(ws.recordings)), path.parent.name, path.name[:8]))
    rows.append((rows[0][0].replace("down", "high"), "turn on the light", "x"))
    rows = [row for row in rows if row[0] != rows[-1][0]] + [rows[-1]]
    with (ws.recordings / "recordings.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "transcript", "speaker"), *rows])
    found = find_recordings(ws)
    assert len(found.utterances) == len(rows)
    assert sum(u.word == "down" for u in found.utterances) == 3 * SPEAKERS
    assert any(u.word == "turn on the light" for u in found.utterances)


def test_a_sentence_with_a_word_in_it_is_no_example_of_other_speech(tmp_path: Path) -> None:
    ws = make_workspace(tmp_path / "ws")
    for name, count in (("look_up", 2), ("upper", 3)):
        folder = ws.root / "recordings" / name
        folder.mkdir()
        for index in range(count):
            audio.write_wav(folder / f"0000000{index}_nohash_0.wav", tune("low", index))
    found = find_recordings(ws)
    assert {u.word for u in found.utterances} == {"up", "down", "low", "high", "upper"}
    assert any("left out: 2 recordings" in remark for remark in found.remarks)


def test_a_folder_named_like_an_option_is_a_word(tmp_path: Path) -> None:
    ws = make_workspace(tmp_path / "ws")
    shutil.copytree(ws.recordings / "up", ws.recordings / "--help")
    ws = reopened(ws, 'words = ["up", "down"]', 'words = ["up", "--help"]')
    found = find_recordings(ws)
    assert sum(u.word == "--help" for u in found.utterances) == 3 * SPEAKERS


def test_a_take_that_was_handed_in_twice_judges_once(tmp_path: Path) -> None:
    ws = make_workspace(tmp_path / "ws")
    before = find_recordings(ws)
    # All of what "up" there is, once more.
    write_words(ws.root / "custom_data", 3, ("up",))
    found = find_recordings(ws)
    counts = [sum(u.word == "up" and u.split == "train" for u in one.utterances) for one in (before, found)]
    assert counts[1] == 2 * counts[0] > 0
    for split in ("dev", "test"):
        counts = [sum(u.word == "up" and u.split == split for u in one.utterances) for one in (before, found)]
        assert counts[1] == counts[0] > 0
    assert any("duplicate recording(s)" in remark for remark in found.remarks)
    assert not any("duplicate recording(s)" in remark for remark in before.remarks)


def test_recordings_that_are_read_in_two_ways_are_there_once(tmp_path: Path) -> None:
    ws = make_workspace(tmp_path / "ws")
    before = find_recordings(ws)
    found = find_recordings(reopened(ws, 'corpus = ""', 'corpus = "recordings"'))
    for split in ("dev", "test"):
        counts = [Counter(u.word for u in one.utterances if u.split == split) for one in (before, found)]
        assert counts[0] == counts[1] and counts[0]["up"] > 0


def test_copies_are_named_where_a_word_has_nothing_else(tmp_path: Path) -> None:
    ws = make_workspace(tmp_path / "ws")
    for path in (ws.recordings / "up").iterdir():
        path.unlink()
    for number in range(24):
        audio.write_wav(ws.recordings / "up" / f"{number}.wav", tune("up", 0))
    with pytest.raises(RecordingsError, match=r"no recording of 'up' is left for \w+ \(\d+ duplicates left out\)"):
        find_recordings(ws)


def test_a_misspelt_word_is_asked_about(tmp_path: Path) -> None:
    ws = make_workspace(tmp_path / "ws")
    ws = reopened(ws, 'words = ["up", "down"]', 'words = ["up", "dwon"]')
    with pytest.raises(RecordingsError, match=r"names 'dwon', and there are no recordings of it. Did you mean 'down'"):
        find_recordings(ws)


def test_a_word_without_recordings_is_named_with_what_there_is(tmp_path: Path) -> None:
    ws = make_workspace(tmp_path / "ws")
    ws = reopened(ws, 'words = ["up", "down"]', 'words = ["xylophone"]')
    with pytest.raises(RecordingsError, match=r"no recordings of it. Record it, or choose from: .*high"):
        find_recordings(ws)
    shutil.rmtree(ws.recordings)
    with pytest.raises(RecordingsError, match="there are no recordings of words"):
        find_recordings(ws)


def test_three_recordings_of_a_word_are_refused(tmp_path: Path) -> None:
    ws = make_workspace(tmp_path / "ws")
    for path in sorted((ws.recordings / "up").iterdir())[3:]:
        path.unlink()
    with pytest.raises(RecordingsError, match=r"3 recordings of 'up' are too few.* Record at least 10"):
        find_recordings(ws)


def test_few_recordings_are_remarked_on(tmp_path: Path) -> None:
    ws = make_workspace(tmp_path / "ws", takes=1)
    assert any("few recordings (up, down)" in remark for remark in find_recordings(ws).remarks)


def test_a_corpus_that_is_not_there_is_named(tmp_path: Path) -> None:
    ws = make_workspace(tmp_path / "ws")
    ws = reopened(ws, 'corpus = ""', 'corpus = "nowhere"')
    with pytest.raises(RecordingsError, match=r"no such folder or .tar.gz"):
        find_recordings(ws)


def test_own_words_join_a_corpus(tmp_path: Path) -> None:
    ws = make_workspace(tmp_path / "ws")
    corpus = tmp_path / "corpus"
    (ws.recordings / "low").rename(tmp_path / "low")
    corpus.mkdir()
    (tmp_path / "low").rename(corpus / "low")
    audio.write_wav(corpus / "_background_noise_" / "hum.wav", tune("high", 1))
    ws = reopened(ws, 'corpus = ""', f'corpus = "{corpus}"')
    found = find_recordings(ws)
    assert {u.word for u in found.utterances} == {"up", "down", "low", "high"}
    assert corpus / "_background_noise_" in found.noises


def says(folder: Path, word: str, speakers: range) -> None:
    for speaker in speakers:
        audio.write_wav(folder / word / f"{speaker:08x}_nohash_0.wav", tune("up", speaker % SPEAKERS))


def test_whoever_says_one_word_stays_where_he_was_when_the_words_are_split_apart(tmp_path: Path) -> None:
    ws = make_workspace(tmp_path / "ws")
    recordings = ws.root / "recordings"
    shutil.rmtree(recordings)
    # Two say both words: too few for a group of their own, so that all are dealt out together.
    says(recordings, "up", range(0, 17))
    says(recordings, "down", range(15, 32))
    before = {(u.speaker, u.word): u.split for u in find_recordings(ws).utterances}
    says(recordings, "up", range(40, 41))
    says(recordings, "down", range(40, 41))
    after = {(u.speaker, u.word): u.split for u in find_recordings(ws).utterances}
    assert {key: after[key] for key in before} == before


def test_words_that_few_people_say_are_heard_in_every_split(tmp_path: Path) -> None:
    ws = make_workspace(tmp_path / "ws")
    recordings = ws.root / "recordings"
    for seed in range(8):
        shutil.rmtree(recordings)
        rng = np.random.default_rng(seed)
        for speaker in range(16):
            for word in ("up", "down", "low"):
                if rng.random() < 0.65:
                    says(recordings, word, range(speaker, speaker + 1))
        counts = {word: len(list((recordings / word).iterdir())) for word in ("up", "down")}
        (ws.keyword / SPLIT_RECORD).unlink(missing_ok=True)
        if min(counts.values()) >= keywords.FEWEST:
            heard = {(u.word, u.split) for u in find_recordings(ws).utterances}
            assert {(word, name) for word in ("up", "down") for name in ("train", "dev", "test")} <= heard


def test_a_folders_name_and_a_word_may_be_spelt_with_an_underscore(tmp_path: Path) -> None:
    ws = make_workspace(tmp_path / "ws")
    (ws.root / "recordings" / "up").rename(ws.root / "recordings" / "Going_up")
    ws = reopened(ws, 'words = ["up", "down"]', 'words = ["going_up", "down"]')
    labels = {job.label for job in plan(find_recordings(ws), ws.settings.keyword) if "Going_up" in job.name}
    assert labels == {2}


def test_folders_beside_a_table_are_named_where_their_word_is_missed(tmp_path: Path) -> None:
    ws = make_workspace(tmp_path / "ws")
    folder = ws.root / "recordings"
    audio.write_wav(folder / "a.wav", tune("low", 1))
    (folder / "recordings.csv").write_text("file,speaker,transcript\na.wav,anna,turn on the light\n")
    with pytest.raises(RecordingsError, match="folders of words are read from custom_data/ only"):
        find_recordings(ws)


def test_other_speech_that_is_not_there_is_told_before_anything_is_made(tmp_path: Path) -> None:
    ws = reopened(make_workspace(tmp_path / "ws"), 'background = ""', 'background = "talk"')
    with pytest.raises(RecordingsError, match=r"no such folder or table.*keyword\.background"):
        find_recordings(ws)


def test_an_archives_voices_say_none_of_the_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech_commands, "_VOICES_ONE_IN", 1)
    ws = make_workspace(tmp_path / "ws")
    with tarfile.open(tmp_path / "words.tar", "w") as tar:
        tar.add(ws.root / "recordings", ".")
    shutil.rmtree(ws.root / "recordings")
    ws = reopened(ws, 'corpus = ""', f'corpus = "{tmp_path / "words.tar"}"')
    found = find_recordings(ws)
    assert found.voices is not None
    assert {path.name.split("-")[0] for path in found.voices.iterdir()} == {"low", "high"}


def test_named_speakers_count_where_names_carry_a_hash(tmp_path: Path) -> None:
    ws = make_workspace(tmp_path / "ws", split_by="auto")
    assert find_recordings(ws).by == "hash"
    named = {"dev_speakers": ("00000001", "00000002"), "test_speakers": ("00000003", "00000004")}
    named_ws = Workspace(ws.root, with_values(ws.settings, split=named))
    found = find_recordings(named_ws)
    assert found.by == "speakers"
    for split in ("dev", "test"):
        assert {u.speaker for u in found.utterances if u.split == split} == set(named[f"{split}_speakers"])
    by_hash = Workspace(ws.root, with_values(named_ws.settings, keyword={"split_by": "hash"}))
    assert any("do not count: keyword.split_by is hash" in remark for remark in find_recordings(by_hash).remarks)


def test_spellings_of_one_speaker_share_a_split(tmp_path: Path) -> None:
    ws = make_workspace(tmp_path / "ws", split_by="auto")
    for word in ("up", "down"):
        for number, name in enumerate(("Anna", "anna", "ANNA ")):
            audio.write_wav(ws.recordings / word / f"{name}_nohash_0.wav", tune(word, number, 9))
    found = find_recordings(ws)
    assert len({u.split for u in found.utterances if u.speaker.casefold().strip() == "anna"}) == 1
    assert any("are taken for one speaker" in note for note in found.account.notes)


@pytest.mark.parametrize("layout", ["folders", "table"])
def test_a_word_of_any_characters_in_folder_and_table_alike(tmp_path: Path, layout: str) -> None:
    ws = make_workspace(tmp_path / "ws", words=("R2D2", "down"))
    (ws.recordings / "up").rename(ws.recordings / "R2D2")
    if layout == "table":
        lines = ["file,transcript,speaker"]
        for path in sorted(ws.recordings.glob("*/*.wav")):
            place = path.relative_to(ws.recordings)
            lines.append(f"{place},{place.parent},{path.name.partition('_')[0]}")
        (ws.recordings / "recordings.csv").write_text("\n".join(lines))
    found = find_recordings(ws)
    counts = Counter(u.word for u in found.utterances)
    assert counts["r2d2"] == counts["down"] == SPEAKERS * 3


def test_every_file_of_the_words_is_accounted_for(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    ws = make_workspace(tmp_path / "ws", takes=1)
    folder = ws.recordings
    shutil.copy(folder / "up/00000001_nohash_0.wav", folder / "loose.wav")
    shutil.copytree(folder / "low", folder / "_background_noise_")
    shutil.copytree(folder / "low", folder / "up low")
    (folder / "up/text.wav").write_text("no sound")
    (folder / "up/notes.txt").write_text("no sound")
    make_features(ws)
    with (ws.clips / "account.csv").open(newline="") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    assert len(rows) == sum(path.is_file() for path in folder.rglob("*"))
    assert rows["up/00000001_nohash_0.wav"]["outcome"] == "used"
    assert rows["loose.wav"]["outcome"] == "left out" and "in no folder" in rows["loose.wav"]["reason"]
    assert rows["up/text.wav"]["outcome"] == "set aside" and "this is text" in rows["up/text.wav"]["reason"]
    assert rows["up/notes.txt"]["outcome"] == "no sound"
    assert rows["up low/00000001_nohash_0.wav"]["reason"] == "'up low' contains a keyword, and is none"
    assert "noise to mix in" in rows["_background_noise_/00000001_nohash_0.wav"]["reason"]
    told = capfd.readouterr().err
    outcomes = Counter(row["outcome"] for row in rows.values())
    assert (
        f"found {len(rows) - 1} sound files in recordings: used {outcomes['used']}, set aside 1, "
        f"left out {SPEAKERS + 1}" in told
    )
