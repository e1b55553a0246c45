"""The page of `asr serve`: its history, its corrections, and how it looks to a browser that hears a file."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from asr.core import audio
from asr.runtime.listener import Utterance
from asr.runtime.recogniser import Recogniser, Recognition
from asr.runtime.server import Service, make_app
from asr.runtime.session import Heard
from asr.settings.workspace import Workspace
from datasets.recordings import find, read_csv
from tests.asr.runtime.tone_device import stream
from tests.tools.web.chromium import PROGRAM, browser
from tests.tools.web.lamp import make_workspace
from tools.web.history import KEPT, History
from tools.web.page import STATIC, Page

REPOSITORY = Path(__file__).resolve().parents[3]
TEXTS = ("bad cab", "fade cage")


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "lamp")


@pytest.fixture
def client(ws: Workspace) -> TestClient:
    recogniser, history = Recogniser.open(ws.device), History()
    routes = Page(ws, recogniser, history).routes()
    return TestClient(make_app(Service(recogniser, keep=history.add), routes), base_url="http://127.0.0.1:8700")


def speak(client: TestClient, start: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Send the sound of TEXTS and return the final messages."""
    found = []
    with client.websocket_connect("ws://127.0.0.1:8700/ws/1") as socket:
        socket.send_json(start or {"type": "start", "history": True})
        data = stream(TEXTS, (1.3, 1.2, 1.5))[0].tobytes()
        for first in range(0, len(data), 32000):
            socket.send_bytes(data[first : first + 32000])
        socket.send_json({"type": "stop"})
        with contextlib.suppress(Exception):
            while True:
                found.append(socket.receive_json())
    return [one for one in found if one["type"] == "final"]


def test_utterances_are_kept_with_their_sound(client: TestClient) -> None:
    told = speak(client)
    assert [one["sentence"] for one in told] == list(TEXTS)
    assert client.get("/history").json() == told
    for one in told:
        answer = client.get(f"/history/{one['id']}.wav")
        assert answer.headers["content-type"] == "audio/wav"
        samples = audio.parse_wav(answer.content, "answer")
        whole = stream(TEXTS, (1.3, 1.2, 1.5))[0]
        first = round(16000 * one["start"])
        assert (samples == whole[first : first + len(samples)]).all()
        assert len(samples) / 16000 == pytest.approx(one["end"] - one["start"], abs=0.011)


def test_other_clients_are_not_kept(client: TestClient) -> None:
    assert "id" not in speak(client, {"type": "start"})[0]
    assert client.get("/history").json() == []


def test_right_and_wrong_become_recordings(client: TestClient, ws: Workspace) -> None:
    first, second = speak(client)
    right = client.post(f"/history/{first['id']}", json={"speaker": "Ann"})
    assert (right.status_code, right.json()) == (200, {"filed": "bad cab"})
    wrong = client.post(f"/history/{second['id']}", json={"sentence": "fade bead", "speaker": "Bo"})
    assert wrong.json() == {"filed": "fade bead"}
    found = find(ws.recordings, ws.alphabet)
    assert [(one.transcript, one.speaker) for one in found] == [("bad cab", "Ann"), ("fade bead", "Bo")]
    assert found[0].path.read_bytes() == client.get(f"/history/{first['id']}.wav").content
    again = client.post(f"/history/{first['id']}", json={})
    assert (again.status_code, len(find(ws.recordings, ws.alphabet))) == (409, 2)
    assert [one["filed"] for one in client.get("/history").json()] == ["bad cab", "fade bead"]


