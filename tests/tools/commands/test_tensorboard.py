"""`asr tensorboard`: what a browser on this machine gets, and nobody else."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from asr.core.errors import BusyError, ModelError
from asr.settings.template import render
from asr.settings.values import Settings
from asr.settings.workspace import Workspace
from tools.commands.steps.tensorboard import serve

REPOSITORY = Path(__file__).resolve().parents[3]


def make_workspace(root: Path) -> Workspace:
    root.mkdir()
    (root / "asr.toml").write_text(render(Settings()))
    return Workspace.open(root)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_scalars_of_both_tiers_are_served(tmp_path: Path) -> None:
    import tensorflow as tf

    # Such a name would cut TensorBoard's own list of folders apart.
    ws = make_workspace(tmp_path / "my:lamp, red")
    for folder, value in (("logs/run-1", 3.5), ("keyword/logs/run-2", 0.25)):
        writer = tf.summary.create_file_writer(str(ws.build / folder))
        with writer.as_default(step=1):
            tf.summary.scalar("dev_loss", value)
        writer.close()
    port = free_port()
    board = subprocess.Popen(
        [sys.executable, "-m", "tools.commands.cli", "tensorboard", str(ws.root), "--port", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )  # fmt: skip
    try:
        found: dict[str, list[str]] = {}
        deadline = time.monotonic() + 120
        while len(found) < 2 and time.monotonic() < deadline and board.poll() is None:
            time.sleep(0.5)
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/data/plugin/scalars/tags", timeout=20) as answer:
                    found = {name: list(tags) for name, tags in json.load(answer).items()}
            except OSError:
                continue
        assert found == {"sentences/run-1": ["dev_loss"], "keyword/run-2": ["dev_loss"]}
        # On this machine's own address only.
        listening = Path("/proc/net/tcp").read_text()
        assert f"0100007F:{port:04X}" in listening and f"00000000:{port:04X}" not in listening
    finally:
        board.kill()
        said = board.communicate()[1]
    assert f"TensorBoard at http://127.0.0.1:{port}/" in said


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    ws = make_workspace(tmp_path / "lamp")
    with pytest.raises(ModelError, match="nothing has been trained here yet"):
        serve(ws, free_port())
    (ws.logs / "run-1").mkdir(parents=True)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        with pytest.raises(BusyError, match=r"cannot listen on 127\.0\.0\.1:.* --port 6007"):
            serve(ws, holder.getsockname()[1])
