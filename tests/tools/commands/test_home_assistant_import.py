"""`asr import home-assistant` against a server that speaks as much of the WebSocket API as it uses."""

from __future__ import annotations

import http
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.server import ServerConnection, serve

from asr.core.errors import ServiceError, UserError, WorkspaceError
from lm.sentences import Templates
from tools.commands.steps.home_assistant import import_household, read_token
from tools.commands.steps.home_assistant_client import read_household
from tools.commands.verbs import open_workspace

TOKEN = "eyJhbGciOi.secret"
Answer = Callable[[dict[str, Any]], Any]

STATES = [
    {"entity_id": "light.hall", "state": "off", "attributes": {"friendly_name": "Hall lamp"}},
    {"entity_id": "light.attic", "state": "unavailable", "attributes": {"friendly_name": "Attic lamp"}},
    {"entity_id": "light.secret", "state": "on", "attributes": {"friendly_name": "Secret lamp"}},
    {"entity_id": "sensor.power", "state": "5", "attributes": {"friendly_name": "Power"}},
    {"entity_id": "light.broken", "state": "off", "attributes": None},
    {"entity_id": 5}, "nonsense", {"entity_id": "light.a|b"}, {"entity_id": "light"},
]  # fmt: skip
HOUSE: dict[str, Any] = {
    "config/area_registry/list": [
        {"area_id": "hall", "name": "Hall", "aliases": ["entrance"]},
        {"area_id": "attic", "name": "Attic", "aliases": []},
        {"name": "no id"}, None,
    ],
    "get_states": STATES,
    "homeassistant/expose_entity/list": {
        "exposed_entities": {
            "light.hall": {"conversation": True},
            "light.attic": {"conversation": True, "cloud.alexa": True},
            "light.broken": {"conversation": True},
            "light.secret": {"cloud.alexa": True},
            "sensor.power": {"conversation": True},
        }
    },
    "config/entity_registry/get_entries": {
        "light.hall": {"area_id": "hall", "aliases": ["Big light", None], "device_id": None},
        "light.attic": {"area_id": None, "aliases": [], "device_id": "d1"},
        "light.broken": None,
    },
    "config/device_registry/list": [{"id": "d1", "area_id": "attic"}, {"id": 7}],
}  # fmt: skip


def house(request: dict[str, Any]) -> Any:
    if request["type"] == "config/entity_registry/get_entries":
        assert request["entity_ids"] == ["light.attic", "light.broken", "light.hall"]
    return HOUSE[request["type"]]


def talk(connection: ServerConnection, answer: Answer) -> None:
    """Speak as Home Assistant does."""
    connection.send(json.dumps({"type": "auth_required", "ha_version": "2025.4.4"}))
    given = json.loads(connection.recv())
    if given != {"type": "auth", "access_token": TOKEN}:
        connection.send(json.dumps({"type": "auth_invalid", "message": "Invalid access token or password"}))
        return
    connection.send(json.dumps({"type": "auth_ok", "ha_version": "2025.4.4"}))
    for message in connection:
        request = json.loads(message)
        assert isinstance(request["id"], int)
        connection.send(json.dumps({"id": 99999, "type": "event", "event": {}}))
        found = answer(request)
        reply = {"id": request["id"], "type": "result", "success": True, "result": found}
        connection.send(found if isinstance(found, (str, bytes)) else json.dumps(reply))


@contextmanager
def served(handler: Callable[[ServerConnection], None], **more: Any) -> Iterator[str]:
    """Run a server and give its address; 401 unless the path is Home Assistant's."""

    def check(connection: ServerConnection, request: Any) -> Any:
        if request.path != "/api/websocket":
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, "401: Unauthorized\n")
        return None

    with serve(handler, "127.0.0.1", 0, process_request=check, **more) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        thread.join()


def answering(answer: Answer) -> Callable[[ServerConnection], None]:
    return lambda connection: talk(connection, answer)


