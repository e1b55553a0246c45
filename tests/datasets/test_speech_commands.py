"""Speech Commands as published: who is kept apart, and archives that cannot be trusted."""

from __future__ import annotations

import gzip
import io
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

from asr.core import audio
from asr.core.errors import RecordingsError
from datasets import speech_commands
from datasets.speech_commands import split_of_hash

REPOSITORY = Path(__file__).resolve().parents[2]
CLIP = audio.wav_bytes(np.arange(100, dtype=np.int16))


def archive(path: Path, members: dict[str, bytes], links: dict[str, str] | None = None) -> Path:
    """Write a .tar.gz as the published one is, names with a leading "./", or a .tar."""
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    return path


@pytest.mark.parametrize(
    ("name", "split"),
    [
        # Lines of the published testing_list.txt.
        ("cat/2aa787cf_nohash_0.wav", "test"),
        ("go/0c40e715_nohash_1.wav", "test"),
        ("cat/0ea0e2f4_nohash_0.wav", "test"),
        ("cat/105a0eea_nohash_2.wav", "test"),
        ("four/ffa76c4a_nohash_0.wav", "test"),
    ],
)
def test_a_speaker_is_where_the_published_lists_put_them(name: str, split: str) -> None:
    assert split_of_hash(name) == split
    assert split_of_hash(name[: name.index("_nohash")] + "_nohash_7.wav") == split


def test_about_a_tenth_each_is_kept_apart() -> None:
    splits = [split_of_hash(f"{number:08x}_nohash_0.wav") for number in range(4000)]
    assert 320 < splits.count("dev") < 480
    assert 320 < splits.count("test") < 480
    assert split_of_hash("cat/2aa787cf_nohash_0.wav", 0, 0) == "train"


def test_an_archive_is_indexed_without_being_unpacked(tmp_path: Path) -> None:
    path = archive(
        tmp_path / "sc.tar.gz",
        {
            "./README.md": b"hello",
            "./validation_list.txt": b"yes/b_nohash_0.wav\n",
            "./testing_list.txt": b"yes/c_nohash_0.wav\nno/c_nohash_0.wav\n",
            "./_background_noise_/tap.wav": CLIP,
            **{f"./{word}/{who}_nohash_0.wav": CLIP for word in ("yes", "no") for who in "abc"},
        },
    )
    index = speech_commands.index_archive(path, tmp_path / "noise", tmp_path / "voices")
    assert sorted(index.names) == [f"{word}/{who}_nohash_0.wav" for word in ("no", "yes") for who in "abc"]
    assert index.lists == {"yes/b_nohash_0.wav": "dev", "yes/c_nohash_0.wav": "test", "no/c_nohash_0.wav": "test"}
    assert index.rejected == []
    assert (tmp_path / "noise" / "tap.wav").read_bytes() == CLIP
    assert not (tmp_path / "yes").exists()
    wanted = {"yes/b_nohash_0.wav", "no/a_nohash_0.wav"}
    assert {name: data for name, data in speech_commands.stream_clips(path, wanted)} == dict.fromkeys(wanted, CLIP)
    assert not index.members


def test_an_archive_that_is_not_compressed_tells_where_its_clips_lie(tmp_path: Path) -> None:
    members = {f"./yes/{number}_nohash_0.wav": CLIP + bytes([number]) * number for number in range(5)}
    path = archive(tmp_path / "sc.tar", {"./testing_list.txt": b"yes/1_nohash_0.wav\n", **members})
    index = speech_commands.index_archive(path, tmp_path / "noise", tmp_path / "voices")
    assert index.lists == {"yes/1_nohash_0.wav": "test"}
    wanted = {"yes/4_nohash_0.wav", "yes/2_nohash_0.wav"}
    lying = dict(speech_commands.find_clips(path, wanted, index.members))
    assert list(lying) == sorted(wanted)
    for name, piece in lying.items():
        assert isinstance(piece, speech_commands.Member)
        assert piece.read() == members[f"./{name}"]
    # What is told of one clip only is streamed for the other.
    del index.members["yes/4_nohash_0.wav"]
    assert dict(speech_commands.find_clips(path, wanted, index.members))["yes/4_nohash_0.wav"] == members[
        "./yes/4_nohash_0.wav"
    ]
    whole = path.read_bytes()
    last = index.members["yes/3_nohash_0.wav"]
    path.write_bytes(whole[: last.start + 3])
    with pytest.raises(RecordingsError, match=r"sc\.tar: this archive is damaged after \d members"):
        speech_commands.index_archive(path, tmp_path / "noise", tmp_path / "voices")
    with pytest.raises(RecordingsError, match=r"sc\.tar: this archive has become shorter"):
        last.read()
    path.unlink()
    with pytest.raises(RecordingsError, match=r"sc\.tar: it cannot be read"):
        last.read()


