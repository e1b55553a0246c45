"""`asr record`: the server of a workspace's recorder, on this machine alone or for a phone on the same network."""

from __future__ import annotations

import secrets
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import segno

from asr.core.errors import BusyError, SetupError, WorkspaceError
from asr.core.files import write_text
from asr.core.progress import say
from asr.runtime.guard import COOKIE, OPEN, Guard
from asr.runtime.server import listening_socket
from asr.runtime.server import serve as serve_app
from asr.settings.workspace import Workspace
from tools.web.labeller import Labeller
from tools.web.recorder import Invitations, Recorder, make_app

PORT = 8701
_DAYS = 30  # that a certificate is valid
_OPENSSL = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"


def record(ws: Workspace, port: int, *, share: bool = False) -> None:
    """Serve a workspace's recorder until Ctrl-C.

    Parameters
    ----------
    share : let browsers of the local network in, each by an invitation, over https.

    Raises
    ------
    BusyError : the port is in use.
    SetupError : there is no openssl to make a certificate with.
    SentenceError, RecordingsError : the workspace's sentences or recordings cannot be read.
    """
    routes = [*Recorder(ws).routes(), *Labeller(ws).routes()]
    address = local_address() if share else "127.0.0.1"
    pair = certificate(ws.build / "record", address) if share else ()
    try:
        listening = listening_socket("0.0.0.0" if share else "127.0.0.1", port)
    except (OSError, OverflowError) as error:
        raise BusyError(f"cannot listen at port {port} ({error})", fix="Choose another: --port 8702") from None
    port = listening.getsockname()[1]
    if share:
        session = secrets.token_urlsafe(24)

        def invite(token: str) -> None:
            tell_invitation(f"https://{address}:{port}/join?token={token}")

        invitations = Invitations(session, COOKIE, invite)
        guarded = Guard(make_app(routes, invitations), (), session, (*OPEN, "/join"))
        invitations.renew()
    else:
        guarded = Guard(make_app(routes))
        say(f"recording for {ws.root.name} at http://127.0.0.1:{port}/ (Ctrl-C ends it)")
    try:
        with listening:
            serve_app(guarded, listening, *pair)
    except KeyboardInterrupt:
        pass


def tell_invitation(address: str) -> None:
    """Write an invitation to the terminal, as text and as a QR code."""
    print("scan this with a phone on the same network, or open the address (for one browser):", file=sys.stderr)
    segno.make(address, error="l").terminal(out=sys.stderr, compact=True)
    print(f"{address}\nThe browser warns of the certificate: this machine made it itself.", file=sys.stderr, flush=True)


def local_address() -> str:
    """Return this machine's address in the local network; WorkspaceError where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Connecting a datagram socket sends nothing; it only chooses the address to send from.
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            raise WorkspaceError(
                "this machine is in no network", fix="Connect it, or record here without --share"
            ) from None


def certificate(folder: Path, address: str) -> tuple[Path, Path]:
    """Return PEM files of a self-signed certificate for an address and of its key; made where there is none.

    Raises
    ------
    SetupError : openssl is not installed, or fails.
    """
    own, key, made_for = folder / "certificate.pem", folder / "key.pem", folder / "address.txt"
    is_made = own.is_file() and key.is_file() and made_for.is_file()
    if (
        is_made
        and made_for.read_text(encoding="utf-8") == address
        and time.time() - own.stat().st_mtime < (_DAYS - 1) * 86400
    ):
        return own, key
    program = shutil.which("openssl")
    if program is None:
        raise SetupError("openssl is not installed, which makes the certificate", fix="Install it (Debian: openssl)")
    folder.mkdir(parents=True, exist_ok=True)
    made_for.unlink(missing_ok=True)
    key.unlink(missing_ok=True)
    key.touch(0o600)
    names = ["-subj", "/CN=asr record", "-addext", f"subjectAltName=IP:{address}"]
    command = [program, *_OPENSSL.split(), "-days", str(_DAYS), "-keyout", str(key), "-out", str(own), *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise SetupError(f"openssl makes no certificate: {reason}", fix="Update openssl")
    write_text(made_for, address)
    return own, key
