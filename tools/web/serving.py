"""`asr serve`: the server of a workspace."""

from __future__ import annotations

import secrets
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

from asr.core.errors import BusyError, WorkspaceError
from asr.core.files import atomic_path
from asr.core.progress import say
from asr.runtime.guard import is_loopback
from asr.runtime.listener import Timing
from asr.runtime.server import Service, listening_socket, make_app
from asr.runtime.server import serve as serve_app
from asr.settings.workspace import Workspace
from tools.commands.steps.recognition import open_device
from tools.web.history import History
from tools.web.page import Page

_SHORTEST_TOKEN = 16  # characters


def serve(
    ws: Workspace,
    host: str,
    port: int,
    names: Sequence[str] = (),
    certificate: tuple[Path, Path] | None = None,
    timing: Timing | None = None,
) -> None:
    """Serve a workspace's page and its recogniser until Ctrl-C.

    Parameters
    ----------
    host : address to listen at; a token is needed unless it is of this machine only.
    names : further host names that requests may use.
    timing : how long to wait for more words.
    certificate : PEM files of the certificate and its key, for https.

    Raises
    ------
    ModelError : nothing is exported.
    BusyError : the port is in use.
    WorkspaceError : the address or the certificate is none.
    """
    recogniser = open_device(ws)
    history = History()
    token = "" if is_loopback(host) else _read_token(ws)
    own = socket.gethostname().lower()
    service = Service(recogniser, keep=history.add, timing=timing)
    routes = Page(ws, recogniser, history).routes()
    app = make_app(service, routes, names=(own, f"{own}.local", *names), token=token)
    try:
        listening = listening_socket(host, port)
    except (OSError, OverflowError) as error:
        raise BusyError(f"cannot listen at {host}:{port} ({error})", fix="Choose another port: --port 8701") from None
    shown = own if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    scheme = "https" if certificate else "http"
    query = f"?token={token}" if token else ""
    say(f"{ws.root.name} at {scheme}://{shown}:{listening.getsockname()[1]}/{query} (Ctrl-C ends it)")
    try:
        with listening:
            serve_app(app, listening, *(certificate or ()))
    except (ssl.SSLError, OSError) as error:
        if certificate is None:
            raise
        raise WorkspaceError(
            f"no certificate: {error}", path=certificate[0], fix="Give PEM files with --certificate and --key"
        ) from None
    except KeyboardInterrupt:
        pass


def _read_token(ws: Workspace) -> str:
    """Return the workspace's token; the first time make one, so that it stays the same from start to start."""
    path = ws.build / "serve.token"
    if not path.exists():
        with atomic_path(path) as beside:
            beside.touch(0o600)
            beside.write_text(secrets.token_urlsafe(16) + "\n", encoding="utf-8")
    token = path.read_text(encoding="utf-8").strip()
    if len(token) < _SHORTEST_TOKEN or not token.isascii() or not token.isprintable():
        raise WorkspaceError("this is no token", path=path, fix="Delete the file; the next start makes one")
    return token