@pytest.mark.parametrize("suffix", [".tar.gz", ".tar"])
def test_members_that_lead_out_of_an_archive_are_set_aside(tmp_path: Path, suffix: str) -> None:
    path = archive(
        tmp_path / f"sc{suffix}",
        {
            "./yes/a_nohash_0.wav": CLIP,
            "../outside.wav": CLIP,
            "/absolute/b.wav": CLIP,
            "yes/../../c.wav": CLIP,
            "_background_noise_/../../noise.wav": CLIP,
            "yes/large.wav": bytes(5 << 20),
        },
        {"yes/link.wav": "/etc/passwd"},
    )
    index = speech_commands.index_archive(path, tmp_path / "in" / "noise", tmp_path / "in" / "voices")
    assert index.names == ["yes/a_nohash_0.wav"]
    reasons = dict(index.rejected)
    assert set(reasons) == {
        *("../outside.wav", "/absolute/b.wav", "yes/../../c.wav", "_background_noise_/../../noise.wav"),
        *("yes/large.wav", "yes/link.wav"),
    }
    assert "leads out" in reasons["../outside.wav"]
    assert "too large" in reasons["yes/large.wav"]
    assert "link" in reasons["yes/link.wav"]
    assert sorted(item.name for item in tmp_path.iterdir()) == [f"sc{suffix}"]


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_a_description_without_end_is_not_read(tmp_path: Path, form: int) -> None:
    """Compressed it is nothing, and TarFile would take all of it into memory."""
    path = tmp_path / "sc.tar.gz"
    with tarfile.open(path, "w:gz", format=form) as tar:
        info = tarfile.TarInfo("yes/a_nohash_0.wav" if form == tarfile.PAX_FORMAT else "yes/" + "a" * 90_000_000)
        info.pax_headers = {"comment": "x" * 90_000_000} if form == tarfile.PAX_FORMAT else {}
        tar.addfile(info)
    script = (
        "import resource, sys\nfrom pathlib import Path\nfrom asr.core.errors import RecordingsError\n"
        "from datasets.speech_commands import index_archive\nplace = Path(sys.argv[1])\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\nbefore = peak()\n"
        "try: index_archive(place, place.parent / 'noise', place.parent / 'voices')\n"
        "except RecordingsError as error: print(peak() - before, error)\n"
    )
    command = [sys.executable, "-c", script, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=REPOSITORY)
    grown, _, complaint = done.stdout.partition(" ")
    assert re.search(r"sc\.tar\.gz: .*a description of 9\d+ bytes", complaint)
    assert int(grown) < 30_000  # kB


@pytest.mark.parametrize("size", [-512, -1024, -5])
def test_a_member_of_a_negative_size_is_damage(tmp_path: Path, size: int) -> None:
    path = archive(tmp_path / "sc.tar", {"yes/a_nohash_0.wav": CLIP, "yes/b_nohash_0.wav": b""})
    data = bytearray(path.read_bytes())
    info = tarfile.TarInfo("yes/b_nohash_0.wav")
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[124:136] = (256**12 + size).to_bytes(13, "big")[1:]  # GNU's numbers below nothing
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    at = data.index(b"yes/b_nohash_0.wav")
    data[at : at + 512] = header[:512]
    path.write_bytes(data)
    with pytest.raises(RecordingsError, match=r"sc\.tar: this archive is damaged after 2 members"):
        speech_commands.index_archive(path, tmp_path / "noise", tmp_path / "voices")


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz"])
def test_an_archive_that_is_damaged_in_the_middle_is_no_shorter_archive(tmp_path: Path, suffix: str) -> None:
    clips = {f"yes/{n}_nohash_0.wav": CLIP for n in range(6)}
    whole = archive(tmp_path / "whole.tar", clips).read_bytes()
    at = whole.index(b"yes/3_nohash_0.wav")
    # Its third clip's header is noise; it ends in the middle of that header; it ends before it.
    # Or zeros take its place, as in a file that was made room for and not filled.
    headers = [whole[:at] + filling * 512 + whole[at + 512 :] for filling in (b"\x7f", b"\0")]
    hole = whole[:at] + b"\0" * 1536 + whole[at + 1536 :]
    broken = (*headers, hole, whole[: at + 100], whole[:at])
    for number, data in enumerate(broken):
        path = tmp_path / f"{number}{suffix}"
        path.write_bytes(gzip.compress(data) if suffix == ".tar.gz" else data)
        with pytest.raises(RecordingsError, match=r"this archive is damaged after 3 members"):
            speech_commands.index_archive(path, tmp_path / "noise", tmp_path / "voices")


def test_a_broken_archive_is_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    noise = audio.wav_bytes(rng.integers(-9000, 9000, 16000).astype(np.int16))
    whole = archive(tmp_path / "whole.tar.gz", {f"yes/{n}_nohash_0.wav": noise for n in range(20)})
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(RecordingsError, match=r"cut.tar.gz: this archive is damaged after \d+ members"):
        speech_commands.index_archive(cut, tmp_path / "noise", tmp_path / "voices")
    (tmp_path / "text.tar.gz").write_text("no archive at all")
    with pytest.raises(RecordingsError, match="damaged"):
        speech_commands.index_archive(tmp_path / "text.tar.gz", tmp_path / "noise", tmp_path / "voices")
    empty = archive(tmp_path / "empty.tar.gz", {"README.md": b"nothing"})
    with pytest.raises(RecordingsError, match=r"holds no word/clip\.wav"):
        speech_commands.index_archive(empty, tmp_path / "noise", tmp_path / "voices")
