"""The verb `asr update-device`: a new device folder on a host, switched to by renaming a link.

    FOLDER/versions/<time>-<fingerprint>/   device folders, the current and the one before
    FOLDER/current, FOLDER/previous         links to two of them
    FOLDER/versions/.incoming-<...>/        one that is being copied; killed, the next update goes on with it

The host needs rsync, a POSIX shell and coreutils. A new version gets its name only when its checksums are right, and
`current` changes by one rename: whenever an update is killed, `current` is a whole version.
"""

from __future__ import annotations

import hashlib
import re
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from asr.core.errors import ModelError, ServiceError, SetupError, WorkspaceError
from asr.core.progress import say
from asr.settings.workspace import Workspace
from tools.commands.steps.recognition import open_device

FOLDER = "asr-device"  # in the home of the user on the host
UNIT = "asr-listen.service"
SSH = "ssh -o ConnectTimeout=20 -o ServerAliveInterval=15"
MANAGERS = ("user", "system")
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(@[A-Za-z0-9_][A-Za-z0-9_.-]*)?")
_UNIT = re.compile(r"[A-Za-z0-9_@.:\\-]+")

_BEGIN = """\
set -eu
folder=FOLDER
fail() { echo "$1" >&2; exit 3; }
point() {  # a link changes by one rename
    ln -sfn "$1" "$folder/.$2.new"
    mv -fT "$folder/.$2.new" "$folder/$2"
}
link() { readlink "$folder/$1" 2>/dev/null || true; }
"""
_PREPARE = """\
command -v rsync >/dev/null || fail "rsync is not installed there"
mkdir -p "$folder/versions"
[ ! -e "$folder/current" ] || [ -h "$folder/current" ] || fail "$folder/current is no link"
[ -d "$folder/versions/VERSION" ] && echo there || echo missing
"""
# Other folders than the two that links name go: older versions, and copies that were broken off.
_SWITCH = """\
cd "$folder/versions"
if [ ! -d VERSION ]; then
    cd INCOMING
    sha256sum -c --quiet - >&2 <<'SUMS' || fail "what has arrived is damaged"
SUMS_HERE
SUMS
    cd ..
    sync
    mv -T INCOMING VERSION
fi
cd
now=$(link current)
if [ "$now" != versions/VERSION ]; then
    [ -z "$now" ] || point "$now" previous
    point versions/VERSION current
fi
sync
current=$(link current)
previous=$(link previous)
for old in "$folder"/versions/* "$folder"/versions/.incoming-*; do
    [ -d "$old" ] || continue
    name=versions/${old##*/}
    [ "$name" = "$current" ] || [ "$name" = "$previous" ] || rm -rf "$old"
done
echo "$current"
"""
_BACK = """\
now=$(link current)
before=$(link previous)
[ -n "$before" ] && [ "$before" != "$now" ] || fail "there is no version before the present one"
[ -d "$folder/$before" ] || fail "$folder/$before is not there any more"
point "$before" current
point "$now" previous
sync
echo "$before"
"""
_RESTART = """\
if [ MANAGER = user ]; then
    XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/run/user/$(id -u)}
    export XDG_RUNTIME_DIR
    systemctl --user restart UNIT
elif [ "$(id -u)" = 0 ]; then
    systemctl restart UNIT
else
    sudo -n systemctl restart UNIT
fi
"""


@dataclass(frozen=True)
class Host:
    """Where a device folder is kept.

    Attributes
    ----------
    name : as ssh takes it: a name of its configuration, or user@host.
    folder : absolute, or in the user's home.
    ssh : the command that runs another one on the host; its options are those of rsync's -e.
    """

    name: str
    folder: str = FOLDER
    ssh: str = SSH

    def __post_init__(self) -> None:
        # ssh would take a name that begins with a hyphen for an option.
        if not _HOST.fullmatch(self.name):
            raise WorkspaceError(
                f"{self.name!r} is no host", fix="Name it as ssh does: pi@kitchen, or of ~/.ssh/config"
            )
        if not self.folder.strip("./") or self.folder.startswith(("-", "~")) or set(self.folder) & set("\n\r\0"):
            raise WorkspaceError(
                f"{self.folder!r} is no folder on the host", fix="Give an absolute path, or one below the home there"
            )


