"""Who may speak to a server: the host name, the origin and the token of a request; an ASGI application around another.

A page of another site can make a browser send requests to a server on the same machine, and with DNS rebinding under
a host name of its own. Requests therefore have to name an IP address, localhost or a known name as their host, and
their own host as the origin, if they have one.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "asr_token"
OPEN = ("/health",)  # answered without a token
HEADERS = (
    (b"content-security-policy", b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
     b"img-src 'self'; media-src 'self' blob:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"microphone=(self)"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
)  # fmt: skip


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Guard:
    """Refuses what does not come from the server's own page or from a program.

    Attributes
    ----------
    app : what is guarded.
    names : host names that requests may use, besides localhost and IP addresses.
    token : that every request needs, as `?token=`, `Authorization: Bearer` or the cookie; "": none.
    free : paths that are answered without it.
    """

    app: App
    names: tuple[str, ...] = ()
    token: str = ""
    free: tuple[str, ...] = OPEN

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, a WebSocket or the server's start and end."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None:
            await self.app(scope, receive, self._adding(scope, send))
        elif scope["type"] == "websocket":
            await receive()  # the connection; closing it unaccepted answers 403
            await send({"type": "websocket.close", "code": 1008, "reason": refusal[1]})
        else:
            status, text = refusal
            headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close"), *HEADERS]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": (text + "\n").encode()})

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Return the status and the reason if a request is refused."""
        hosts, origins = _headers(scope, b"host"), _headers(scope, b"origin")
        if len(hosts) != 1 or not self._is_known(hosts[0]):
            return 403, "this host name is not known; use the address, or allow the name with --allow-host"
        if origins and (len(origins) > 1 or not _is_of(origins[0], hosts[0])):
            return 403, "requests from pages of other origins are refused"
        if self.token and scope["path"] not in self.free and not self._has_token(scope):
            return 401, "a token is needed: ?token=... or the header Authorization: Bearer ..."
        return None

    def _is_known(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
            port = urlsplit(f"//{host}").port
        except ValueError:
            return False
        if host.lower().strip("[]") not in (name, f"{name}:{port}", f"{name}]:{port}"):
            return False  # a user name, a path or the like
        if name == "localhost" or name in self.names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _has_token(self, scope: Scope) -> bool:
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
        for header in _headers(scope, b"authorization"):
            given += [header[len("Bearer ") :]] if header.startswith("Bearer ") else []
        for header in _headers(scope, b"cookie"):
            try:
                cookie = SimpleCookie(header).get(COOKIE)
            except CookieError:
                continue
            given += [cookie.value] if cookie else []
        return any(secrets.compare_digest(one.encode(), self.token.encode()) for one in given)

    def _adding(self, scope: Scope, send: Send) -> Send:
        """Return `send` with the headers of every answer, and the cookie for the page's own requests."""
        added = list(HEADERS)
        if self.token and scope["path"] == "/":
            secure = "; Secure" if scope.get("scheme") == "https" else ""
            cookie = f"{COOKIE}={self.token}; Path=/; HttpOnly; SameSite=Strict; Max-Age=31536000{secure}"
            added.append((b"set-cookie", cookie.encode()))

        async def adding(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *added]
            await send(message)

        return adding


def _headers(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


def _is_of(origin: str, host: str) -> bool:
    """Return whether an origin is a host's own."""
    try:
        found = urlsplit(origin)
    except ValueError:
        return False
    return found.scheme in ("http", "https") and found.netloc.lower() == host.lower()
