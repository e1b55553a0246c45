"""Recordings to clips: good ones, every kind of bad one, and runs that do not start from nothing."""

from __future__ import annotations

import csv
import dataclasses
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from asr.core import audio
from asr.core.alphabet import Alphabet
from asr.core.errors import RecordingsError
from asr.runtime import features
from asr.settings.sections import Recordings
from datasets import clips
from datasets.clips import make_clips, read_clips
from datasets.recordings import Recording

ALPHABET = Alphabet()
RATE = audio.SAMPLE_RATE


def burst(seconds: float = 0.6, rate: int = RATE, level: float = 0.1, silence: float = 0.5) -> npt.NDArray[np.float64]:
    """Return noise that begins and ends in silence: speech, to whom measures energy."""
    speech = np.random.default_rng(1).standard_normal(round(seconds * rate)) * level
    pause = np.random.default_rng(2).standard_normal(round(silence * rate)) * 1e-4
    return np.concatenate([pause, np.clip(speech, -0.9, 0.9), pause])


def recording(path: Path, transcript: str = "on", speaker: str = "ann") -> Recording:
    return Recording(path, transcript, speaker)


def reasons(folder: Path) -> dict[str, str]:
    with (folder / "rejected.csv").open(newline="", encoding="utf-8") as file:
        return {Path(row["source"]).name: row["reason"] for row in csv.DictReader(file)}


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.wav"
    soundfile.write(path, burst(), RATE)
    return path


@pytest.mark.parametrize(
    ("rate", "channels", "subtype"), [(8000, 1, "PCM_U8"), (96000, 2, "PCM_24"), (44100, 2, "FLOAT")]
)
def test_any_recording_becomes_a_clip(tmp_path: Path, rate: int, channels: int, subtype: str) -> None:
    source = tmp_path / "source.wav"
    soundfile.write(source, np.repeat(burst(rate=rate)[:, None], channels, axis=1), rate, subtype=subtype)
    (clip,), rejected = make_clips([recording(source)], tmp_path / "clips", Recordings(), ALPHABET)
    assert rejected == []
    path = tmp_path / "clips" / clip.clip
    info = soundfile.info(path)
    assert (info.samplerate, info.channels, info.subtype, info.format) == (16000, 1, "PCM_16", "WAV")
    # 0.6 s of speech and 0.15 s on each side.
    assert info.frames / RATE == pytest.approx(0.9, abs=0.05)
    assert clip.seconds == pytest.approx(info.frames / RATE, abs=0.001)
    assert (clip.speaker, clip.transcript, clip.source, clip.remarks) == ("ann", "on", str(source), "")
    assert read_clips(tmp_path / "clips" / "clips.csv") == [clip]


def test_nothing_is_cut_where_nobody_asked_for_it(tmp_path: Path, good: Path) -> None:
    (clip,), _ = make_clips([recording(good)], tmp_path / "clips", Recordings(trim=False), ALPHABET)
    expected, _ = soundfile.read(good, dtype="int16")
    np.testing.assert_array_equal(audio.read_wav(tmp_path / "clips" / clip.clip), expected)


def test_bad_recordings_are_set_aside_with_their_reason(tmp_path: Path, good: Path) -> None:
    def write(name: str, samples: npt.NDArray[np.float64], rate: int = RATE) -> Path:
        soundfile.write(tmp_path / name, samples, rate, subtype="PCM_16")
        return tmp_path / name

    broken = tmp_path / "broken.flac"
    soundfile.write(broken, burst(), RATE)
    broken.write_bytes(broken.read_bytes()[:9000])
    text = tmp_path / "text.wav"
    text.write_text("no sound")
    empty = tmp_path / "empty.wav"
    empty.touch()
    bad = {
        broken: "damaged",
        text: "this is text, not sound",
        empty: "0 bytes",
        write("none.wav", np.zeros(0)): "no samples",
        write("silent.wav", np.zeros(RATE)): "silent",
        write("hiss.wav", burst(level=1e-4)): "silent",
        write("short.wav", burst(0.05, silence=0.0)): "0.05 s is too short",
        write("long.wav", burst(31)): "31.3 s is too long",
    }
    rows = [recording(path) for path in bad] + [recording(good)]
    folder = tmp_path / "clips"
    shutil.copy(good, tmp_path / "talk.wav")
    rows.append(recording(tmp_path / "talk.wav", "this is far more than anybody can say in half a second of time"))
    made, rejected = make_clips(rows, folder, Recordings(), ALPHABET)
    assert [clip.source for clip in made] == [str(good)]
    found = reasons(folder)
    assert len(found) == len(rejected) == len(bad) + 1
    for path, words in bad.items():
        assert words in found[path.name], path
    assert "its transcript needs" in found["talk.wav"]


