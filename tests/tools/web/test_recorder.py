"""The recorder: what is accepted is on disk, whole and once; all else is refused; and a session in a real browser."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from asr.core import audio
from asr.core.files import exclusive
from asr.runtime.guard import COOKIE, OPEN, Guard
from asr.settings.workspace import Workspace
from datasets.recordings import find
from tests.tools.web.chromium import PROGRAM, browser
from tests.tools.web.lamp import make_workspace
from tests.tools.web.test_take_quality import as_int16, take
from tools.web import corrections
from tools.web.recorder import PAGE, Invitations, Recorder, make_app
from tools.web.recording_server import certificate, tell_invitation

REPOSITORY = Path(__file__).resolve().parents[3]
TAKE = as_int16(take())
WAV = {"content-type": "audio/wav"}


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "lamp", device=False)


@pytest.fixture
def client(ws: Workspace) -> TestClient:
    return TestClient(Guard(make_app(Recorder(ws).routes())), base_url="http://127.0.0.1:8701")


def values(number: int = 1, sentence: str = "bad cab", speaker: str = "Ann") -> dict[str, str]:
    return {"sentence": sentence, "speaker": speaker, "number": f"{1700000000000 + number}"}


def test_an_accepted_take_is_a_recording_of_exact_length(client: TestClient, ws: Workspace) -> None:
    answer = client.post("/takes", params=values(), content=audio.wav_bytes(TAKE), headers=WAV)
    assert answer.status_code == 200 and answer.json()["samples"] == len(TAKE) and not answer.json()["warnings"]
    (one,) = find(ws.recordings, ws.alphabet)
    assert (one.transcript, one.speaker) == ("bad cab", "Ann")
    assert (audio.read_wav(one.path) == TAKE).all()
    assert client.get("/plan", params={"speaker": "Ann"}).json()["recorded"] == 1
    # A lost answer: the page sends it again.
    assert client.post("/takes", params=values(), content=audio.wav_bytes(TAKE), headers=WAV).status_code == 200
    assert len(find(ws.recordings, ws.alphabet)) == len(audio.sound_files(ws.recordings)) == 1


def test_folders_stay_folders(client: TestClient, ws: Workspace) -> None:
    audio.write_wav(ws.recordings / "bad_bag" / "bo_nohash_0.wav", TAKE)
    for _ in range(2):
        assert client.post("/takes", params=values(), content=audio.wav_bytes(TAKE), headers=WAV).status_code == 200
    found = find(ws.recordings, ws.alphabet)
    assert sorted((one.transcript, one.speaker) for one in found) == [("bad bag", "bo"), ("bad cab", "Ann")]


def test_rows_that_the_user_adds_meanwhile_stay(client: TestClient, ws: Workspace) -> None:
    client.post("/takes", params=values(1), content=audio.wav_bytes(TAKE), headers=WAV)
    audio.write_wav(ws.recordings / "own.wav", TAKE)
    table = ws.recordings / "recordings.csv"
    table.write_text(table.read_text() + "own.wav,bad bag,Bo\n")
    client.post("/takes", params=values(2), content=audio.wav_bytes(TAKE), headers=WAV)
    assert [one.speaker for one in find(ws.recordings, ws.alphabet)] == ["Ann", "Bo", "Ann"]


def test_measuring_files_nothing(client: TestClient, ws: Workspace) -> None:
    clipped = as_int16(take(level=0.9))
    found = client.post(
        "/measure", params={"sentence": "bad cab"}, content=audio.wav_bytes(clipped), headers=WAV
    ).json()
    assert "clipped" in found["warnings"][0] and found["usable"]
    assert not ws.recordings.exists()


@pytest.mark.parametrize(
    ("body", "changes", "status", "reason"),
    [
        (b"PK\x03\x04" + bytes(4000), {}, 422, "not a mono 16 kHz"),
        (audio.wav_bytes(TAKE, 8000), {}, 422, "not a mono 16 kHz"),
        (audio.wav_bytes(TAKE)[:3000], {}, 422, "truncated"),
        (audio.wav_bytes(np.zeros(16000, np.int16)), {}, 422, "silent"),
        (bytes(600_000), {}, 413, "480044 bytes"),
        (audio.wav_bytes(TAKE), {"sentence": "../bad"}, 422, "is no sentence"),
        (audio.wav_bytes(TAKE), {"speaker": "../../etc"}, 422, "no name of a speaker"),
        (audio.wav_bytes(TAKE), {"number": "../1"}, 422, "13 to 20 digits"),
    ],
)
def test_what_is_no_take_is_refused(
    client: TestClient, ws: Workspace, body: bytes, changes: dict[str, str], status: int, reason: str
) -> None:
    answer = client.post("/takes", params=values() | changes, content=body, headers=WAV)
    assert answer.status_code == status and reason in answer.text
    assert not ws.recordings.exists()


def test_two_gigabytes_are_refused_unread(client: TestClient) -> None:
    answer = client.post("/takes", params=values(), content=b"x", headers={**WAV, "content-length": str(2 << 30)})
    assert answer.status_code == 413
    # A form of another page cannot send this type unasked, and its origin is refused.
    form = client.post("/takes", params=values(), content=b"x", headers={"content-type": "text/plain"})
    assert form.status_code == 415
    foreign = {**WAV, "origin": "http://evil.example"}
    assert client.post("/takes", params=values(), content=audio.wav_bytes(TAKE), headers=foreign).status_code == 403
    assert client.get("/plan", headers={"host": "evil.example"}).status_code == 403


def test_a_full_disk_loses_nothing(client: TestClient, ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    client.post("/takes", params=values(1), content=audio.wav_bytes(TAKE), headers=WAV)
    before = (ws.recordings / "recordings.csv").read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(corrections.os, "fsync", full)
    answer = client.post("/takes", params=values(2), content=audio.wav_bytes(TAKE), headers=WAV)
    assert answer.status_code == 507 and "No space left" in answer.text
    assert (ws.recordings / "recordings.csv").read_bytes() == before
    monkeypatch.undo()
    assert client.post("/takes", params=values(2), content=audio.wav_bytes(TAKE), headers=WAV).status_code == 200
    assert len(find(ws.recordings, ws.alphabet)) == len(audio.sound_files(ws.recordings)) == 2


def test_a_busy_workspace_is_waited_for(client: TestClient, ws: Workspace) -> None:
    with exclusive(ws.build / ".corrections.lock"):
        answer = client.post("/takes", params=values(), content=audio.wav_bytes(TAKE), headers=WAV)
    assert answer.status_code == 503


def test_an_invitation_lets_one_browser_in(ws: Workspace) -> None:
    told: list[str] = []
    invitations = Invitations("session-token-of-this-run", COOKIE, told.append)
    invitations.renew()
    app = Guard(make_app(Recorder(ws).routes(), invitations), (), "session-token-of-this-run", (*OPEN, "/join"))
    one, other = (TestClient(app, base_url="https://192.168.1.2:8701") for _ in range(2))
    assert one.get("/").status_code == 401 and one.get("/plan").status_code == 401
    assert one.get("/join", params={"token": "guessed"}).status_code == 401
    assert one.get("/join", params={"token": told[0]}).status_code == 200
    assert one.get("/plan").status_code == 200
    assert other.get("/join", params={"token": told[0]}).status_code == 401 and other.get("/plan").status_code == 401
    assert other.get("/join", params={"token": told[1]}).status_code == 200 and other.get("/plan").status_code == 200


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl")
def test_a_certificate_is_kept_until_the_address_changes(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pair = certificate(tmp_path, "192.168.1.2")
    assert b"BEGIN CERTIFICATE" in pair[0].read_bytes() and pair[1].stat().st_mode & 0o777 == 0o600
    before = pair[0].read_bytes()
    assert certificate(tmp_path, "192.168.1.2")[0].read_bytes() == before
    assert certificate(tmp_path, "192.168.1.3")[0].read_bytes() != before
    tell_invitation("https://192.168.1.2:8701/join?token=abc")
    shown = capfd.readouterr().err
    assert "join?token=abc" in shown and shown.count("█") + shown.count("▀") > 50


def test_the_page_asks_nothing_of_other_servers() -> None:
    for path in PAGE.iterdir():
        assert not re.search(r"https?://", path.read_text().replace("http://www.w3.org", "")), path


class Server:
    """`asr record` in a process of its own."""

    def __init__(self, ws: Workspace, port: int = 0) -> None:
        command = [sys.executable, "-m", "tools.commands.cli", "record", str(ws.root), "--port", str(port)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY)
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if found := re.search(r"http://127\.0\.0\.1:(\d+)/", line):
                self.port = int(found.group(1))
                return
        raise AssertionError("the server does not start")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()


@pytest.mark.skipif(PROGRAM is None, reason="no Chromium")
def test_a_session_in_a_browser(tmp_path: Path, ws: Workspace) -> None:
    # The microphone says the same again and again, each time with a pause around it.
    microphone = tmp_path / "microphone.wav"
    said = take(before=0.5, after=0.5)
    audio.write_wav(microphone, as_int16(np.concatenate([said, said, said])))
    loud = tmp_path / "loud.wav"
    audio.write_wav(loud, as_int16(np.concatenate([take(0.5, 1.2, 0.5, level=1.5)] * 3)))
    server = Server(ws)
    accepted: list[int] = []
    try:
        with browser(tmp_path / "profile", microphone, f"http://127.0.0.1:{server.port}/") as page:
            page.wait("document.getElementById('count').textContent === '0 of 18'", 10)
            page.evaluate("document.getElementById('speaker').value = 'Ann'")
            page.evaluate("document.getElementById('speaker').dispatchEvent(new Event('change'))")

            def press(key: str) -> None:
                page.evaluate(f"document.dispatchEvent(new KeyboardEvent('keydown', {{key: {key!r}, bubbles: true}}))")

            def record_one() -> None:
                press(" ")
                page.wait("document.getElementById('record').getAttribute('aria-pressed') === 'true'", 10)
                time.sleep(1.8)
                press(" ")
                page.wait("!document.getElementById('keep').disabled", 10)

            def keep(count: int) -> None:
                press("Enter")
                page.wait(f"document.querySelectorAll('#kept li').length === {count}", 20)
                accepted.append(page.evaluate("Number(document.querySelector('#kept li').dataset.samples)"))

            record_one()
            keep(1)
            record_one()
            # Closed without keeping: this take is nobody's, the one before stays.
            page.command("Page.navigate", url="about:blank")
            page.command("Page.navigate", url=f"http://127.0.0.1:{server.port}/")
            page.wait("document.getElementById('count')?.textContent === '1 of 18'", 10)
            record_one()
            server.kill()
            press("Enter")
            page.wait("document.getElementById('status').textContent.includes('kept here')", 10)
            server = Server(ws, server.port)
            page.wait("document.querySelectorAll('#kept li').length === 1", 20)
            accepted.append(page.evaluate("Number(document.querySelector('#kept li').dataset.samples)"))
            if folder := os.environ.get("ASR_SCREENSHOTS"):
                record_one()
                for width in (390, 1280):
                    for dark in (False, True):
                        page.screenshot(Path(folder) / f"record-{width}-{'dark' if dark else 'light'}.png", width, dark)
        with browser(tmp_path / "other", loud, f"http://127.0.0.1:{server.port}/") as page:
            page.wait("document.getElementById('count').textContent.endsWith('of 18')", 10)
            page.evaluate("document.getElementById('record').click()")
            page.wait("document.getElementById('record').getAttribute('aria-pressed') === 'true'", 10)
            time.sleep(1.8)
            page.evaluate("document.getElementById('record').click()")
            page.wait("document.getElementById('warnings').textContent.includes('clipped')", 10)
    finally:
        server.kill()
    found = find(ws.recordings, ws.alphabet)
    assert [one.speaker for one in found] == ["Ann", "Ann"]
    assert len({one.transcript for one in found}) == 2, "each sentence once before any of them twice"
    assert [len(audio.read_wav(one.path)) for one in found] == accepted
    assert all(1.5 * 16000 < count < 3.5 * 16000 for count in accepted)
