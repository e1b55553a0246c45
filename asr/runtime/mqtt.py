"""The action `--mqtt`: events as messages to an MQTT broker, through paho-mqtt, the wheel's extra `mqtt`.

Topics and payloads are like those of the Hermes protocol (Snips, Rhasspy): `hermes/intent/<intent>`, and
`hermes/asr/textCaptured` for a sentence without an intent. Messages have QoS 1; the broker's PUBACK acknowledges them.
"""

from __future__ import annotations

import contextlib
import json
import ssl
import stat
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .actions import DeliveryError
from .faults import FaultError, report
from .journal import Event

if TYPE_CHECKING:
    from paho.mqtt.client import Client

PATIENCE = 10.0  # s that the broker may take to answer
PORT, TLS_PORT = 1883, 8883
_KEEPALIVE = 30  # s
_LOOK = 0.2  # s between two looks whether the connection is still there
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_LONGEST_LOGIN = 4096  # bytes


@dataclass(frozen=True)
class Broker:
    """Where messages go.

    Attributes
    ----------
    address : HOST or HOST:PORT.
    topic : what all topics begin with.
    tls : encrypt, and check the broker's certificate.
    authority : PEM file of certificate authorities to trust instead of the system's.
    login : file with the user in its first line and the password in its second, readable by its owner only.
    """

    address: str
    topic: str = "hermes"
    tls: bool = False
    authority: Path | None = None
    login: Path | None = None


class Mqtt:
    """Publishes each event, and connects again after a loss.

    Raises
    ------
    FaultError : paho-mqtt is not installed, or something is wrong with the address, the topic or a file.
    """

    name = "mqtt"

    def __init__(self, broker: Broker, patience: float = PATIENCE) -> None:
        try:
            import paho.mqtt.client
            import paho.mqtt.enums
        except ImportError:
            raise FaultError("paho-mqtt is not installed; run: pip install 'asr-runtime[mqtt]'") from None
        self._paho = paho.mqtt
        self._host, self._port = _address(broker)
        self._prefix = _checked_topic(broker.topic)
        self._login = None if broker.login is None else _read_login(broker.login)
        self._tls = _tls_context(broker.authority) if broker.tls or broker.authority else None
        if self._login and not self._tls and self._host not in _LOOPBACK:
            report("warning: --mqtt-login without --mqtt-tls sends the password in the clear")
        self._patience = patience
        self._client: Client | None = None

    def connect(self) -> None:
        """Connect where it is not connected; DeliveryError if the broker does not answer or refuses."""
        if self._client is not None and self._client.is_connected():
            return
        self.close()
        # A client that connects again by itself would also send again by itself, beside the queue.
        client = self._paho.client.Client(self._paho.enums.CallbackAPIVersion.VERSION2, reconnect_on_failure=False)
        client.connect_timeout = self._patience
        if self._login:
            client.username_pw_set(*self._login)
        if self._tls:
            client.tls_set_context(self._tls)
        answered = threading.Event()
        refusal: list[str] = []

        def take_answer(_client: Any, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
            if code.is_failure:
                refusal.append(str(code))
            answered.set()

        client.on_connect = take_answer
        try:
            client.connect(self._host, self._port, keepalive=_KEEPALIVE)
        except (OSError, ValueError) as error:
            raise DeliveryError(f"{self._host}:{self._port}: {error}") from None
        client.loop_start()
        self._client = client
        if not answered.wait(self._patience):
            self.close()
            raise DeliveryError(f"{self._host}:{self._port}: no answer")
        if refusal:
            self.close()
            raise DeliveryError(f"{self._host}:{self._port}: the broker refuses: {refusal[0]}")

    def deliver(self, number: int, event: Event) -> None:
        """Publish an event and wait for the broker's PUBACK."""
        self.connect()
        client = self._client
        assert client is not None
        topic, payload = message(self._prefix, number, event)
        try:
            sent = client.publish(topic, payload, qos=1)
            given_up = time.monotonic() + self._patience
            while not sent.is_published() and client.is_connected() and time.monotonic() < given_up:
                sent.wait_for_publish(_LOOK)
        except (ValueError, RuntimeError) as error:
            self.close()
            raise DeliveryError(f"{self._host}:{self._port}: {error}") from None
        if not sent.is_published():
            self.close()
            raise DeliveryError(f"{self._host}:{self._port}: the message was not acknowledged")

    def close(self) -> None:
        """End the connection."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(OSError, ValueError):
                client.disconnect()
            client.loop_stop()


def message(prefix: str, number: int, event: Event) -> tuple[str, str]:
    """Return the topic and the payload, JSON, of an event."""
    confidence, intent = event.get("confidence"), event.get("intent")
    found: dict[str, Any] = {"id": str(number), "sessionId": str(number), "siteId": "default"}
    found |= {key: event[key] for key in ("time", "start", "end") if key in event}
    if not intent:
        found |= {"text": event.get("text", ""), "likelihood": confidence}
        return f"{prefix}/asr/textCaptured", json.dumps(found, ensure_ascii=False)
    found |= {
        "input": event.get("text", ""),
        "rawInput": event.get("text", ""),
        "intent": {"intentName": intent, "confidenceScore": confidence},
        "asrConfidence": confidence,
        "slots": [
            {
                "slotName": name,
                "entity": name,
                "rawValue": value,
                "value": {"kind": "Custom", "value": value},
                "confidence": confidence,
            }
            for name, value in event.get("slots", {}).items()
        ],
    }
    # + and # are wildcards, and a slash would begin another level.
    level = "".join("_" if character in "+#/\0" else character for character in str(intent))
    return f"{prefix}/intent/{level}", json.dumps(found, ensure_ascii=False)


def _address(broker: Broker) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{broker.address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or port == 0 or parts.path or parts.username is not None:
        raise FaultError(f"--mqtt {broker.address}: this is no address. It should be HOST or HOST:PORT")
    return host, port or (TLS_PORT if broker.tls or broker.authority else PORT)


def _checked_topic(topic: str) -> str:
    prefix = topic.strip("/")
    if not prefix or len(prefix.encode()) > 1000 or any(character in "+#\0" for character in prefix):
        raise FaultError(f"--mqtt-topic {topic}: a topic has no + and no #. It should be like hermes or home/kitchen")
    return prefix


def _tls_context(authority: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=None if authority is None else str(authority))
    except OSError as error:  # of which ssl.SSLError is one
        raise FaultError(f"{authority}: {error.strerror or error}. Give a PEM file with --mqtt-ca") from None


def _read_login(path: Path) -> tuple[str, str]:
    """Return user and password."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(path.stat().st_mode)
            content = file.read(_LONGEST_LOGIN).decode()
    except OSError as error:
        raise FaultError(f"{path}: {error.strerror}. Write user and password into it, a line each") from None
    except UnicodeDecodeError:
        raise FaultError(f"{path}: this is no text. Write user and password into it, a line each") from None
    if mode & 0o077:
        raise FaultError(f"{path}: others may read the password (mode {mode:o}). Run: chmod 600 {path}")
    lines = content.splitlines()
    if len(lines) != 2 or not lines[0]:
        raise FaultError(f"{path}: there are {len(lines)} lines. Write the user into line 1, the password into line 2")
    return lines[0], lines[1]
