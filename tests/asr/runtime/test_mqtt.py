"""Messages through a real broker, mosquitto, that is killed now and then."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from asr.runtime.actions import Actions
from asr.runtime.faults import FaultError
from asr.runtime.journal import Journal
from asr.runtime.mqtt import Broker, Mqtt, message

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
needs_mosquitto = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")


def wait_for(true: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


class Mosquitto:
    """A broker that keeps what subscribers have not got."""

    def __init__(self, folder: Path, *settings: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._settings = folder / "mosquitto.conf"
        kept = (
            "persistence true",
            f"persistence_location {folder}/",
            "autosave_on_changes true",
            "autosave_interval 1",
        )
        lines = (f"listener {self.port} 127.0.0.1", *kept, *(settings or ("allow_anonymous true",)))
        # Otherwise it gives root's rights away, and cannot write here.
        self._settings.write_text("\n".join((*lines, "user root", "")))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert MOSQUITTO is not None
        self.process = subprocess.Popen([MOSQUITTO, "-c", self._settings], stderr=subprocess.DEVNULL)
        wait_for(self._answers)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait()
            self.process = None


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    found = Mosquitto(tmp_path)
    found.start()
    yield found
    found.end()


class Subscriber:
    """Takes everything that is published; the broker keeps its messages while it is away."""

    def __init__(self, port: int) -> None:
        self.found: list[tuple[str, dict[str, object]]] = []
        self.subscribed = False
        self._client = paho.mqtt.client.Client(CallbackAPIVersion.VERSION2, "subscriber", clean_session=False)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_subscribe = self._note
        self._client.on_message = self._take
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        wait_for(lambda: self.subscribed)

    def _note(self, *_: object) -> None:
        self.subscribed = True

    def _take(self, client: object, data: object, message: paho.mqtt.client.MQTTMessage) -> None:
        self.found.append((message.topic, json.loads(message.payload)))

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@needs_mosquitto
def test_fifty_commands_arrive_once_each_though_the_broker_is_killed(broker: Mosquitto, tmp_path: Path, capsys) -> None:
    subscriber = Subscriber(broker.port)
    action = Mqtt(Broker(f"127.0.0.1:{broker.port}", "home/door"))
    actions = Actions([action], Journal(tmp_path / "queue", ["mqtt"]), first_pause=0.1)
    for number in range(1, 51):
        if number == 20:
            broker.end()
        if number == 40:
            broker.start()
        actions.take({"text": f"sentence {number}", "intent": "TurnOn", "confidence": 0.9, "slots": {"room": "den"}})
        time.sleep(0.02)
    actions.finish()
    actions.stop()
    wait_for(lambda: len(subscriber.found) >= 50)
    time.sleep(0.2)  # for what may come twice
    subscriber.close()
    assert [content["input"] for _, content in subscriber.found] == [f"sentence {number}" for number in range(1, 51)]
    assert {topic for topic, _ in subscriber.found} == {"home/door/intent/TurnOn"}
    err = capsys.readouterr().err
    assert "trying again in 0.1 s" in err and "mqtt: works again" in err


@needs_mosquitto
def test_what_waits_when_the_process_ends_is_delivered_by_the_next(broker: Mosquitto, tmp_path: Path) -> None:
    subscriber = Subscriber(broker.port)
    broker.end()
    for number in (1, 2):
        action = Mqtt(Broker(f"127.0.0.1:{broker.port}"))
        actions = Actions([action], Journal(tmp_path / "queue", ["mqtt"]), first_pause=0.05)
        actions.take({"text": f"sentence {number}", "confidence": None})
        actions.finish(patience=0.3)
        actions.stop()
        broker.start() if number == 1 else None
    wait_for(lambda: len(subscriber.found) >= 2)
    subscriber.close()
    assert [(topic, content["text"], content["id"]) for topic, content in subscriber.found] == [
        ("hermes/asr/textCaptured", "sentence 1", "1"),
        ("hermes/asr/textCaptured", "sentence 2", "2"),
    ]


@needs_mosquitto
def test_the_broker_sees_certificate_and_login(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if shutil.which("openssl") is None or shutil.which("mosquitto_passwd") is None:
        pytest.skip("openssl or mosquitto_passwd is not installed")
    key, certificate, passwords, login = (tmp_path / name for name in ("key", "certificate", "passwords", "login"))
    make = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    name = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2")
    subprocess.run([*make, "-keyout", key, "-out", certificate, *name], check=True, capture_output=True)
    passwords.touch(mode=0o600)
    subprocess.run(["mosquitto_passwd", "-b", passwords, "door", "a secret"], check=True, capture_output=True)
    secured = ("allow_anonymous false", f"password_file {passwords}", f"certfile {certificate}", f"keyfile {key}")
    broker = Mosquitto(tmp_path, *secured)
    broker.start()
    login.write_text("door\na secret\n")
    login.chmod(0o600)
    wrong = tmp_path / "wrong"
    wrong.write_text("door\nanother\n")
    wrong.chmod(0o600)

    def delivers(host: str, **options: object) -> bool:
        action = Mqtt(Broker(f"{host}:{broker.port}", **options), patience=2.0)  # type: ignore[arg-type]
        actions = Actions([action], None, first_pause=0.1)
        actions.take({"text": "one", "confidence": None})
        actions.finish(patience=0.2)
        actions.stop()
        return "not delivered: 1" not in capsys.readouterr().err

    try:
        assert delivers("localhost", authority=certificate, login=login)
        assert not delivers("localhost", authority=certificate, login=wrong)
        assert not delivers("localhost", authority=certificate)
        assert not delivers("localhost", tls=True, login=login)  # nobody vouches for the certificate
        assert not delivers("127.0.0.1", authority=certificate, login=login)  # it is another host's
        assert not delivers("localhost", login=login)
    finally:
        broker.end()


def test_an_event_becomes_a_hermes_message() -> None:
    event = {
        "time": "2026-01-31T12:00:00.000+00:00",
        "text": "turn on the lamp",
        "intent": "Turn/On#+",
        "confidence": 0.9,
        "slots": {"room": "den"},
        "start": 1.0,
        "end": 2.0,
    }
    topic, payload = message("hermes", 7, event)
    found = json.loads(payload)
    assert topic == "hermes/intent/Turn_On__"
    # The fields that Rhasspy's documentation of hermes/intent/<intentName> names.
    assert found["input"] == "turn on the lamp" and found["sessionId"] == "7" and found["siteId"] == "default"
    assert found["intent"] == {"intentName": "Turn/On#+", "confidenceScore": 0.9}
    (slot,) = found["slots"]
    assert (slot["slotName"], slot["entity"], slot["value"]) == ("room", "room", {"kind": "Custom", "value": "den"})


def test_what_is_wrong_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for address in ("", ":1883", "host:0", "host:99999", "user@host", "host/x", "[::1"):
        with pytest.raises(FaultError, match="this is no address"):
            Mqtt(Broker(address))
    for topic in ("", "/", "a/#", "a+b"):
        with pytest.raises(FaultError, match="a topic has no"):
            Mqtt(Broker("host", topic))
    login = tmp_path / "login"
    for content, mode, text in (
        (b"user\nsecret\n", 0o640, "chmod 600"),
        (b"user\n", 0o600, "there are 1 lines"),
        (b"\xff\n\n", 0o600, "no text"),
    ):
        login.write_bytes(content)
        login.chmod(mode)
        with pytest.raises(FaultError, match=text):
            Mqtt(Broker("host", login=login))
    for authority in (tmp_path / "missing", login):
        with pytest.raises(FaultError, match="Give a PEM file"):
            Mqtt(Broker("host", authority=authority))
    monkeypatch.setitem(__import__("sys").modules, "paho.mqtt.client", None)
    with pytest.raises(FaultError, match=r"pip install 'asr-runtime\[mqtt\]'"):
        Mqtt(Broker("host"))