def test_none_of_them_becomes_other_speech(client: TestClient, ws: Workspace) -> None:
    first, second = speak(client)
    assert (
        client.post(f"/history/{first['id']}", json={"other": True, "transcript": "a bad face"}).json()["filed"] == ""
    )
    assert client.post(f"/history/{second['id']}", json={"other": True}).status_code == 200
    assert [one.transcript for one in read_csv(ws.other_speech / "recordings.csv", ws.alphabet)] == ["a bad face"]
    assert len(audio.sound_files(ws.other_speech)) == 2


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b'{"sentence": "bad face"}', 422, "is no sentence"),
        (b'{"speaker": "../x"}', 422, "no name of a speaker"),
        (b'{"path": "/etc/passwd"}', 422, "the body is"),
        (b'{"other": "yes"}', 422, "the body is"),
        (b"[" * 2000, 422, "the body is"),
        (b"\xff", 422, "the body is"),
        (b"x" * 5000, 413, "4096 bytes"),
    ],
)
def test_what_is_no_correction_files_nothing(
    client: TestClient, ws: Workspace, body: bytes, status: int, reason: str
) -> None:
    one = speak(client)[0]
    answer = client.post(f"/history/{one['id']}", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status and reason in answer.text
    assert not ws.recordings.exists() and not ws.other_speech.exists()


def test_a_form_of_another_page_files_nothing(client: TestClient, ws: Workspace) -> None:
    one = speak(client)[0]
    assert (
        client.post(f"/history/{one['id']}", content=b"{}", headers={"content-type": "text/plain"}).status_code == 415
    )
    assert client.post(f"/history/{one['id']}", json={}, headers={"origin": "http://evil.example"}).status_code == 403
    assert not ws.recordings.exists()


@pytest.mark.parametrize(
    "path", ["/../asr.toml", "/%2e%2e/asr.toml", "/static/../page.py", "/history/..%2f..%2fasr.toml", "/history/9.wav"]
)
def test_paths_are_not_files(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_the_page_asks_nothing_of_other_servers(client: TestClient) -> None:
    page = client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for path in STATIC.iterdir():
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|//\w+\.\w", re.sub(r"(?m)^\s*// .*|; // .*", "", text)), path.name
        assert "style=" not in text and "onclick" not in text, path.name
    for name in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert client.get(f"/{name}").status_code == 200, name


def test_the_history_forgets() -> None:
    now = [1000.0]
    history = History(most=3 * 2000, clock=lambda: now[0])
    nothing = Recognition("", "", {}, (), "", None, None, accepted=False)
    heard = Heard(Utterance(0.0, 1.0, nothing), np.zeros(1000, np.int16))
    numbers = [history.add(heard, {})["id"] for _ in range(5)]
    assert [entry.number for entry in history.entries()] == numbers[2:]
    now[0] += KEPT + 1
    assert history.entries() == [] and history.find(numbers[-1]) is None
    history.add(heard, {})
    assert len(history.entries()) == 1


# ------------------------------------------------------------------------------------------------ the command


@contextlib.contextmanager
def serving(ws: Workspace, *options: str) -> Iterator[str]:
    """Run `asr serve` and yield the address that it prints."""
    words = [sys.executable, "-m", "tools.commands.cli", "serve", str(ws.root), "--port", "0", *options]
    process = subprocess.Popen(words, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if found := re.search(r"https?://\S+", line):
                yield found[0]
                break
        else:
            raise AssertionError("no address")
    finally:
        process.terminate()
        process.wait(10)
        process.stderr.close()


@pytest.mark.skipif(PROGRAM is None, reason="there is no Chromium")
def test_a_browser_shows_what_it_hears_and_files_a_correction(ws: Workspace, tmp_path: Path) -> None:
    sound, _ = stream(TEXTS, (1.3, 1.2, 20.0))
    audio.write_wav(tmp_path / "microphone.wav", sound)
    with serving(ws) as address, browser(tmp_path / "profile", tmp_path / "microphone.wav", address) as page:
        page.evaluate("document.getElementById('listen').click()")
        page.wait("document.querySelectorAll('#history li').length === 2", 12)
        shown = page.evaluate("[...document.querySelectorAll('#history .what')].map(one => one.textContent.trim())")
        assert [" ".join(one.split()) for one in shown] == ["fade cage x: kennel", "bad cab"]
        assert page.evaluate("document.getElementById('status').textContent") == "Listening"
        page.evaluate("document.querySelector('#history .right').click()")
        assert page.wait("document.querySelector('#history .filed').textContent", 5) == "Filed: fade cage"
        for width in (390, 1280):
            page.command(
                "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False
            )
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.complaints == []
    (filed,) = find(ws.recordings, ws.alphabet)
    assert filed.transcript == "fade cage"


def test_other_machines_need_the_token_that_is_printed(ws: Workspace) -> None:
    import urllib.error
    import urllib.request

    with serving(ws, "--host", "0.0.0.0") as address:
        port, token = re.search(r":(\d+)/\?token=([\w-]{22})$", address).groups()  # type: ignore[union-attr]
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10)
        assert refused.value.code == 401
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/about?token={token}", timeout=10) as answer:
            assert json.load(answer)["name"] == "lamp"
    assert (ws.build / "serve.token").stat().st_mode & 0o777 == 0o600
