"""What is wrong with a collection: copies, words, lengths and speakers, each once and in order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from asr.core import audio
from asr.core.alphabet import ENGLISH, Alphabet
from asr.settings.sections import Recordings
from datasets.defects import Finding
from datasets.examination import KINDS, Examination, examine
from datasets.recordings import Recording
from tests.recorded_speech import recording

SPEAKERS = ("anna", "ben", "carl", "dora", "eve")
WORDS = ("stop", "go on")


@pytest.fixture(scope="module")
def takes(tmp_path_factory: pytest.TempPathFactory) -> list[Recording]:
    folder = tmp_path_factory.mktemp("takes")
    rows = []
    for number, speaker in enumerate(SPEAKERS):
        for word in WORDS:
            path = folder / f"{speaker}-{word}.wav"
            audio.write_wav(path, recording(len(rows), 0.8, pause=0.3, pitch=90 + 25 * number))
            rows.append(Recording(path, word, speaker))
    return rows


def look(rows: list[Recording]) -> Examination:
    return examine(rows, Recordings(), Alphabet(ENGLISH))


def told(found: Examination) -> list[tuple[str, str, str]]:
    return [(one.severity, one.kind, Path(one.file).name) for one in found.findings]


def test_a_good_collection_has_no_findings(takes: list[Recording]) -> None:
    found = look(takes)
    assert told(found) == [] and (found.recordings, found.speakers) == (10, 5)
    assert found.seconds == pytest.approx(14.0, abs=0.1)


def test_copies_are_told_by_what_is_wrong_with_them(takes: list[Recording], tmp_path: Path) -> None:
    def copy(name: str, of: Recording, word: str, speaker: str) -> Recording:
        path = tmp_path / name
        audio.write_wav(path, 0.5 * audio.load(of.path)[400:])
        return Recording(path, word, speaker)

    one, two, three = takes[0], takes[2], takes[4]
    found = look(
        [
            *takes, copy("same.wav", one, one.transcript, one.speaker),
            copy("text.wav", two, "go on", two.speaker), copy("who.wav", three, three.transcript, "eve"),
        ]
    )  # fmt: skip
    assert told(found) == [("error", "copy", "text.wav"), ("error", "copy", "who.wav"), ("warning", "copy", "same.wav")]
    assert found.findings[0].others == (str(two.path),) and "'go on' instead of 'stop'" in found.findings[0].what


def test_lengths_words_and_broken_files(takes: list[Recording], tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF nothing")
    short = tmp_path / "short.wav"
    audio.write_wav(short, recording(30, 0.5, pause=0.3))
    quiet = tmp_path / "muted.wav"
    audio.write_wav(quiet, 0.001 * recording(31, 0.8))
    rows = [
        *takes,
        Recording(tmp_path / "broken.wav", "stop", "anna"),
        Recording(short, "go on and on and on and on and on and on and on", "anna"),
        Recording(quiet, "stop", "anna"),
    ]
    found = look(rows)
    assert told(found)[:3] == [
        ("error", "unreadable", "broken.wav"), ("error", "silent", "muted.wav"), ("error", "length", "short.wav")
    ]  # fmt: skip
    assert told(found)[3:] == [("warning", "few speakers", "short.wav")]
    assert "'and' is said by one speaker" in found.findings[-1].what


def test_many_rare_words_are_summed_up(takes: list[Recording]) -> None:
    rare = " ".join(f"w{chr(97 + number)}" for number in range(25))
    settings = Recordings(longest=100.0)
    rows = [*takes[1:], Recording(takes[0].path, rare, "anna")]
    found = [one.what for one in examine(rows, settings, Alphabet(ENGLISH)).findings if one.kind == "few speakers"]
    assert len(found) == 21 and "5 more words are said by fewer than 3 speakers" in found


def test_takes_cut_to_the_speech_are_told_once(tmp_path: Path) -> None:
    rows = []
    for seed in range(12):
        sound = recording(seed, 1.2, pause=0.4)
        path = tmp_path / f"{seed}.wav"
        audio.write_wav(path, sound[round(0.7 * 16000) :] if seed % 2 else sound)
        rows.append(Recording(path, "stop", f"s{seed}"))
    assert [one.kind for one in look(rows).findings] == ["trimmed"]


def test_synthetic_voices_are_passed_over_and_more_is_asked(takes: list[Recording]) -> None:
    robot = Recording(Path("/nowhere.wav"), "stop", "robot", synthetic=True)
    asked: list[float] = []

    def more(people: object, seconds: float) -> list[Finding]:
        asked.append(seconds)
        return [Finding("alike", "warning", "two words", "Rephrase")]

    found = examine([*takes, robot], Recordings(), Alphabet(ENGLISH), more=more)
    assert told(found) == [("warning", "alike", "")] and asked == [found.seconds] and found.recordings == 10


def test_every_kind_has_a_heading() -> None:
    from datasets import defects, examination, likelihood

    for module in (defects, examination, likelihood):
        text = Path(str(module.__file__)).read_text()
        for kind in re.findall(r'(?:Finding|tell)\("([^"]+)"', text):
            assert kind in KINDS, kind
    assert len(set(KINDS.values())) == len(KINDS)