def update_device(ws: Workspace, host: Host) -> str:
    """Copy the workspace's device folder to a host and switch to it; return what is current there.

    Raises
    ------
    ModelError : the device folder is missing or broken; the host is not asked then.
    ServiceError : the host cannot be reached, or refuses.
    SetupError : ssh or rsync is not installed here.
    """
    open_device(ws)
    sums = _checksums(ws.device)
    version = _version(ws.device, sums)
    incoming = f".incoming-{version}"
    if _run(host, _PREPARE.replace("VERSION", version)) == "missing":
        say(f"copying {ws.device} to {host.name}")
        _copy(ws.device, host, f"versions/{incoming}/")
    switch = _SWITCH.replace("VERSION", version).replace("INCOMING", incoming).replace("SUMS_HERE\n", sums)
    return f"{host.name}: {host.folder}/current is {_run(host, switch)}"


def go_back(host: Host) -> str:
    """Switch a host to the version before the present one, and return which that is; a second time undoes it.

    Raises
    ------
    ServiceError : there is none, or the host cannot be reached.
    """
    return f"{host.name}: {host.folder}/current is {_run(host, _BACK)}"


@dataclass(frozen=True)
class Service:
    """A unit of systemd on a host, of the user's ("user") or of the machine's ("system")."""

    manager: str
    unit: str = UNIT

    def __post_init__(self) -> None:
        if self.manager not in MANAGERS:
            raise WorkspaceError(f"--restart {self.manager!r} is neither user nor system", fix="Give one of the two")
        if not _UNIT.fullmatch(self.unit) or self.unit.startswith("-"):
            raise WorkspaceError(f"{self.unit!r} is no name of a unit", fix=f"Give one like {UNIT}")


def restart(host: Host, service: Service) -> str:
    """Restart a service on a host, and return what was done; ServiceError if it does not start."""
    script = _RESTART.replace("MANAGER", service.manager).replace("UNIT", shlex.quote(service.unit))
    try:
        _run(host, script)
    except ServiceError as error:
        raise ServiceError(
            f"{service.unit} does not restart: {error.what}", fix="The version is switched; restart it there"
        ) from None
    return f"{host.name}: restarted {service.unit}"


def _run(host: Host, script: str) -> str:
    """Run a shell script on a host and return the last line that it prints."""
    script = _BEGIN.replace("FOLDER", shlex.quote(host.folder)) + script
    # A login shell of any kind starts the POSIX shell, which reads the script from its input.
    done = _call([*shlex.split(host.ssh), host.name, "sh -s"], script)
    if done.returncode:
        raise ServiceError(f"{host.name}: {_last_line(done.stderr) or 'ssh failed'}", fix="Nothing has changed there")
    return _last_line(done.stdout)


def _copy(folder: Path, host: Host, place: str) -> None:
    """Copy the files of a folder into one on the host."""
    # --protect-args: the shell there must not read the folder's name.
    options = ["--recursive", "--times", "--copy-links", "--delete", "--chmod=D755,F644"]
    options += ["--timeout=60", "--protect-args"]
    target = f"{host.name}:{host.folder}/{place}"
    done = _call(["rsync", *options, "-e", host.ssh, "--", f"{folder}/", target], "")
    if done.returncode:
        raise ServiceError(
            f"{host.name}: the copy has failed: {_last_line(done.stderr) or done.returncode}",
            fix="The present version is still in use; run this again, and it goes on",
        )


def _call(command: Sequence[str], text: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, input=text, capture_output=True, text=True, errors="replace")
    except FileNotFoundError:
        raise SetupError(f"{command[0]} is not installed", fix=f"Install it: apt-get install {command[0]}") from None


def _checksums(folder: Path) -> str:
    """Return the SHA-256 of each file as sha256sum writes them, a line each."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    names = [str(path.relative_to(folder)) for path in files]
    if any("\n" in name or "\\" in name for name in names):
        raise ModelError("a file has a line break or a backslash in its name", path=folder, fix="Run: asr export")
    return "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}\n" for path, name in zip(files, names, strict=True)
    )


def _version(folder: Path, sums: str) -> str:
    """Return the name of a version: when it was made, UTC, and a fingerprint of its files."""
    newest = max(path.stat().st_mtime for path in folder.rglob("*") if path.is_file())
    made = datetime.fromtimestamp(newest, timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    return f"{made}-{hashlib.sha256(sums.encode()).hexdigest()[:8]}"


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else ""
