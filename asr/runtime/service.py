"""A systemd user unit for `listen`, and systemd's watchdog (sd_notify(3), without its library)."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from .faults import FaultError

WATCHDOG = 60  # s without a sign of life, after which systemd restarts the service
NAME = "asr-listen.service"
_UNIT = """\
[Unit]
Description=Speech recognition: {description}
After=sound.target
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
WorkingDirectory={folder}
Environment=OPENBLAS_NUM_THREADS=1
ExecStart={command}
Restart=always
RestartSec=5
WatchdogSec={watchdog}

[Install]
WantedBy=default.target
"""


class Watchdog:
    """Tells systemd that the service is ready and alive. Without systemd it does nothing.

    Parameters
    ----------
    environment : where systemd's NOTIFY_SOCKET and WATCHDOG_USEC are.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):
            self._address = "\0" + self._address[1:]  # an abstract socket
        limit = environment.get("WATCHDOG_USEC", "")
        # Twice within the limit, as sd_watchdog_enabled(3) recommends.
        self._interval = int(limit) / 2e6 if limit.isdigit() else None
        self._last = time.monotonic()

    def ready(self) -> None:
        """Tell that the service works now."""
        self._send("READY=1\nSTATUS=listening")

    def stopping(self) -> None:
        """Tell that the service ends."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """Tell that the service is alive, if it is time."""
        now = time.monotonic()
        if self._interval is not None and now - self._last >= self._interval:
            self._last = now
            self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            try:
                sender.connect(self._address)
                sender.sendall(message.encode())
            except OSError:  # systemd restarts what it does not hear of
                return


def unit_text(command: Sequence[str], folder: Path, description: str) -> str:
    """Return a unit that runs a command in a folder."""
    words = " ".join(_quoted(word) for word in command)
    described = description.replace("%", "%%").replace("\\", "\\\\")
    place = str(folder).replace("%", "%%")
    return _UNIT.format(description=described, folder=place, command=words, watchdog=WATCHDOG)


def unit_path(environment: Mapping[str, str]) -> Path:
    """Return where the user's unit belongs."""
    home = environment.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(home) / "systemd" / "user" / NAME


def install(text: str, path: Path) -> str:
    """Write the unit, and return what was written and which commands come next; FaultError if it cannot be written."""
    beside = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, path)
    except OSError as error:
        raise FaultError(f"{error.filename or path}: {error.strerror}. Use --print-service and copy the unit") from None
    lines = (
        f"wrote {path}:",
        "",
        text,
        "next:",
        "  systemctl --user daemon-reload",
        f"  systemctl --user enable --now {NAME}",
        "  loginctl enable-linger            # run without a login",
        f"  journalctl --user -u {NAME} -f    # what it hears",
    )
    return "\n".join(lines)


def working_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder that a program was started in, by the links that led there.

    Without them a service that is installed in a link to the current version would stay with that version.
    """
    here = environment.get("PWD", "")
    try:
        return Path(here) if os.path.isabs(here) and os.path.samefile(here, ".") else Path.cwd()
    except OSError:
        return Path.cwd()


def own_command(arguments: Sequence[str]) -> list[str]:
    """Return the command that runs this program with other arguments, with absolute paths."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if spec is not None:  # python -m
        return [sys.executable, "-m", spec.name.removesuffix(".__main__"), *arguments]
    return [str(Path(sys.argv[0]).absolute()), *arguments]


def _quoted(word: str) -> str:
    """Return a word as ExecStart has it (systemd.service(5), "Command lines"; systemd.unit(5), "Specifiers")."""
    if any(character in word for character in "\n\r\0"):
        raise FaultError(f"a service has no line break in its command: {word!r}. Put the command into a script")
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    plain = escaped and all(character.isalnum() or character in "_-./:=@%+," for character in escaped)
    return escaped if plain else f'"{escaped}"'
