"""TensorBoard on the logs of sentence and keyword training."""

from __future__ import annotations

import os
import socket
import sys
from typing import NoReturn

from asr.core.errors import BusyError, ModelError
from asr.core.progress import say
from asr.settings.workspace import Workspace

HOST = "127.0.0.1"
# TensorBoard's name for a kind of training, and its folder below build/.
TIERS = {"sentences": "logs", "keyword": "keyword/logs"}


def serve(ws: Workspace, port: int, host: str = HOST) -> NoReturn:
    """Become TensorBoard, until it is interrupted.

    Raises
    ------
    ModelError : nothing has been trained yet.
    BusyError : the port is in use.
    """
    found = {name: folder for name, folder in TIERS.items() if any((ws.build / folder).glob("*"))}
    if not found:
        raise ModelError("nothing has been trained here yet", path=ws.logs, fix="Run: asr train")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise BusyError(
                f"cannot listen on {host}:{port} ({error.strerror})", fix="Choose another port: --port 6007"
            ) from None
    say(f"TensorBoard at http://{host}:{port}/ (Ctrl-C ends it)")
    # Relative, because a comma or a colon in the workspace's path would split the list.
    os.chdir(ws.build)
    folders = ",".join(f"{name}:{folder}" for name, folder in found.items())
    words = ["--logdir_spec", folders, "--host", host, "--port", str(port)]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", "tensorboard.main", *words])
