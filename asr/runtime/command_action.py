"""The action `--exec`: a command for each event, with the event in its environment."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess

from .faults import FaultError, report
from .journal import Event

LONGEST = 30.0  # s that a command may take


class CommandAction:
    """Runs a command for each event, one after the other. What it prints goes to stderr.

    Parameters
    ----------
    command : split as a shell does it, but run without one.
    shell : run it through /bin/sh.
    longest : s after which it is ended, with what it has started.

    Raises
    ------
    FaultError : the command cannot be split, or is empty.
    """

    name = "exec"

    def __init__(self, command: str, *, shell: bool = False, longest: float = LONGEST) -> None:
        try:
            self._words = ["/bin/sh", "-c", command] if shell else shlex.split(command)
        except ValueError as error:
            raise FaultError(f"--exec {command}: {error}. Quote it as for a shell") from None
        if not self._words or not command.strip():
            raise FaultError("--exec: the command is empty. Name a program")
        self._longest = longest

    def connect(self) -> None:
        """Do nothing; there is no connection."""

    def deliver(self, number: int, event: Event) -> None:
        """Run the command. It has the event when it was started; its exit status is only reported."""
        try:
            # Descriptors rather than sys.stderr, whose buffer the command would overtake. Standard input is the sound.
            process = subprocess.Popen(
                self._words,
                env={**os.environ, **environment(event)},
                stdin=subprocess.DEVNULL,
                stdout=2,
                stderr=2,
                start_new_session=True,
            )
        except OSError as error:
            report(f"exec: {self._words[0]}: {error.strerror}")
            return
        try:
            status = process.wait(self._longest)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            report(f"exec: {self._words[0]}: ended after {self._longest:g} s")
            return
        if status:
            report(f"exec: {self._words[0]}: exit status {status}")

    def close(self) -> None:
        """Do nothing; there is no connection."""


def environment(event: Event) -> dict[str, str]:
    """Return an event as environment variables: ASR_TEXT, ASR_INTENT, ASR_CONFIDENCE, ASR_JSON, ASR_SLOT_<NAME>."""
    confidence = event.get("confidence")
    found = {
        "ASR_TEXT": str(event.get("text") or ""),
        "ASR_INTENT": str(event.get("intent") or ""),
        "ASR_CONFIDENCE": "" if confidence is None else str(confidence),
        "ASR_JSON": json.dumps(event, ensure_ascii=False),
    }
    for name, value in event.get("slots", {}).items():
        found["ASR_SLOT_" + re.sub(r"[^A-Z0-9_]", "_", str(name).upper())] = str(value)
    # The system ends a variable at the first NUL.
    return {name: value.replace("\0", "") for name, value in found.items()}