def test_a_clipped_recording_is_kept_with_a_remark(tmp_path: Path) -> None:
    loud = np.clip(burst(level=0.5), -1, 32767 / 32768)
    samples = loud.copy()
    samples[RATE // 2 : RATE // 2 + 960] = 1.0
    soundfile.write(tmp_path / "loud.wav", samples, RATE, subtype="PCM_16")
    stored, _ = soundfile.read(tmp_path / "loud.wav", dtype="int16")
    share = np.mean(np.abs(stored.astype(int)) >= 32767)
    (clip,), _ = make_clips([recording(tmp_path / "loud.wav")], tmp_path / "clips", Recordings(), ALPHABET)
    assert clip.remarks == f"clipped: {share:.1%} of the samples at full scale"


@pytest.mark.parametrize(
    ("transcript", "fits"), [("abcdefghij" * 2, True), ("ab" * 10 + "a", False), ("a" * 11, False)]
)
def test_a_transcript_needs_a_frame_a_label_and_one_between_twins(tmp_path: Path, transcript: str, fits: bool) -> None:
    """20 frames hold 20 labels, but of one label repeated only 10."""
    samples = np.random.default_rng(1).standard_normal(512 + 18 * 320) * 0.1
    assert features.frame_count(len(samples)) == 20
    soundfile.write(tmp_path / "x.wav", samples, RATE)
    rows = [recording(tmp_path / "x.wav", transcript)]
    if fits:
        made, _ = make_clips(rows, tmp_path / "clips", Recordings(), ALPHABET)
        assert len(made) == 1
    else:
        with pytest.raises(RecordingsError, match="needs 21 frames of 20 ms"):
            make_clips(rows, tmp_path / "clips", Recordings(), ALPHABET)


def test_not_one_usable_recording_is_an_error(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silent.wav", np.zeros(RATE), RATE)
    with pytest.raises(RecordingsError, match=r"silent\.wav: none of 1 recordings can be used.*silent"):
        make_clips([recording(tmp_path / "silent.wav")], tmp_path / "clips", Recordings(), ALPHABET)


def times(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*.wav")}


def test_only_what_changed_is_made_again(tmp_path: Path) -> None:
    rows = []
    for number in range(4):
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, burst(0.5 + number / 10), RATE)
        rows.append(recording(path, speaker=f"speaker {number % 2}"))
    folder = tmp_path / "clips"
    first, _ = make_clips(rows, folder, Recordings(), ALPHABET)
    before = times(folder)
    assert make_clips(rows, folder, Recordings(), ALPHABET)[0] == first
    assert times(folder) == before

    soundfile.write(rows[0].path, burst(1.5), RATE)
    relabelled = dataclasses.replace(rows[1], transcript="no")
    second, _ = make_clips([rows[0], relabelled, rows[2]], folder, Recordings(), ALPHABET)
    after = times(folder)
    assert second[0].clip != first[0].clip
    assert second[0].seconds == pytest.approx(1.8, abs=0.05)
    assert [second[1].transcript, second[1].clip, second[2].clip] == ["no", first[1].clip, first[2].clip]
    assert set(after) == {clip.clip for clip in second}
    assert {name: after[name] for name in (first[1].clip, first[2].clip)} == {
        name: before[name] for name in (first[1].clip, first[2].clip)
    }
    third, _ = make_clips(rows[:3], folder, Recordings(margin=0.05), ALPHABET)
    assert third[1].seconds == pytest.approx(first[1].seconds - 0.2, abs=0.01)


def test_clips_of_a_folder_that_was_moved_stay(tmp_path: Path) -> None:
    root, outside = tmp_path / "lamp", tmp_path / "far.wav"
    root.mkdir()
    for path in (root / "near.wav", outside):
        soundfile.write(path, burst(), RATE)

    def make() -> tuple[list[clips.Clip], dict[str, int]]:
        rows = [recording(root / "near.wav"), recording(outside)]
        made, _ = make_clips(rows, root / "clips", Recordings(), ALPHABET, root)
        return made, times(root / "clips")

    before = make()
    root = root.rename(tmp_path / "lantern")
    after = make()
    assert after[1] == before[1]
    assert [clip.source for clip in after[0]] == [str(root / "near.wav"), str(outside)]


@pytest.mark.parametrize("speaker", ["", "..", "a/b", "a b", "ann", "\u0416\u0435\u043d\u044f", "x" * 300, "-rf"])
def test_any_name_of_a_speaker_makes_a_folder_inside(tmp_path: Path, good: Path, speaker: str) -> None:
    folder = tmp_path / "clips"
    (clip,), _ = make_clips([recording(good, speaker=speaker)], folder, Recordings(), ALPHABET)
    path = (folder / clip.clip).resolve()
    assert path.is_file()
    assert path.parent.parent == folder.resolve()
    assert read_clips(folder / "clips.csv")[0].speaker == speaker


def test_speakers_whose_names_look_alike_stay_apart(tmp_path: Path, good: Path) -> None:
    made, _ = make_clips(
        [recording(good, speaker=name) for name in ("a b", "a_b", "a/b")],
        tmp_path / "clips",
        Recordings(),
        ALPHABET,
    )
    assert len({clip.clip for clip in made}) == 3


def test_many_recordings_are_shared_among_processes(tmp_path: Path) -> None:
    rows = []
    for number in range(40):
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, burst(0.2 + number / 100), RATE)
        rows.append(recording(path, speaker=f"s{number % 3}"))
    made, _ = make_clips(rows, tmp_path / "clips", Recordings(), ALPHABET)
    assert [clip.source for clip in made] == [str(row.path) for row in rows]
    assert [clip.seconds for clip in made] == pytest.approx([0.5 + number / 100 for number in range(40)], abs=0.05)
    shuffled, _ = make_clips(rows[::-1], tmp_path / "others", Recordings(), ALPHABET)
    assert shuffled[::-1] == made


def test_a_run_that_was_killed_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = []
    for number in range(10):
        soundfile.write(tmp_path / f"{number}.wav", burst(), RATE)
        rows.append(recording(tmp_path / f"{number}.wav"))
    folder = tmp_path / "clips"
    monkeypatch.setattr(clips, "_SAVE_EVERY", 4)
    make, count = clips._make, 0

    def killed(job: clips._Job) -> clips.Clip | clips.Rejected:
        nonlocal count
        count += 1
        if count == 7:
            raise KeyboardInterrupt
        return make(job)

    monkeypatch.setattr(clips, "_make", killed)
    with pytest.raises(KeyboardInterrupt):
        make_clips(rows, folder, Recordings(), ALPHABET)
    before, done = times(folder), count - 1
    count = 10
    made, _ = make_clips(rows, folder, Recordings(), ALPHABET)
    assert len(made) == 10
    assert done == 6
    # Four of the six were noted; the others were made again.
    assert count - 10 == 6
    assert sum(times(folder).get(name) == when for name, when in before.items()) >= 4
    assert sorted(path.name for path in folder.iterdir()) == ["ann", "clips.csv", "rejected.csv"]


def test_workers_do_not_import_tensorflow() -> None:
    code = "import sys, datasets.clips, datasets.speech; print({'tensorflow', 'keras'} & set(sys.modules))"
    root = Path(clips.__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_full_disk_says_so_and_the_next_run_goes_on(tmp_path: Path, good: Path) -> None:
    """In a process of its own, whose files may not grow beyond 8 kB; a clip of 0.9 s takes 29."""
    program = """
        import resource, signal, sys
        from pathlib import Path
        from asr.core.alphabet import Alphabet
        from asr.core.errors import UserError
        from asr.settings.sections import Recordings
        from datasets.clips import make_clips
        from datasets.recordings import Recording
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000))
        try:
            make_clips([Recording(Path(sys.argv[1]), "on", "ann")], Path(sys.argv[2]), Recordings(), Alphabet())
        except (UserError, OSError) as error:
            print(error)
    """
    folder = tmp_path / "clips"
    root = Path(clips.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(good), str(folder)],
        cwd=root, capture_output=True, text=True, check=True, env=dict(os.environ),
    )  # fmt: skip
    assert "File too large" in done.stdout
    assert not list(folder.rglob("*.wav"))
    assert len(make_clips([recording(good)], folder, Recordings(), ALPHABET)[0]) == 1


def test_a_table_that_is_missing_or_damaged(tmp_path: Path) -> None:
    with pytest.raises(RecordingsError, match="make manifests"):
        read_clips(tmp_path / "clips.csv")
    (tmp_path / "clips.csv").write_text("clip,source\nx,y\n")
    with pytest.raises(RecordingsError, match="damaged"):
        read_clips(tmp_path / "clips.csv")


def test_the_broken_flac_among_real_orders(shared_data: Path, tmp_path: Path) -> None:
    sources = sorted((shared_data / "coffee" / "recordings").glob("*.flac"))[:3]
    rows = [recording(path, "may i have a latte") for path in (*sources, shared_data / "corrupt" / "lost_sync.flac")]
    made, rejected = make_clips(rows, tmp_path / "clips", Recordings(), ALPHABET)
    assert len(made) == 3
    assert "flac decoder lost sync" in rejected[0].reason
    for clip, path in zip(made, sources, strict=True):
        whole, _ = soundfile.read(path, dtype="int16")
        cut = audio.read_wav(tmp_path / "clips" / clip.clip)
        # The clip is a piece of the recording, sample by sample.
        where = np.flatnonzero(np.lib.stride_tricks.sliding_window_view(whole, len(cut))[:, 0] == cut[0])
        assert any(np.array_equal(whole[start : start + len(cut)], cut) for start in where)
        assert len(cut) < len(whole)
