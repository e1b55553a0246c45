"""The server through real sockets: friendly and hostile clients, hosts, origins, tokens."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from asr.core.audio import wav_bytes
from asr.runtime.__main__ import main
from asr.runtime.guard import is_loopback
from asr.runtime.listener import listen
from asr.runtime.output import as_record
from asr.runtime.recogniser import Recogniser
from asr.runtime.server import Service, listening_socket, make_app
from asr.runtime.streams import Limits
from tests.asr.runtime.tone_device import hiss, spoken, stream, tone_device, write_device

LIMITS = Limits(clients=3, idle=1.5, least=0.2, unread=2.0, upload=200_000, uploads=2)
TEXTS = ("bad cab", "fade cage", "bad bag hedge")
SECOND = b"\0" * 32000


@dataclass(frozen=True)
class Running:
    service: Service
    port: int

    @property
    def address(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws/1"

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with contextlib.closing(connection):
            connection.request(method, path, body or None, {key.replace("_", "-"): headers[key] for key in headers})
            answer = connection.getresponse()
            return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read().decode()


@contextlib.contextmanager
def running(limits: Limits = LIMITS, **guard: Any) -> Iterator[Running]:
    """Run a server of the tone device."""
    service = Service(tone_device(), limits)
    listening = listening_socket("127.0.0.1", 0)
    config = uvicorn.Config(
        make_app(service, **guard), http="h11", ws="websockets-sansio", lifespan="off", log_level="critical",
        ws_max_size=1 << 20, ws_per_message_deflate=False, timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield Running(service, listening.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running() as found:
        yield found


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    return stream(TEXTS, (1.3, 1.2, 1.2, 1.5))[0]


def send(socket: ClientConnection, data: bytes, size: int = 3200, stop: bool = True) -> None:
    for first in range(0, len(data), size):
        socket.send(data[first : first + size])
    if stop:
        socket.send('{"type": "stop"}')


def answers(socket: ClientConnection) -> list[dict[str, Any]]:
    """Return the messages until the stream is closed."""
    found = []
    try:
        while True:
            found.append(json.loads(socket.recv(timeout=20)))
    except ConnectionClosed:
        return found


def closing(socket: ClientConnection) -> tuple[int, str]:
    """Return the code and the reason with which the server closes."""
    answers(socket)
    assert socket.protocol.close_rcvd is not None
    return socket.protocol.close_rcvd.code, socket.protocol.close_rcvd.reason


def expected(device: Recogniser, sound: np.ndarray) -> list[dict[str, Any]]:
    return [as_record(utterance) for utterance in listen(device, [sound])]


def of_kind(kind: str, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in one.items() if key != "type"} for one in found if one["type"] == kind]


# ------------------------------------------------------------------------------------------------ streams


@pytest.mark.parametrize("size", [3200, 777])
def test_a_stream_is_answered_as_the_listener_answers(server: Running, sound: np.ndarray, size: int) -> None:
    with connect(server.address) as socket:
        send(socket, sound.tobytes(), size)
        found = answers(socket)
        assert closing(socket) == (1000, "stopped")
    finals = of_kind("final", found)
    assert finals == [{**one, "threshold": None} for one in expected(server.service.recogniser, sound)]
    assert [one["text"] for one in finals] == list(TEXTS)
    assert not of_kind("level", found) and not of_kind("letters", found)
    partials = [one["text"] for one in of_kind("partial", found)]
    assert {"bad", "fade"} <= set(partials)


def test_levels_and_letters_come_to_whom_asks(server: Running, sound: np.ndarray) -> None:
    with connect(server.address) as socket:
        socket.send('{"type": "start", "level": true, "letters": true}')
        send(socket, sound.tobytes())
        found = answers(socket)
    levels = of_kind("level", found)
    assert len(levels) == pytest.approx(len(sound) / 1600, abs=1) and levels[-1]["floor"] < -40
    frames: dict[int, str] = {}
    for one in of_kind("letters", found):
        for number, frame in enumerate(one["frames"], round(one["start"] / one["step"])):
            assert sum(frame[1::2]) <= 102
            frames[number] = frame[0] if frame and frame[1] > 50 else ""
    written = [frames[number] for number in sorted(frames)]
    text = "".join(letter for letter, before in zip(written, ["", *written], strict=False) if letter != before)
    assert "".join(text.split()) == "".join("".join(TEXTS).split())


def test_the_last_words_are_answered_when_the_client_stops(server: Running) -> None:
    with connect(server.address) as socket:
        send(socket, np.concatenate((hiss(1.2), spoken("fade bead"))).tobytes())
        assert [one["text"] for one in of_kind("final", answers(socket))] == ["fade bead"]


def test_one_client_too_many_is_told_and_the_next_one_is_served(server: Running) -> None:
    with contextlib.ExitStack() as opened:
        sockets = [opened.enter_context(connect(server.address)) for _ in range(LIMITS.clients)]
        for socket in sockets:
            socket.send(SECOND[:320])
        with connect(server.address) as socket:
            assert closing(socket) == (1013, "full: 3 clients are connected; try again later")
    deadline = time.monotonic() + 5
    while server.service.metrics.clients and time.monotonic() < deadline:
        time.sleep(0.02)
    with connect(server.address) as socket:
        send(socket, b"")
        assert closing(socket)[0] == 1000


HOSTILE = {
    "text": ("hello", 1003, "text is"),
    "no object": ("[" * 900, 1003, "text is"),
    "unknown wish": ('{"type": "start", "secrets": true}', 1003, "start has only"),
    "no truth": ('{"type": "start", "level": 1}', 1003, "start has only"),
    "too big": (b"x" * 65538, 1009, "at most 65536 bytes"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_misuse_is_answered_by_a_reason(server: Running, name: str) -> None:
    message, code, reason = HOSTILE[name]
    with connect(server.address) as socket:
        socket.send(message)
        found = closing(socket)
    assert found[0] == code and reason in found[1]


def test_a_message_of_100_mb_is_not_even_read(server: Running) -> None:
    with connect(server.address) as socket, contextlib.suppress(ConnectionClosed, OSError):
        # The header of such a message, and its beginning.
        socket.socket.sendall(bytes([0x82, 0xFF]) + (100 << 20).to_bytes(8, "big") + b"\0\0\0\0" + SECOND)
        assert closing(socket)[0] == 1009


def test_start_comes_first(server: Running) -> None:
    with connect(server.address) as socket:
        socket.send(SECOND[:3200])
        socket.send('{"type": "start"}')
        assert closing(socket) == (1003, "start has to be the first message")


def test_more_than_ten_seconds_do_not_wait(server: Running) -> None:
    with connect(server.address) as socket:
        with contextlib.suppress(ConnectionClosed):
            for _ in range(2000):
                socket.send(b"\x12\x34" * 32768)
        code, reason = closing(socket)
    assert code == 1008 and "10 s of sound wait" in reason


def test_a_flood_of_single_bytes_is_closed(server: Running) -> None:
    with connect(server.address) as socket:
        with contextlib.suppress(ConnectionClosed):
            for _ in range(50_000):
                socket.send(b"\0")
        code, reason = closing(socket)
    assert code == 1008 and "messages a second" in reason


@pytest.mark.parametrize("pace", [0, 1])
def test_hardly_any_sound_is_idle(server: Running, pace: int) -> None:
    with connect(server.address) as socket:
        if pace:
            for _ in range(3):
                socket.send(b"\0")
                time.sleep(0.2)
        assert closing(socket) == (1008, "idle: less than 0.2 s of sound in 1.5 s")


def test_others_are_answered_while_clients_misbehave_and_vanish(sound: np.ndarray) -> None:
    with running(replace(LIMITS, clients=8)) as server:
        with contextlib.ExitStack() as opened:
            for number in range(4):
                bad = opened.enter_context(connect(server.address))
                bad.send(np.random.default_rng(number).bytes(40_001))
                bad.socket.shutdown(2)  # without a word
            socket = opened.enter_context(connect(server.address))
            send(socket, sound.tobytes())
            finals = of_kind("final", answers(socket))
        assert finals == [{**one, "threshold": None} for one in expected(server.service.recogniser, sound)]
        deadline = time.monotonic() + 5
        while server.service.metrics.clients and time.monotonic() < deadline:
            time.sleep(0.02)
        assert server.service.metrics.clients == 0


# ------------------------------------------------------------------------------------------------ recordings, counts


def test_a_recording_is_answered_with_lines(server: Running) -> None:
    said = np.concatenate((hiss(0.5), spoken("fade cage"), hiss(0.5, 2)))
    alone = server.service.recogniser.recognise(said)
    for body in (wav_bytes(said), said.tobytes()):
        status, headers, text = server.ask("POST", "/recognise", body)
        (line,) = text.splitlines()
        assert status == 200 and headers["content-type"].startswith("application/x-ndjson")
        assert {key: json.loads(line)[key] for key in alone.record()} == alone.record()


def test_what_is_no_recording_is_refused(server: Running) -> None:
    assert server.ask("POST", "/recognise", b"fLaC" + bytes(100))[::2] == (
        400, "it is FLAC, not WAV; convert it with: ffmpeg -i FILE sound.wav\n",
    )  # fmt: skip
    assert server.ask("POST", "/recognise")[0] == 400
    assert server.ask("POST", "/recognise", b"x" * 200_001)[::2] == (413, "a recording has at most 200000 bytes\n")
    assert server.ask("POST", "/recognise", b"", content_length="-1")[0] in (400, 413)
    assert server.ask("GET", "/recognise")[0] == 405
    # Without a length, in chunks.
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    with contextlib.closing(connection):
        connection.request("POST", "/recognise", (b"x" * 50_000 for _ in range(5)), encode_chunked=True,
                           headers={"transfer-encoding": "chunked"})  # fmt: skip
        assert connection.getresponse().status == 413


def test_metrics_count(sound: np.ndarray) -> None:
    with running() as server:
        with connect(server.address) as socket:
            send(socket, sound.tobytes())
            answers(socket)
        server.ask("POST", "/recognise", wav_bytes(spoken("fade bead")))
        status, headers, text = server.ask("GET", "/metrics")
    assert status == 200 and headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert values['asr_utterances_total{result="accepted"}'] == "4"
    assert float(values["asr_heard_seconds_total"]) == pytest.approx(
        (len(sound) + len(spoken("fade bead"))) / 16000, 0.01
    )
    assert values['asr_answer_seconds_bucket{le="+Inf"}'] == values["asr_answer_seconds_count"] == "3"
    assert values["asr_clients"] == "0" and values['asr_closed_total{code="1000"}'] == "1"
    assert server.service.metrics.text() == text


# ------------------------------------------------------------------------------------------------ hosts and tokens


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "a@127.0.0.1", ""]
)
def test_a_rebinding_host_name_is_refused(server: Running, host: str) -> None:
    assert server.ask("GET", "/health", host=host)[0] == 403


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:9", "[::1]:8700", "192.168.1.7:8700"])
def test_an_address_is_a_host(server: Running, host: str) -> None:
    assert server.ask("GET", "/health", host=host)[::2] == (200, '{"status":"ok"}')


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://[", "http://127.0.0.1:1", "http://127.0.0.1.evil.example"]
)
def test_pages_of_other_origins_are_refused(server: Running, origin: str) -> None:
    said = wav_bytes(spoken("fade bead"))
    assert server.ask("POST", "/recognise", said, origin=origin)[0] == 403
    with pytest.raises(InvalidStatus) as refused, connect(server.address, additional_headers={"Origin": origin}):
        pass
    assert refused.value.response.status_code == 403


def test_the_own_origin_is_allowed(server: Running) -> None:
    own = f"http://127.0.0.1:{server.port}"
    assert server.ask("POST", "/recognise", wav_bytes(spoken("fade bead")), origin=own)[0] == 200
    with connect(server.address, additional_headers={"Origin": own}) as socket:
        send(socket, b"")
        assert closing(socket)[0] == 1000


def test_answers_forbid_what_the_page_does_not_need(server: Running) -> None:
    for _, headers, _ in (server.ask("GET", "/health"), server.ask("GET", "/health", host="evil.example")):
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "*" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers


def test_a_token_opens_a_server_on_the_network() -> None:
    token = "a-token-of-22-letters."
    with running(token=token, names=("Lamp.local",)) as server:
        assert server.ask("GET", "/health", host="lamp.local:8700")[0] == 200
        for path in ("/metrics", "/", "/history", "/metrics?token=", "/metrics?token=wrong", "/metrics?TOKEN=" + token):
            assert server.ask("GET", path)[0] == 401, path
        for header in ("Bearer wrong", token, "Basic " + token):
            assert server.ask("GET", "/metrics", authorization=header)[0] == 401
        assert server.ask("GET", "/metrics", authorization=f"Bearer {token}")[0] == 200
        assert server.ask("GET", "/metrics", cookie=f"asr_token={token}")[0] == 200
        status, headers, _ = server.ask("GET", f"/metrics?token={token}")
        assert status == 200 and "set-cookie" not in headers
        with pytest.raises(InvalidStatus), connect(server.address):
            pass
        with connect(f"{server.address}?token={token}") as socket:
            send(socket, b"")
            assert closing(socket)[0] == 1000
        cookie = server.ask("GET", f"/?token={token}")[1]["set-cookie"]
        assert cookie.startswith(f"asr_token={token};") and "HttpOnly" in cookie and "SameSite=Strict" in cookie


def test_only_this_machine_is_loopback() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.1.7", "lamp.local", "")))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--host", "0.0.0.0"), "0.0.0.0 is reached by other machines"),
        (("--host", "no.such.address.invalid", "--token-file", "TOKEN"), "cannot listen at no.such.address.invalid"),
        (("--port", "99999999"), "cannot listen at 127.0.0.1:99999999"),
        (("--token-file", "gone"), "gone: "),
    ],
)
def test_a_server_that_cannot_start_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], reason: str
) -> None:
    (tmp_path / "TOKEN").write_text("a-token-of-22-letters.\n")
    words = [str(tmp_path / "TOKEN") if word == "TOKEN" else word for word in options]
    assert main(["serve", str(write_device(tmp_path / "device")), *words]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"error: {reason}") and err.count("\n") == 1
