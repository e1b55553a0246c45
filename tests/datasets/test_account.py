"""The account of a recordings folder: what people do wrong, by its smallest input, and what they are told."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import struct
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.core.errors import UserError
from asr.settings.template import render
from asr.settings.values import Settings, with_values
from asr.settings.workspace import SPLITS, Workspace
from datasets import account as account_
from datasets.account import LEFT_OUT, NO_SOUND, SET_ASIDE, USED, Account
from tools.commands.steps.inputs import build_dataset, describe

SENTENCES = "turn on the light\nturn off the light\nstop\n"
SPEAKERS = ("anna", "ben", "cid")


def sound(path: Path, seed: int = 1, seconds: float = 0.7, kind: str | None = None) -> Path:
    """Write a burst of noise between silences; the noise differs from seed to seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    pause = rng.standard_normal(8000) * 1e-4
    speech = np.clip(rng.standard_normal(round(16000 * seconds)) * 0.1, -0.9, 0.9)
    soundfile.write(path, np.concatenate([pause, speech, pause]), 16000, format=kind)
    return path


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with two sentences by three speakers, to be copied."""
    root = tmp_path_factory.mktemp("recorded") / "lamp"
    root.mkdir()
    (root / "sentences.txt").write_text(SENTENCES)
    (root / "asr.toml").write_text(render(with_values(Settings(), voices={"speakers": 3, "utterances": 3})))
    for number, (speaker, place) in enumerate((s, p) for s in SPEAKERS for p in ("stop", "turn_on_the_light")):
        sound(root / "recordings" / place / f"{speaker}_nohash_0.wav", number)
    return root


@pytest.fixture
def root(recorded: Path, tmp_path: Path) -> Path:
    return shutil.copytree(recorded, tmp_path / "lamp")


def account(root: Path) -> dict[str, dict[str, str]]:
    """Return the rows of account.csv by file."""
    with (root / "build/clips/account.csv").open(newline="", encoding="utf-8") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


def take(root: Path) -> str:
    """Make the manifests; return what is printed. What was found has to add up, and every file to have one row."""
    ws = Workspace.open(root)
    dataset = build_dataset(ws)
    told = describe(dataset, ws)
    counts = {outcome: dataset.account.count(outcome) for outcome in (USED, SET_ASIDE, LEFT_OUT, NO_SOUND)}
    assert dataset.account.found == counts[USED] + counts[SET_ASIDE] + counts[LEFT_OUT]
    assert counts[USED] == sum(map(bool, dataset.splits)), told
    assert f"used {counts[USED]}, set aside {counts[SET_ASIDE]}, left out {counts[LEFT_OUT]}" in told
    assert len(account(root)) == sum(counts.values())
    return told


def test_a_good_folder_has_nothing_to_remark(root: Path) -> None:
    told = take(root).splitlines()
    assert told[0] == (
        "found 6 sound files in recordings: used 6, set aside 0, left out 0; every file is in build/clips/account.csv"
    )
    assert told[1].startswith("split by speaker")
    # The second time everything is up to date, and the account is the same.
    assert take(root).splitlines() == told
    row = account(root)["stop/anna_nohash_0.wav"]
    assert (row["outcome"], row["reason"], row["transcript"], row["speaker"]) == (USED, "", "stop", "anna")


def copied(root: Path, name: str) -> Path:
    path = root / "recordings" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(root / "recordings/stop/anna_nohash_0.wav", path))


def link(root: Path, name: str, target: str | Path) -> None:
    os.symlink(target, root / "recordings" / name)


def write(root: Path, name: str, content: bytes) -> None:
    path = root / "recordings" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


# Each: what is done to the folder, the file, its outcome, and words of its reason and fix.
KINDS: dict[str, tuple[Callable[[Path], object], str, str, str]] = {
    "a suffix in capitals": (
        lambda r: sound(r / "recordings/stop/ben_nohash_7.WAV", 101, kind="WAV"),
        "stop/ben_nohash_7.WAV",
        USED,
        "",
    ),
    "sphere": (lambda r: sound(r / "recordings/stop/k2.sph", 102, kind="NIST"), "stop/k2.sph", USED, ""),
    "no suffix": (lambda r: sound(r / "recordings/stop/k3", 103, kind="FLAC"), "stop/k3", USED, ""),
    "a foreign suffix": (lambda r: sound(r / "recordings/stop/k4.xyz", 104, kind="OGG"), "stop/k4.xyz", USED, ""),
    "caf": (lambda r: sound(r / "recordings/stop/k5.caf", 105, kind="CAF"), "stop/k5.caf", USED, ""),
    "rf64": (lambda r: sound(r / "recordings/stop/k6.wav", 106, kind="RF64"), "stop/k6.wav", USED, ""),
    "extensible": (lambda r: sound(r / "recordings/stop/k7.wav", 107, kind="WAVEX"), "stop/k7.wav", USED, ""),
    "a session below": (lambda r: sound(r / "recordings/stop/monday/2/k8.wav", 108), "stop/monday/2/k8.wav", USED, ""),
    "the same name twice": (
        lambda r: sound(r / "recordings/stop/b/anna_nohash_0.wav", 109),
        "stop/b/anna_nohash_0.wav",
        USED,
        "",
    ),
    "m4a": (
        lambda r: write(r, "stop/k10.m4a", b"\0\0\0\x18ftypM4A " + bytes(99)),
        "stop/k10.m4a",
        SET_ASIDE,
        "install ffmpeg or sox",
    ),
    "3ga": (
        lambda r: write(r, "stop/k11.3ga", b"\0\0\0\x18ftyp3gp4" + bytes(99)),
        "stop/k11.3ga",
        SET_ASIDE,
        "install ffmpeg or sox",
    ),
    "amr": (
        lambda r: write(r, "stop/k12.amr", b"#!AMR\n" + bytes(range(99))),
        "stop/k12.amr",
        SET_ASIDE,
        "install ffmpeg or sox",
    ),
    "webm": (
        lambda r: write(r, "stop/k13.webm", b"\x1a\x45\xdf\xa3" + bytes(99)),
        "stop/k13.webm",
        SET_ASIDE,
        "install ffmpeg or sox",
    ),
    "wma": (
        lambda r: write(r, "stop/k14", bytes.fromhex("3026b2758e66cf11") + bytes(99)),
        "stop/k14",
        SET_ASIDE,
        "install ffmpeg or sox",
    ),
    "an empty file": (lambda r: write(r, "stop/k15.wav", b""), "stop/k15.wav", SET_ASIDE, "0 bytes.*Record it again"),
    "a text": (lambda r: write(r, "stop/k16.wav", b"hello\n"), "stop/k16.wav", SET_ASIDE, "this is text, not sound"),
    "a web page": (
        lambda r: write(r, "stop/k17.mp3", b"<!DOCTYPE html><html>"),
        "stop/k17.mp3",
        SET_ASIDE,
        "a web page, not sound",
    ),
    "a zip": (
        lambda r: write(r, "stop/k18.wav", b"PK\x03\x04" + bytes(99)),
        "stop/k18.wav",
        SET_ASIDE,
        "a ZIP archive, not sound",
    ),
    "a pointer": (
        lambda r: write(r, "stop/k19.wav", b"version https://git-lfs.github.com/spec/v1\n"),
        "stop/k19.wav",
        SET_ASIDE,
        "Git LFS",
    ),
    "a header alone": (
        lambda r: sound(r / "recordings/stop/k20.wav", seconds=0).write_bytes(wav(b"")),
        "stop/k20.wav",
        SET_ASIDE,
        "no samples",
    ),
    "loose": (lambda r: copied(r, "x.wav"), "x.wav", LEFT_OUT, "in no folder that says.*Move it into a folder"),
    "a dangling link": (
        lambda r: link(r, "stop/k22.wav", "gone.wav"),
        "stop/k22.wav",
        LEFT_OUT,
        "link to gone.wav, which is not there",
    ),
    "a link to a sibling": (
        lambda r: link(r, "stop/k23.wav", "anna_nohash_0.wav"),
        "stop/k23.wav",
        LEFT_OUT,
        "a link to stop/anna_nohash_0.wav",
    ),
    "noise": (
        lambda r: copied(r, "_background_noise_/k24.wav"),
        "_background_noise_/k24.wav",
        LEFT_OUT,
        "holds noise.*background_noise/",
    ),
    "noise by name": (lambda r: copied(r, "music/k25.wav"), "music/k25.wav", LEFT_OUT, "holds noise"),
    "custom words": (
        lambda r: copied(r, "custom_data/stop/k26.wav"),
        "custom_data/stop/k26.wav",
        LEFT_OUT,
        "asr keyword alone",
    ),
    "an underscore": (lambda r: copied(r, "_old/k27.wav"), "_old/k27.wav", LEFT_OUT, "begins with _.*Rename"),
    "a hidden folder": (lambda r: copied(r, ".trash/k28.wav"), ".trash/k28.wav", LEFT_OUT, "a hidden folder"),
    "a hidden file": (lambda r: copied(r, "stop/.k29.wav"), "stop/.k29.wav", LEFT_OUT, "begins with a dot.*Rename"),
    "raw samples": (
        lambda r: write(r, "stop/k30.raw", bytes(range(99))),
        "stop/k30.raw",
        LEFT_OUT,
        "samples alone.*sox -r 16000",
    ),
    "half a download": (
        lambda r: write(r, "stop/k31.wav.crdownload", b"RIFF"),
        "stop/k31.wav.crdownload",
        LEFT_OUT,
        "not completely there",
    ),
    "a resource fork": (
        lambda r: write(r, "stop/._k32.wav", b"\0\x05\x16\x07"),
        "stop/._k32.wav",
        NO_SOUND,
        "companion file of macOS",
    ),
    "a system file": (lambda r: write(r, ".DS_Store", b"Bud1"), ".DS_Store", NO_SOUND, "operating system"),
    "another": (lambda r: write(r, "stop/Thumbs.db", b"x"), "stop/Thumbs.db", NO_SOUND, "operating system"),
    "notes": (lambda r: write(r, "notes.txt", b"hello\n"), "notes.txt", NO_SOUND, "it is text"),
    "a picture": (lambda r: write(r, "stop/k36", b"\x89PNG\r\n\x1a\n"), "stop/k36", NO_SOUND, "a picture"),
    "an archive": (lambda r: write(r, "all.zip", b"PK\x03\x04"), "all.zip", NO_SOUND, "Unpack it"),
    "another table": (
        lambda r: write(r, "metadata.csv", b"file,text\n"),
        "metadata.csv",
        NO_SOUND,
        "only recordings.csv is",
    ),
    "a loop": (lambda r: link(r, "stop/k39", ".."), "stop/k39", NO_SOUND, "read already"),
    "a dangling folder": (lambda r: link(r, "stop/k40", "/nowhere"), "stop/k40", NO_SOUND, "which is not there"),
    "a typing error": (
        lambda r: copied(r, "turn_of_the_light/k41.wav"),
        "turn_of_the_light/k41.wav",
        USED,
        "no sentence.*nearest is 'turn off the light'",
    ),
}


@pytest.fixture(scope="module")
def crowd(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, dict[str, str]], str]:
    """The account of a folder with one file of every kind: its rows by file, and what is printed."""
    root = shutil.copytree(recorded, tmp_path_factory.mktemp("crowd") / "lamp")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "/nonexistent")  # without ffmpeg and sox
        patch.setattr(account_, "_SHOWN_GROUPS", 100)
        patch.setattr(account_, "_SHOWN_FILES", 100)
        for make, *_ in KINDS.values():
            make(root)
        told = take(root)
    return account(root), told


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_its_outcome_reason_and_fix(crowd: tuple[dict[str, dict[str, str]], str], kind: str) -> None:
    _, name, outcome, words = KINDS[kind]
    rows, told = crowd
    row = rows[name]
    assert row["outcome"] == outcome, row
    assert re.search(words, f"{row['reason']}. {row['fix']}"), row
    assert name in told or not row["reason"]


def test_a_crowd_is_printed_in_groups(crowd: tuple[dict[str, dict[str, str]], str]) -> None:
    told = crowd[1]
    assert re.search(r"  set aside [3-5]: libsndfile cannot read it .*: stop/k\d+.*, stop/k\d+.*\. Convert it", told)
    assert told.startswith(f"found {sum(row['outcome'] != NO_SOUND for row in crowd[0].values())} sound files")


def test_a_linked_folder_is_read(root: Path, tmp_path: Path) -> None:
    sound(tmp_path / "off" / "x.wav", 9)
    (root / "recordings/turn_off_the_light").mkdir()
    link(root, "turn_off_the_light/session1", tmp_path / "off")
    link(root, "turn_off_the_light/session2", tmp_path / "off")
    take(root)
    rows = account(root)
    assert rows["turn_off_the_light/session1/x.wav"]["outcome"] == USED
    assert rows["turn_off_the_light/session2"]["reason"] == "it is a link to a folder that is read already"


def wav(samples: bytes, claimed: int | None = None, after: bytes = b"") -> bytes:
    """Return a 16-bit WAV file whose header gives `claimed` bytes."""
    claimed = len(samples) if claimed is None else claimed
    form = struct.pack("<HHIIHH", 1, 1, 16000, 32000, 2, 16)
    head = b"RIFF" + struct.pack("<I", min(36 + claimed, 0xFFFFFFFF)) + b"WAVEfmt " + struct.pack("<I", 16) + form
    return head + b"data" + struct.pack("<I", claimed) + samples + after


@pytest.mark.parametrize(
    ("claimed", "remark"),
    [
        (0, "says 0.0 s, and 1.7 s are there"),
        (16_000, "says 0.5 s, and 1.7 s are there"),
        (16_001, "says 0.5 s, and 1.7 s are there"),
        (2_000_000_000, "says 62500.0 s, and 1.7 s are there"),
        (0xFFFFFFFF, ""),
        (0x7FFFFFFF, ""),
        (None, ""),
    ],
)
def test_a_wav_header_with_a_false_length_loses_nothing(root: Path, claimed: int | None, remark: str) -> None:
    place = root / "recordings/stop/anna_nohash_0.wav"
    samples = place.read_bytes()[44:]
    place.write_bytes(wav(samples, claimed))
    take(root)
    row = account(root)["stop/anna_nohash_0.wav"]
    assert row["outcome"] == USED and remark in row["reason"] and bool(remark) == bool(row["reason"])
    with (root / "build/clips/clips.csv").open(newline="") as file:
        (seconds,) = (float(one["seconds"]) for one in csv.DictReader(file) if one["source"] == str(place))
    assert seconds == pytest.approx(1.0, abs=0.05)


def test_a_wav_that_was_cut_off_is_set_aside(root: Path) -> None:
    place = root / "recordings/stop/anna_nohash_0.wav"
    place.write_bytes(place.read_bytes()[:-20_000])
    take(root)
    assert "truncated after 1.1 of 1.7 s" in account(root)["stop/anna_nohash_0.wav"]["reason"]


def failed(root: Path, capfd: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """Return the error of a step that has to fail, in one line, and what was printed before."""
    with pytest.raises(UserError) as caught:
        build_dataset(Workspace.open(root))
    assert "\n" not in str(caught.value) and caught.value.fix
    return str(caught.value), capfd.readouterr().err


def rename(root: Path, names: dict[str, str]) -> None:
    for old, new in names.items():
        (root / "recordings" / old).rename(root / "recordings" / new)


@pytest.mark.parametrize(
    "layout", ["{speaker}/{text}/1.wav", "{speaker}/{text}_1.wav", "Speaker 1 {speaker}/{text}/a.wav"]
)
def test_a_folder_per_speaker_is_told_at_once(root: Path, layout: str, capfd: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(root / "recordings")
    for speaker in SPEAKERS:
        sound(root / "recordings" / layout.format(speaker=speaker, text="stop"))
    error, _ = failed(root, capfd)
    assert "no sentence" in error and "Did you mean a folder per speaker?" in error and "stop/" in error


def test_most_transcripts_wrong_stop_before_any_training(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rename(root, {"stop": "stopp", "turn_on_the_light": "turn_onn_the_light"})
    error, told = failed(root, capfd)
    assert "6 of 6 recordings have a transcript that is no sentence" in error and "'stop'" in error
    assert "found 6 sound files in recordings: used 0, set aside 0, left out 6" in told
    assert {row["outcome"] for row in account(root).values()} == {LEFT_OUT}
    rename(root, {"turn_onn_the_light": "turn_on_the_light"})
    # Half of them may be legitimate.
    assert "'stopp' is no sentence of sentences.txt; the nearest is 'stop'" in take(root)


TABLE = "file,transcript,speaker\n"


def as_table(root: Path, text: str | None = None, name: str = "recordings.csv") -> Path:
    """Put all sounds beside a table, which names them."""
    rows = TABLE
    for place in sorted((root / "recordings").glob("*/*.wav")):
        speaker = place.name.partition("_")[0]
        target = place.rename(root / "recordings" / f"{place.parent.name}-{speaker}.wav")
        rows += f"{target.name},{place.parent.name.replace('_', ' ')},{speaker}\n"
    for place in [one for one in (root / "recordings").iterdir() if one.is_dir()]:
        place.rmdir()
    path = root / "recordings" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(rows if text is None else text)
    return path


@pytest.mark.parametrize("name", ["recordings.csv", "Recordings.csv", "RECORDINGS.CSV"])
def test_a_table_is_found_in_any_case_and_names_what_it_leaves_out(root: Path, name: str) -> None:
    as_table(root, name=name)
    sound(root / "recordings/more.wav", 9)
    sound(root / "recordings/stop/x.wav", 9)
    assert "found 8 sound files in recordings: used 6, set aside 0, left out 2" in take(root)
    assert account(root)["more.wav"]["reason"] == f"{name} does not name it"
    assert account(root)["stop/x.wav"]["fix"] == "Add a line for it, or move it elsewhere"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("recordings.tsv", "only recordings.csv is. Save it as recordings.csv, with commas"),
        ("recordings.xlsx", "only recordings.csv is"),
        ("Recordings.txt", "only recordings.csv is"),
        ("metadata.csv", "metadata.csv is not read: rename it to recordings.csv"),
        ("monday/recordings.csv", "1 folder too deep"),
    ],
)
def test_a_table_that_is_not_read_is_named(
    root: Path, name: str, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    as_table(root, name=name)
    assert words in failed(root, capfd)[0]


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ("'stop-anna.wav',stop", "Write 'stop-anna.wav', without the quotes"),
        ("STOP-Anna.WAV,stop", "Did you mean 'stop-anna.wav'? Capitals count"),
        ("stop-anna.flac,stop", "Did you mean 'stop-anna.wav'?"),
        (".\\stop-anna.wav,stop", "Write './stop-anna.wav', with /"),
        (".,stop", "It is a folder"),
        ('stop-anna.wav, "stop"', "Delete the quotes; in a CSV file no space may stand before them"),
        ('"stop-anna.wav" ,stop', "Correct the quotes"),
        ("stop-anna.wav;stop;anna", "fields, expected 3"),
        ("gone.wav,stop", "File names are relative to"),
    ],
)
def test_cells_that_are_nearly_right(root: Path, cells: str, words: str, capfd: pytest.CaptureFixture[str]) -> None:
    as_table(root, f"{TABLE}{cells}{',anna' if ';' not in cells else ''}\n")
    assert words in failed(root, capfd)[0]


@pytest.mark.parametrize(
    "content",
    [
        "  stop-anna.wav  ,  stop  , anna \n stop-ben.wav ,stop ,ben\nstop-cid.wav,\u00a0stop,cid\n",
        '"stop-anna.wav","stop","anna"\nstop-ben.wav,stop,ben\nstop-cid.wav,stop,cid\n',
    ],
)
def test_blanks_and_quotes_that_spreadsheets_write_are_no_fault(root: Path, content: str) -> None:
    as_table(root, TABLE + content)
    assert "used 3" in take(root)
    assert {row["speaker"] for row in account(root).values() if row["outcome"] == USED} == set(SPEAKERS)


def test_quotes_left_in_a_table(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    as_table(root, TABLE + "".join(f"stop-{name}.wav,'stop',{name}\n" for name in SPEAKERS))
    assert "it is 'stop' in quotes. Delete the quotes around 'stop'" in failed(root, capfd)[0]


def decomposed(text: str) -> str:
    return unicodedata.normalize("NFD", text)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_unicode_is_brought_to_one_form_everywhere(root: Path, form: str) -> None:
    """In the labels, sentences, folders, a table's cells, its files' names and the speakers."""
    toml = (root / "asr.toml").read_text()
    labels = "xyz'" if "xyz'" in toml else "xyz"
    (root / "asr.toml").write_text(toml.replace(labels, unicodedata.normalize(form, "xyz\u00fc'")))
    (root / "sentences.txt").write_text(unicodedata.normalize(form, "f\u00fcr mich\nstop\n"))
    shutil.rmtree(root / "recordings")
    for number, speaker in enumerate(("J\u00fcrg", "ben", "cid")):
        name = unicodedata.normalize("NFC" if number % 2 else "NFD", f"f\u00fcr_mich/{speaker}_nohash_0.wav")
        sound(root / "recordings" / name, number)
    take(root)
    assert {row["transcript"] for row in account(root).values()} == {"f\u00fcr mich"}
    assert "J\u00fcrg" in {row["speaker"] for row in account(root).values()}
    rows = "".join(f"f\u00fcr_mich/{name}_nohash_0.wav,f\u00fcr mich,J\u00fcrg\n" for name in ("ben", "J\u00fcrg"))
    rows = f"{decomposed(rows)}f\u00fcr_mich/cid_nohash_0.wav,f\u00fcr mich,ben\n"
    (root / "recordings/recordings.csv").write_text(TABLE + rows)
    take(root)
    used = [row for row in account(root).values() if row["outcome"] == USED]
    assert len(used) == 3 and {row["speaker"] for row in used} == {"ben", "J\u00fcrg"}


@pytest.mark.parametrize("other", ["Anna", "ANNA", " anna ", "anna\u200b"])
def test_spellings_of_one_speaker_are_one_person(root: Path, other: str) -> None:
    table = as_table(root)
    table.write_text(table.read_text().replace("stop-anna.wav,stop,anna", f"stop-anna.wav,stop,{other}"))
    told = take(root)
    split = json.loads((root / "build/split.json").read_text())
    assert sorted(one.casefold() for name in SPLITS for one in split[name]) == ["anna", "ben", "cid"]
    if other.strip(" \u200b") != "anna":
        assert f"{other.strip()!r} and 'anna' are taken for one speaker" in told


def test_six_takes_in_one_file_get_a_remark(root: Path) -> None:
    place = root / "recordings/stop/anna_nohash_0.wav"
    samples, rate = soundfile.read(place)
    soundfile.write(place, np.tile(samples, 6), rate)
    take(root)
    row = account(root)["stop/anna_nohash_0.wav"]
    assert row["outcome"] == USED and "6 stretches of speech in 10.2 s: several takes?" in row["reason"]
    assert row["fix"] == "Cut it into a file for each take"


@pytest.mark.parametrize("named", ["recodings", "/nowhere/at/all"])
def test_a_folder_that_asr_toml_names_and_is_not_there(
    root: Path, named: str, capfd: pytest.CaptureFixture[str]
) -> None:
    toml = (root / "asr.toml").read_text()
    (root / "asr.toml").write_text(toml.replace('folder = "recordings"', f'folder = "{named}"'))
    error, _ = failed(root, capfd)
    assert f"recordings.folder names {named!r}, which is not there" in error
    assert ("Did you mean 'recordings'?" in error) == (named == "recodings")


def test_a_folder_whose_name_is_in_the_other_unicode_form(root: Path) -> None:
    (root / "recordings").rename(root / decomposed("f\u00fcr"))
    toml = (root / "asr.toml").read_text()
    (root / "asr.toml").write_text(toml.replace('folder = "recordings"', 'folder = "f\u00fcr"'))
    assert "used 6" in take(root)


def test_a_folder_that_is_a_link(root: Path, tmp_path: Path) -> None:
    (root / "recordings").rename(tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", root / "recordings")
    assert "used 6" in take(root)
    assert "stop/anna_nohash_0.wav" in account(root)


def test_a_folder_in_another_case(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (root / "recordings").rename(root / "Recordings")
    assert "Did you mean 'Recordings'?" in failed(root, capfd)[0]


def test_where_everything_is_left_out_no_voice_speaks(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rename(root, {"stop": ".stop", "turn_on_the_light": "_on"})
    error, told = failed(root, capfd)
    assert "all of 6 sound files are left out" in error
    assert "found 6 sound files in recordings: used 0, set aside 0, left out 6" in told
    assert len(account(root)) == 6


def test_where_everything_is_set_aside_the_fix_is_told(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for place in (root / "recordings").glob("*/*.wav"):
        place.write_bytes(b"\0\0\0\x18ftypM4A " + bytes(99))
    error, told = failed(root, capfd)
    assert "none of 6 recordings can be used" in error and "ffmpeg" in error
    assert "found 6 sound files in recordings: used 0, set aside 6, left out 0" in told


def test_a_file_that_may_not_be_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "stop/anna_nohash_0.wav"
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: not str(path).endswith(name) and real(path, mode))
    take(root)
    assert "cannot be read: Permission denied" in account(root)[name]["reason"]


def test_what_cannot_be_printed_is_escaped(tmp_path: Path) -> None:
    one = Account(tmp_path)
    one.add(tmp_path / "a\nb.wav", LEFT_OUT, "it has\ta name")
    one.add(tmp_path / os.fsdecode(b"caf\xe9.wav"), LEFT_OUT, "it has\ta name")
    one.write(tmp_path / "account.csv")
    assert "a\\nb.wav, caf\\udce9.wav" in one.lines()[1]
    assert len((tmp_path / "account.csv").read_text().splitlines()) == 3


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Anna", "did you mean a folder per speaker? Then write a recordings.csv"),
        ("turn-on-the-light", "did you mean 'turn on the light'?"),
        ("Stop (2)", "did you mean 'stop'?"),
        ("stop\u200b", "U+200B ZERO WIDTH SPACE) in 'stop\\u200b' is not in the alphabet. Delete it"),
        (
            "don\u2019t",
            "U+2019 RIGHT SINGLE QUOTATION MARK) in 'don\u2019t' is not in the alphabet. Write the apostrophe '",
        ),
        ("f\u00fcr", "Add '\u00fc' to alphabet.labels in asr.toml, or spell the word with 'u'"),
        ("st\u043ep", "It only looks like 'o': type it again"),
        ("r2d2", "Write numbers as words"),
    ],
)
def test_a_folder_that_is_no_transcript(root: Path, name: str, words: str, capfd: pytest.CaptureFixture[str]) -> None:
    rename(root, {"stop": name})
    assert words in failed(root, capfd)[0]


def test_an_archive_alone_is_not_answered_by_voices(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(root / "recordings")
    write(root, "all.zip", b"PK\x03\x04")
    assert "all.zip is an archive. Unpack it there" in failed(root, capfd)[0]


def test_transcripts_in_a_table_of_another_name(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rename(root, {"stop": "wavs", "turn_on_the_light": "wavs/more"})
    write(root, "metadata.csv", b"1|stop\n")
    assert "metadata.csv is not read: rename it to recordings.csv" in failed(root, capfd)[0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04xl/workbook", "this is a ZIP archive, not a table"),
        (b"sep=;\nfile;transcript\n", "tells Excel the separator"),
        (b"RIFF\0\0\0\0WAVE", "this is a sound file, not a table"),
        (TABLE.encode() + b"stop-anna.wav,f\xfcr,anna\n", ":2: this is not UTF-8 text"),
    ],
)
def test_a_table_that_is_none(root: Path, content: bytes, words: str, capfd: pytest.CaptureFixture[str]) -> None:
    as_table(root).write_bytes(content)
    assert words in failed(root, capfd)[0]


def test_a_linked_table_that_is_gone(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    link(root, "recordings.csv", "gone.csv")
    assert "a link to gone.csv, which is not there" in failed(root, capfd)[0]


def test_a_link_to_itself_ends(root: Path) -> None:
    link(root, "stop/x.wav", "x.wav")
    take(root)
    assert "link" in account(root)["stop/x.wav"]["reason"]