def test_exposed_names_become_lists_and_sentences(tmp_path: Path) -> None:
    with served(answering(house)) as url:
        told = import_household(tmp_path / "home", url, TOKEN)
        assert "3 light, 3 light_area; 1 not exposed, 1 left out" in told and "next: asr train" in told
        ws = open_workspace(tmp_path / "home")
        found = Templates.read(ws.root / "sentences.txt", ws.alphabet)
        for text, slots in (
            ("turn on the big light", {"name": "light.hall"}),
            ("turn on the lights in the attic", {"domain": "light", "area": "attic"}),
            ("turn on the lights in the entrance", {"domain": "light", "area": "hall"}),
        ):
            meaning = found.meaning(text)
            assert meaning is not None and (meaning.intent, meaning.slots) == ("HassTurnOn", slots)
        assert found.meaning("turn on the secret lamp") is None
        # Again, after the user has changed sentences.txt: lists are new, sentences stay.
        mine = ws.root / "sentences.txt"
        mine.write_text("good night\n")
        (ws.root / "home-assistant" / "light.txt").write_text(
            (ws.root / "home-assistant" / "light.txt").read_text() + "old lamp:light.old\n"
        )
        assert "sentences.txt is yours" in import_household(ws.root, url, TOKEN)
        assert mine.read_text() == "good night\n"
        assert "old lamp" not in (ws.root / "home-assistant" / "light.txt").read_text()
        assert "{light:name}" in (ws.root / "home-assistant" / "sentences.txt").read_text()
        # A list that somebody wrote by hand is not touched, nor is anything else then.
        (ws.root / "home-assistant" / "light.txt").write_text("my lamp\n")
        (ws.root / "home-assistant" / "light_area.txt").unlink()
        with pytest.raises(WorkspaceError, match=r"light\.txt: this file is not of this command"):
            import_household(ws.root, url, TOKEN)
        assert (ws.root / "home-assistant" / "light.txt").read_text() == "my lamp\n"
        assert not (ws.root / "home-assistant" / "light_area.txt").exists()


def fails(url: str, token: str = TOKEN, timeout: float = 10) -> str:
    with pytest.raises(ServiceError) as raised:
        read_household(url, token, timeout)
    text = str(raised.value)
    assert "\n" not in text and len(text) < 400 and TOKEN not in text, text
    return text


def test_a_refused_token_and_a_refused_address(tmp_path: Path) -> None:
    with served(answering(house)) as url:
        assert "refuses the token. Make one in Home Assistant" in fails(url, "wrong")
        assert "is no Home Assistant" in fails(f"{url}/elsewhere")
        assert "no proper address" not in fails(url, "wrong")
    assert "cannot be reached" in fails(url)
    for address in ("homeassistant.local", "ftp://host", "http://", "http://[", "http://user:pass@host", ""):
        assert "is no address" in fails(address)


def refusal(code: str) -> Answer:
    def answer(request: dict[str, Any]) -> Any:
        return json.dumps({"id": request["id"], "type": "result", "success": False, "error": {"code": code}})

    return answer


STRANGE: dict[str, tuple[Answer, str]] = {
    "not JSON": (lambda request: "<html>", "something else"),
    "a list": (lambda request: "[]", "something else"),
    "nested": (lambda request: "[" * 100_000, "something else"),
    "bytes": (lambda request: b"\xff\xfe", "something else"),
    "null": (lambda request: None, "something else"),
    "no exposure": (lambda request: [] if "list" not in request["type"] else {}, "something else"),
    "no administrator": (refusal("unauthorized"), "the token is no administrator's"),
    "unknown": (refusal("unknown_command"), "refuses config/area_registry/list: unknown_command"),
    "100 MB": (lambda request: "x" * 100_000_000, "broke off"),
    "silence": (lambda request: time.sleep(3), "did not answer within 0.5 s"),
    "other answers": (lambda request: json.dumps({"id": 0, "type": "result"}), "did not answer"),
}


@pytest.mark.parametrize("name", STRANGE)
def test_strange_answers_are_one_line(name: str) -> None:
    answer, message = STRANGE[name]
    with served(answering(answer), close_timeout=0.2) as url:
        assert message in fails(url, timeout=0.5 if "did not" in message else 10)


def test_a_server_that_never_speaks(tmp_path: Path) -> None:
    with served(lambda connection: time.sleep(1.5)) as url:
        assert "did not answer within 0.5 s" in fails(url, timeout=0.5)


def test_nothing_that_can_be_said(tmp_path: Path) -> None:
    def empty(request: dict[str, Any]) -> Any:
        return {"exposed_entities": {}} if "expose" in request["type"] else HOUSE[request["type"]]

    with served(answering(empty)) as url, pytest.raises(UserError, match="exposes nothing whose name can be said"):
        import_household(tmp_path / "home", url, TOKEN)
    assert not (tmp_path / "home").exists()


def test_where_the_token_comes_from(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    assert read_token("", tmp_path / "token") == read_token(TOKEN, None) == TOKEN
    (tmp_path / "two").write_text("a b")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    for given, file in (("", None), ("", tmp_path / "two"), ("", tmp_path / "bytes"), ("", tmp_path / "none")):
        with pytest.raises(WorkspaceError):
            read_token(given, file)
