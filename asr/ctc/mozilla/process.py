"""The trainer as a process: started, watched, and ended once its model is exported."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

from asr.core.errors import ModelError
from asr.ctc.mozilla.output import Reader

PATIENCE = 3.0  # s, for a process to end by itself
LAST_LINES = 4

_PR_SET_PDEATHSIG = 1  # of prctl(2)
_LIBC = ctypes.CDLL(None)


def watch(command: Sequence[str | Path], reader: Reader, log: Path, environment: Mapping[str, str]) -> None:
    """Run the trainer until it reports an exported model, and append its output to `log`.

    Its whole process group is ended with it, and when this process is interrupted.

    Raises
    ------
    ModelError : it ended without an exported model; with its last lines.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    # TensorFlow 2 sets TF2_BEHAVIOR, which makes TensorFlow 1.15 eager.
    kept_environment = {name: value for name, value in os.environ.items() if name != "TF2_BEHAVIOR"}
    last: deque[str] = deque(maxlen=LAST_LINES)
    with log.open("a", encoding="utf-8") as kept:
        process = subprocess.Popen(
            [str(word) for word in command],
            env=kept_environment | dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            # In a group of its own the trainer's child processes can be ended with it, and get no Ctrl-C before it.
            start_new_session=True,
            preexec_fn=_end_with_its_parent,
        )
        assert process.stdout is not None
        try:
            for line in process.stdout:
                kept.write(line)
                kept.flush()
                reader.read(line)
                if line.strip():
                    last.append(line.strip())
                if reader.exported:
                    break
            code = _wait(process)
        finally:
            _end(process)
    if not reader.exported:
        how = f"ended with exit code {code}" if code is not None else "closed its output"
        raise ModelError(
            f"the trainer {how} before it exported a model: {' / '.join(last) or 'no output'}",
            path=log,
            fix="See the log",
        )


def _end_with_its_parent() -> None:
    """Have the kernel end this process when its parent is killed; called between fork and exec."""
    # Systems other than Linux have no prctl.
    if hasattr(_LIBC, "prctl"):
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _wait(process: subprocess.Popen[str]) -> int | None:
    try:
        return process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        return None


def _end(process: subprocess.Popen[str]) -> None:
    """End the process and its child processes."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        _wait(process)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()
