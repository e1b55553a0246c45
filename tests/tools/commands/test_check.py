"""`asr check` and `asr mend`: exit codes, text, JSON and page, and the summary that a training prints."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from typer.testing import CliRunner

from asr.core import audio, tables
from asr.core.errors import UserError
from asr.settings.workspace import Workspace
from tests.recorded_speech import recording
from tools.commands.cli import app
from tools.commands.steps import check

WORDS = ("stop", "go on")
SPEAKERS = ("anna", "ben", "carl", "dora")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Recordings of two sentences by four people, one of them clipped and one with an offset."""
    rows = []
    for number, speaker in enumerate(SPEAKERS):
        for word in WORDS:
            sound = recording(len(rows), 0.8, pause=0.3, pitch=90 + 25 * number)
            if (speaker, word) == ("ben", "stop"):
                sound = np.clip(sound * 9, -1, 1)
            if (speaker, word) == ("carl", "go on"):
                sound = sound + np.float32(0.05)
            name = f"{speaker} & {word}.wav"
            audio.write_wav(tmp_path / "speech" / name, sound)
            rows.append((name, word, speaker))
    tables.write(tmp_path / "speech" / "recordings.csv", ("file", "transcript", "speaker"), rows)
    return tmp_path / "speech"


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(arguments))
    if isinstance(done.exception, UserError):
        raise done.exception
    return done.exit_code, done.stdout


def test_findings_are_listed_by_severity_and_errors_exit_with_one(folder: Path) -> None:
    before = sorted(folder.iterdir())
    code, text = run("check", str(folder), "--no-transcripts")
    lines = text.splitlines()
    assert code == 1 and lines[0] == "error: Clipped (1)" and lines[1].startswith("  ben & stop.wav: clipped: ")
    assert lines[2] == "warning: DC offset (1)" and "offset of +5.0%" in lines[3]
    assert lines[4].startswith("8 recordings of 4 speakers, 0.2 min: 1 error, 1 warning, 0 hints")
    assert sorted(folder.iterdir()) == before, "it writes nothing where it was not told to"


def test_json_and_the_page_say_the_same(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "made" / "here"
    code, text = run("check", str(folder / "recordings.csv"), "--no-transcripts", "--json", "--out", str(out))
    record = json.loads(text)
    assert code == 1 and record == json.loads((out / "check.json").read_text())
    assert (record["errors"], record["warnings"], record["recordings"]) == (1, 1, 8)
    assert record["findings"][0]["file"] == str(folder / "ben & stop.wav")
    page = (out / "index.html").read_text()
    links = [unquote(link) for link in re.findall(r'<audio [^>]*src="([^"]+)"', page)]
    assert [(out / link).resolve() for link in links] == [
        folder / "ben & stop.wav", folder / "carl & go on.wav"
    ]  # fmt: skip
    assert "ben &amp; stop.wav" in page and "<script" not in page


def test_nothing_wrong_exits_with_zero(folder: Path) -> None:
    for name in ("ben & stop.wav", "carl & go on.wav"):
        (folder / name).unlink()
    text = (folder / "recordings.csv").read_text()
    (folder / "recordings.csv").write_text(
        "".join(line for line in text.splitlines(True) if "ben & stop" not in line and "carl & go" not in line)
    )
    code, text = run("check", str(folder), "--no-transcripts")
    assert code == 0 and text.startswith("6 recordings")


def test_bad_input_is_one_line(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no such folder"):
        run("check", str(tmp_path / "gone"))
    with pytest.raises(UserError, match="there are no recordings"):
        run("check", str(tmp_path / "empty"))
    with pytest.raises(UserError, match="exists already"):
        run("mend", str(folder), str(folder))


def test_words_that_sound_alike_are_told(folder: Path) -> None:
    table = folder / "recordings.csv"
    table.write_text(table.read_text().replace("anna & go on.wav,go on", "anna & go on.wav,goe on"))
    _, text = run("check", str(folder), "--no-transcripts")
    assert "warning: Sentences that sound alike (1)\n  'go' and 'goe' of the transcripts sound alike" in text


def test_a_training_sums_it_up_and_reads_nothing_twice(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, source = tmp_path / "home", tmp_path / "sentences.txt"
    source.write_text("stop\ngo on\n")
    assert run("init", str(home), "--sentences", str(source), "--recordings", str(folder / "recordings.csv"))[0] == 0
    ws = Workspace.open(home)
    text = check.summary(ws)
    lines = text.splitlines()
    assert lines[0].startswith("warning: ben & stop.wav: clipped") and lines[1].startswith("1 error and 1 warning in 8")
    assert sorted(path.name for path in (home / "build" / "check").iterdir()) == ["measures.npz"]

    def fail(*_: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr("datasets.inspection.sound_file.read", fail)
    assert check.summary(ws) == text


def test_without_recordings_of_people_there_is_no_summary(tmp_path: Path) -> None:
    home, source = tmp_path / "home", tmp_path / "sentences.txt"
    source.write_text("stop\n")
    run("init", str(home), "--sentences", str(source))
    assert check.summary(Workspace.open(home)) == ""
    assert not (home / "build" / "check").exists()
    code, text = run("check", str(home))
    assert code == 0 and "no recordings of people" in text
    with pytest.raises(UserError, match="no recordings to mend"):
        run("mend", str(home), str(tmp_path / "mended"))


def test_mended_recordings_pass(folder: Path, tmp_path: Path) -> None:
    code, text = run("mend", str(folder), str(tmp_path / "mended"))
    assert code == 0 and "1 mended, 7 copied as they are, 0 left out" in text
    _, text = run("check", str(tmp_path / "mended"), "--no-transcripts")
    assert "DC offset" not in text and "8 recordings" in text
