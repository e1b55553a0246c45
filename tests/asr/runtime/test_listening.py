"""`listen` from sound to line: partial results, latency, gaps, streams and actions together."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from asr.core import audio
from asr.runtime.__main__ import main
from asr.runtime.actions import Actions
from asr.runtime.journal import Event
from asr.runtime.listening import Shown, listening
from asr.runtime.service import Watchdog
from tests.asr.runtime.tone_device import RATE, SENTENCES, hiss, spoken, stream, tone_device, write_device

REPOSITORY = Path(__file__).resolve().parents[3]
TEXTS = ("bad cab", "fade bead", "bad bag hedge", "fade cage")
SOUND, PLACES = stream(TEXTS, (1.5, 2.5, 2.5, 2.5, 2.0))


class Note:
    """Keeps the events."""

    name = "note"

    def __init__(self) -> None:
        self.events: list[Event] = []

    def connect(self) -> None:
        pass

    def deliver(self, number: int, event: Event) -> None:
        self.events.append(event)

    def close(self) -> None:
        pass


def hear(*pieces: np.ndarray | None, shown: Shown | None = None) -> tuple[list[dict], list[Event]]:
    """Return the records of some pieces of sound, and the events."""
    note = Note()
    actions = Actions([note], None)
    chunks = (
        chunk
        for piece in pieces
        for chunk in ([None] if piece is None else np.split(piece, range(320, len(piece), 320)))
    )
    records = list(listening(tone_device(), iter(chunks), actions, shown or Shown(), Watchdog({})))
    actions.finish()
    actions.stop()
    return records, note.events


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    write_device(folder / "device")
    audio.write_wav(folder / "stream.wav", SOUND)
    return folder


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, list[dict], str]:
    status = main(["listen", *(str(argument) for argument in arguments)])
    out, err = capsys.readouterr()
    return status, [json.loads(line) for line in out.splitlines()], err


def test_each_command_is_a_line_and_an_event() -> None:
    records, events = hear(SOUND)
    assert [record["text"] for record in records] == list(TEXTS) and events == records
    for record, (start, end) in zip(records, PLACES, strict=True):
        assert record["final"] is True and record["start"] < start and record["end"] > end
        # The stream is at `end` when the answer comes, and speech was over at the place in the sound; the machine takes
        # its time besides.
        assert record["latency"] > record["end"] - end - 0.2
        assert abs(record["words"][-1]["end"] - end) < 0.1


def test_the_sentence_grows_word_by_word() -> None:
    records, events = hear(SOUND, shown=Shown(partial=True))
    assert [event["text"] for event in events] == list(TEXTS)
    told: list[list[str]] = [[]]
    for record in records:
        told[-1].append(record["text"])
        if record["final"]:
            told.append([])
        else:
            assert set(record) == {"final", "start", "text"}
    for text, row in zip(TEXTS, told, strict=False):
        words = text.split()
        grown = [" ".join(words[:count]) for count in range(1, len(words) + 1)]
        # The answer may be there before the last word is known to be over.
        assert row in ([*grown, text], grown)


def test_a_gap_ends_what_was_said_and_times_go_on() -> None:
    first, second = SOUND[: round((PLACES[0][1] + 0.2) * RATE)], SOUND[round((PLACES[1][0] - 1.5) * RATE) :]
    records, _ = hear(first, None, None, second)
    assert [record["text"] for record in records] == list(TEXTS)
    moved = len(first) / RATE - (PLACES[1][0] - 1.5)
    for record, (_, end) in zip(records[1:], PLACES[1:], strict=True):
        assert abs(record["words"][-1]["end"] - (end + moved)) < 0.1


def test_refused_utterances_are_shown_when_asked_for(place: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    refusing = tone_device()
    judge = refusing.judge
    monkeypatch.setattr(
        refusing,
        "judge",
        lambda frames: replace(judge(frames), accepted=False),
    )
    given = ["--input", place / "stream.wav", "--exec", f"touch {place}/never"]
    monkeypatch.setattr("asr.runtime.__main__._open_device", lambda folder: refusing)
    assert run(capsys, place, *given)[1] == []
    rows = run(capsys, place, *given, "--all")[1]
    assert [(row["text"], row["accepted"], row["closest"]) for row in rows] == [("", False, text) for text in TEXTS]
    assert not (place / "never").exists()


def test_no_sound_is_lost_while_a_command_runs(place: Path, tmp_path: Path, capsys) -> None:
    command = f"""sh -c 'sleep 0.3; echo "$ASR_TEXT" >> {tmp_path}/heard'"""
    status, rows, _ = run(capsys, place / "device", "--input", place / "stream.wav", "--exec", command)
    assert status == 0 and [row["text"] for row in rows] == list(TEXTS)
    assert (tmp_path / "heard").read_text().splitlines() == list(TEXTS)


def test_a_board_that_reconnects_is_heard(place: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        command = [sys.executable, "-m", "asr.runtime", "listen", str(place / "device")]
        source = ["--input", f"tcp://127.0.0.1:{port}"]
        with subprocess.Popen(
            [*command, *source], cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=-1, text=True
        ) as heard:
            for text in ("bad cab", "fade cage"):
                connection, _ = server.accept()
                with connection:
                    sound = np.concatenate((hiss(1.0), spoken(text), hiss(1.5, 3)))
                    connection.sendall(sound.astype("<i2").tobytes())
            assert heard.stdout is not None and heard.stderr is not None
            assert [json.loads(heard.stdout.readline())["text"] for _ in range(2)] == ["bad cab", "fade cage"]
            heard.send_signal(signal.SIGTERM)
            assert heard.wait(10) == 0
            assert "closed the connection; trying again in 0.5 s" in heard.stderr.read()


def test_standard_input_may_be_raw(place: Path) -> None:
    command = [sys.executable, "-m", "asr.runtime", "listen", str(place / "device"), "--input", "-"]
    # The command must not take what is meant for the one that listens.
    command += ["--exec", "cat"]
    wav = (place / "stream.wav").read_bytes()
    done = subprocess.run(command, input=wav[44:], cwd=REPOSITORY, capture_output=True, timeout=60)
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == list(TEXTS), done.stderr


def test_a_kill_between_deliveries_loses_nothing(place: Path, tmp_path: Path) -> None:
    program = tmp_path / "note.py"
    program.write_text("import os, time\nopen('heard', 'a').write(os.environ['ASR_TEXT'] + '\\n')\ntime.sleep(0.2)\n")
    action = ["--queue", str(tmp_path / "queue"), "--exec", f"{shlex.quote(sys.executable)} {program}"]
    command = [sys.executable, "-m", "asr.runtime", "listen", str(place / "device")]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    heard = tmp_path / "heard"
    first = subprocess.Popen(
        [*command, *action, "--input", str(place / "stream.wav")],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert first.stdout is not None
    promised = [json.loads(first.stdout.readline())["text"] for _ in TEXTS]
    while not heard.exists() or len(heard.read_text().splitlines()) < 2:
        time.sleep(0.01)
    first.kill()
    assert first.wait() == -signal.SIGKILL and promised == list(TEXTS)
    silence = hiss(0.5).astype("<i2").tobytes()
    subprocess.run([*command, *action, "--input", "-"], cwd=tmp_path, env=environment, input=silence, check=True)
    delivered = heard.read_text().splitlines()
    # The one that ran when the process was killed runs once more.
    assert delivered in ([*TEXTS[:2], *TEXTS[1:]], list(TEXTS))


def test_the_service_runs_the_same_command(place: Path, tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    options = ["--input", "udp://127.0.0.1:9000", "--exec", "say hello"]
    assert main(["listen", str(place / "device"), *options, "--print-service"]) == 0
    printed = capsys.readouterr().out
    (line,) = (line for line in printed.splitlines() if line.startswith("ExecStart="))
    assert shlex.split(line)[-6:] == ["listen", str(place / "device"), *options]
    assert main(["listen", str(place / "device"), *options, "--install-service"]) == 0
    assert str(tmp_path / "systemd" / "user") in capsys.readouterr().out
    assert (tmp_path / "systemd" / "user" / "asr-listen.service").read_text() == printed


def test_options_that_do_not_fit_are_one_line(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    device = place / "device"
    for options, message in (
        (["--mqtt-tls"], "--mqtt-tls needs --mqtt"),
        (["--shell"], "--shell needs --exec"),
        (["--exec-timeout", "3"], "--exec-timeout needs --exec"),
        (["--queue", place / "queue"], "--queue needs an action"),
        (["--input", "-", "--microphone", "1"], "--microphone needs --input mic"),
        (["--input", "tcp://127.0.0.1:1", "--real-time"], "--real-time is for files"),
        (["--input", "ftp://x"], "this is no address"),
        (["--input", "-", "--print-service"], "a service has no standard input"),
        (["--input", place / "missing.wav"], "missing.wav: No such file or directory. Name a WAV file with --input"),
    ):
        status, rows, err = run(capsys, device, *options)
        assert (status, rows) == (2, []) and message in err, err
        assert err.splitlines()[-1].startswith("error: ") and "Traceback" not in err
    assert run(capsys)[0] == 2


def test_asr_listens_with_a_workspace(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = tmp_path / "lamp"
    (workspace / "build" / "export").mkdir(parents=True)
    (workspace / "asr.toml").write_text("")
    (workspace / "sentences.txt").write_text(SENTENCES)
    command = [
        sys.executable,
        "-m",
        "tools.commands.cli",
        "listen",
        str(workspace),
        "--input",
        str(place / "stream.wav"),
    ]

    def listens() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)

    done = listens()
    assert done.returncode == 2 and "it is not exported. Run: asr train" in done.stderr, done.stderr
    (workspace / "build" / "export" / "device").symlink_to(place / "device")
    done = listens()
    _, rows, _ = run(capsys, place / "device", "--input", place / "stream.wav")

    def lasting(row: dict) -> dict:
        return {name: value for name, value in row.items() if name not in ("time", "latency")}

    assert [lasting(json.loads(line)) for line in done.stdout.splitlines()] == [lasting(row) for row in rows]
    assert len(rows) == len(TEXTS)


def test_threads_end_with_the_command(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = threading.active_count()
    assert run(capsys, place / "device", "--input", place / "stream.wav", "--exec", "true")[0] == 0
    assert threading.active_count() == before
