"""The action `--webhook`: an HTTP POST of JSON for each event."""

from __future__ import annotations

import contextlib
import http.client
import json
import urllib.error
import urllib.parse
import urllib.request

from .actions import DeliveryError, RefusalError
from .faults import FaultError
from .journal import Event

PATIENCE = 10.0  # s that the server may take
_REFUSALS = (400, 413, 415, 422)  # of this event; another status may be better next time


class Webhook:
    """Posts each event as JSON, with its number as `Idempotency-Key`.

    Parameters
    ----------
    url : http or https. Redirects are followed as urllib does it.
    patience : s.

    Raises
    ------
    FaultError : it is no such URL.
    """

    name = "webhook"

    def __init__(self, url: str, patience: float = PATIENCE) -> None:
        try:
            parts = urllib.parse.urlsplit(url)
            valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            valid = False
        if not valid or any(character <= " " or character > "~" for character in url):
            raise FaultError(f"--webhook {url}: this is no URL. It should be like http://127.0.0.1:8123/api/webhook/x")
        self._url = url
        self._patience = patience

    def connect(self) -> None:
        """Do nothing; each request has a connection of its own."""

    def deliver(self, number: int, event: Event) -> None:
        """Post an event; a status of 200 to 299 acknowledges it."""
        headers = {"Content-Type": "application/json; charset=utf-8", "Idempotency-Key": str(number)}
        content = json.dumps(event, ensure_ascii=False).encode()
        request = urllib.request.Request(self._url, content, headers, method="POST")
        try:
            with contextlib.closing(urllib.request.urlopen(request, timeout=self._patience)):
                pass
        except urllib.error.HTTPError as error:
            error.close()
            failure = RefusalError if error.code in _REFUSALS else DeliveryError
            raise failure(f"the server answers {error.code} {error.reason}") from None
        except urllib.error.URLError as error:
            raise DeliveryError(f"{error.reason}") from None
        except (OSError, http.client.HTTPException) as error:
            raise DeliveryError(f"{error or type(error).__name__}") from None

    def close(self) -> None:
        """Do nothing; there is no connection."""
