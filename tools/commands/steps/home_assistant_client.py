"""Home Assistant's areas and exposed entities, through its WebSocket API.

The messages are those of https://developers.home-assistant.io/docs/api/websocket and of Home Assistant's own frontend
(`config/area_registry/list`, `config/entity_registry/get_entries`, `config/device_registry/list`,
`homeassistant/expose_entity/list`). What comes is not trusted: sizes, times and types are checked.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from asr.core.errors import ServiceError
from lm.household import KINDS, Named

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

TIMEOUT = 15.0  # s for the connection, and for each answer
MOST_BYTES = 16 << 20  # of an answer
MOST_ENTITIES = 5000  # that are exposed
_MOST_OTHERS = 100  # messages before an answer
_TOKEN_FIX = "Make one in Home Assistant: your profile, Security, Long-lived access tokens"


@dataclass(frozen=True)
class Household:
    """What Home Assistant exposes to Assist.

    Attributes
    ----------
    entities : of the kinds that are spoken to.
    areas : all of them.
    hidden : entities of these kinds that are not exposed.
    """

    entities: list[Named]
    areas: list[Named]
    hidden: int


def read_household(url: str, token: str, timeout: float = TIMEOUT) -> Household:
    """Return a household.

    Parameters
    ----------
    url : of Home Assistant: "http://homeassistant.local:8123".
    token : a long-lived access token of an administrator.
    timeout : s for the connection, and for each answer.

    Raises
    ------
    ServiceError : it cannot be reached, refuses the token or answers something else.
    """
    from websockets.exceptions import InvalidHandshake, InvalidURI, WebSocketException
    from websockets.sync.client import connect

    address = _socket_address(url)
    try:
        # A household's network knows no proxy.
        with connect(
            address, open_timeout=timeout, close_timeout=1, max_size=MOST_BYTES, proxy=None, compression=None
        ) as connection:
            return _Reader(connection, url, timeout).read(token)
    except TimeoutError:
        raise ServiceError(f"{url} did not answer within {timeout:g} s", fix="Check the address") from None
    except (InvalidURI, InvalidHandshake) as error:
        what = f"{url} is no Home Assistant: {_brief(error)}"
        raise ServiceError(what, fix="Name the address that a browser shows") from None
    except WebSocketException as error:
        raise ServiceError(f"{url} broke off: {_brief(error)}", fix="Try again") from None
    except OSError as error:
        raise ServiceError(f"{url} cannot be reached: {_brief(error)}", fix="Check the address") from None


def _socket_address(url: str) -> str:
    try:
        found = urlsplit(url)
        host, _ = found.hostname, found.port
    except ValueError:
        host, found = None, urlsplit("")
    scheme = {"http": "ws", "https": "wss"}.get(found.scheme)
    if scheme is None or not host or found.username is not None:
        raise ServiceError(f"{url!r} is no address", fix="Write one such as http://homeassistant.local:8123")
    return f"{scheme}://{found.netloc}{found.path.rstrip('/')}/api/websocket"


def _brief(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 120 else f"{text[:117]}..."


class _Reader:
    """One connection.

    Parameters
    ----------
    url : for messages.
    """

    def __init__(self, connection: ClientConnection, url: str, timeout: float) -> None:
        self._connection = connection
        self._url = url
        self._timeout = timeout
        self._number = 0

    def read(self, token: str) -> Household:
        """Log in and return the household."""
        self._log_in(token)
        areas = [
            Named(area["area_id"], _names(area.get("name"), area.get("aliases")))
            for area in self._records("config/area_registry/list")
            if _is_id(area.get("area_id"))
        ]
        states = self._records("get_states")
        shown = {state["entity_id"]: state for state in states if _is_spoken_to(state.get("entity_id"))}
        answer = self._ask("homeassistant/expose_entity/list")
        exposed = answer.get("exposed_entities") if isinstance(answer, dict) else None
        if not isinstance(exposed, dict):
            raise self._strange("homeassistant/expose_entity/list")
        ids = sorted(name for name in shown if _is_exposed(exposed.get(name)))
        if len(ids) > MOST_ENTITIES:
            raise ServiceError(f"{len(ids)} entities are exposed, and {MOST_ENTITIES} is the most", fix="Expose fewer")
        entries = self._ask("config/entity_registry/get_entries", entity_ids=ids) if ids else {}
        if not isinstance(entries, dict):
            raise self._strange("config/entity_registry/get_entries")
        devices = {
            device["id"]: device.get("area_id")
            for device in self._records("config/device_registry/list")
            if isinstance(device.get("id"), str)
        }
        entities = [_entity(name, shown[name], entries.get(name), devices) for name in ids]
        return Household(entities, areas, len(shown) - len(ids))

    def _log_in(self, token: str) -> None:
        first = self._receive()
        if first.get("type") != "auth_required":
            raise self._strange("the connection")
        self._connection.send(json.dumps({"type": "auth", "access_token": token}))
        answer = self._receive()
        if answer.get("type") == "auth_invalid":
            raise ServiceError(f"{self._url} refuses the token", fix=_TOKEN_FIX)
        if answer.get("type") != "auth_ok":
            raise self._strange("the token")

    def _ask(self, kind: str, **more: Any) -> Any:
        """Return the result of a command."""
        self._number += 1
        self._connection.send(json.dumps({"id": self._number, "type": kind, **more}))
        until = time.monotonic() + self._timeout
        for _ in range(_MOST_OTHERS):
            answer = self._receive(until)
            if answer.get("id") != self._number or answer.get("type") != "result":
                continue
            if answer.get("success") is True:
                return answer.get("result")
            error = answer.get("error")
            code = error.get("code") if isinstance(error, dict) else None
            if code == "unauthorized":
                raise ServiceError(f"{self._url} refuses {kind}: the token is no administrator's", fix=_TOKEN_FIX)
            raise ServiceError(f"{self._url} refuses {kind}: {str(code)[:60]}", fix="Update Home Assistant")
        raise self._strange(kind)

    def _records(self, kind: str) -> list[dict[str, Any]]:
        """Return the result of a command that lists records."""
        found = self._ask(kind)
        if not isinstance(found, list):
            raise self._strange(kind)
        return [record for record in found if isinstance(record, dict)]

    def _receive(self, until: float | None = None) -> dict[str, Any]:
        left = self._timeout if until is None else max(0.0, until - time.monotonic())
        message = self._connection.recv(timeout=left)
        try:
            found = json.loads(message)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise self._strange("the connection")
        return found

    def _strange(self, asked: str) -> ServiceError:
        return ServiceError(
            f"{self._url} answers {asked} with something else than Home Assistant does",
            fix="Name the address that a browser shows",
        )


def _is_id(name: Any) -> bool:
    """Tell whether it can stand as a value in a list: Home Assistant's ids are of such characters."""
    plain = isinstance(name, str) and name.isascii() and name.replace("_", "").replace(".", "").isalnum()
    return plain and len(name) <= 255


def _is_spoken_to(name: Any) -> bool:
    return _is_id(name) and name.partition(".")[0] in KINDS and name.count(".") == 1


def _is_exposed(assistants: Any) -> bool:
    return isinstance(assistants, dict) and assistants.get("conversation") is True


def _names(name: Any, aliases: Any) -> tuple[str, ...]:
    """Return a name and its aliases, as far as they are text, each once."""
    others = sorted(alias for alias in aliases if isinstance(alias, str)) if isinstance(aliases, list) else []
    clean = (" ".join(text.split()) for text in (name, *others) if isinstance(text, str))
    return tuple(dict.fromkeys(text for text in clean if text))


def _entity(name: str, state: dict[str, Any], entry: Any, devices: dict[str, Any]) -> Named:
    attributes = state.get("attributes")
    friendly = attributes.get("friendly_name") if isinstance(attributes, dict) else None
    entry = entry if isinstance(entry, dict) else {}
    area = entry.get("area_id") or devices.get(str(entry.get("device_id")))
    return Named(name, _names(friendly, entry.get("aliases")), str(area) if _is_id(area) else "")
