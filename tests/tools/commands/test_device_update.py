"""`asr update-device` on a host that is a folder: rsync and the shell are real, ssh is a script; and with a real sshd.

Whatever is killed, `current` on the host is a whole version that loads.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from asr.core.errors import ModelError, ServiceError, WorkspaceError
from asr.runtime.recogniser import GRAMMAR, NETWORK, Recogniser
from asr.settings.workspace import Workspace
from tests.asr.runtime.tone_device import write_device
from tools.commands.steps.device_update import Host, Service, go_back, restart, update_device
from tools.commands.steps.new_workspace import make_workspace
from tools.commands.verbs import open_workspace

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
pytestmark = pytest.mark.skipif(shutil.which("rsync") is None, reason="rsync is not installed")

# As ssh: a host, after -l and the user where rsync calls it, then a command for the shell there, in a home of its own.
FAKE_SSH = """\
#!/bin/sh
[ "$1" != -l ] || { shift; user=$1@; shift; }
set -- "$user$@"
[ "$1" = pi@kitchen ] || { echo "ssh: Could not resolve hostname $1" >&2; exit 255; }
shift
cd HOME_HERE && exec env -i HOME=HOME_HERE PATH=BIN_HERE sh -c "$*"
"""
PROGRAMS = "rsync sh readlink ln mv mkdir sha256sum sync rm id head dd"


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    make_workspace(tmp_path / "lamp")
    write_device(tmp_path / "lamp/build/export/device")
    return open_workspace(tmp_path / "lamp")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    home, programs = tmp_path / "home of pi", tmp_path / "bin"
    home.mkdir()
    programs.mkdir()
    for name in PROGRAMS.split():
        (programs / name).symlink_to(str(shutil.which(name)))
    text = FAKE_SSH.replace("HOME_HERE", shlex.quote(str(home))).replace("BIN_HERE", str(programs))
    (tmp_path / "ssh").write_text(text)
    (tmp_path / "ssh").chmod(0o755)
    return Host("pi@kitchen", "my device", str(tmp_path / "ssh"))


def place(tmp_path: Path) -> Path:
    return tmp_path / "home of pi" / "my device"


def grammar(folder: Path) -> bytes:
    Recogniser.open(folder)
    return (folder / GRAMMAR).read_bytes()


def test_update_and_back(tmp_path: Path, ws: Workspace, host: Host) -> None:
    told = update_device(ws, host)
    current = place(tmp_path) / "current"
    first = os.readlink(current)
    assert told == f"pi@kitchen: my device/current is {first}"
    old = grammar(current)
    assert old == (ws.device / GRAMMAR).read_bytes()
    with pytest.raises(ServiceError, match="no version before"):
        go_back(host)
    assert update_device(ws, host) == told  # nothing is new
    assert not (place(tmp_path) / "previous").exists()
    write_device(ws.device, "bead [cage]")
    update_device(ws, host)
    new = grammar(current)
    assert new != old and grammar(place(tmp_path) / "previous") == old
    go_back(host)
    assert grammar(current) == old and grammar(place(tmp_path) / "previous") == new
    go_back(host)
    assert grammar(current) == new
    write_device(ws.device, "cage")
    update_device(ws, host)
    assert grammar(place(tmp_path) / "previous") == new
    kept = {path.name for path in (place(tmp_path) / "versions").iterdir()}
    assert kept == {Path(os.readlink(place(tmp_path) / name)).name for name in ("current", "previous")}


def test_an_update_killed_at_any_line_leaves_a_whole_version(tmp_path: Path, ws: Workspace, host: Host) -> None:
    update_device(ws, host)
    current = place(tmp_path) / "current"
    old = grammar(current)
    write_device(ws.device, "bead [cage]")
    new = (ws.device / GRAMMAR).read_bytes()
    sh = tmp_path / "bin" / "sh"
    sh.unlink()
    seen = set()
    for lines in range(10, 60, 3):
        # The shell there executes line by line; it ends where its input does.
        sh.write_text(f'#!/bin/sh\n[ "$*" = -s ] || exec /bin/sh "$@"\nhead -n {lines} | /bin/sh -s\n')
        sh.chmod(0o755)
        with contextlib.suppress(ServiceError):
            update_device(ws, host)
        found = grammar(current)
        assert found in (old, new)
        seen.add(found)
        if (place(tmp_path) / "previous").exists():
            assert grammar(place(tmp_path) / "previous") in (old, new)
    assert seen == {old, new}
    update_device(ws, host)
    assert grammar(current) == new and grammar(place(tmp_path) / "previous") == old


def test_a_copy_that_breaks_off_goes_on(tmp_path: Path, ws: Workspace, host: Host) -> None:
    update_device(ws, host)
    current = place(tmp_path) / "current"
    old = grammar(current)
    write_device(ws.device, "bead [cage]")
    rsync = tmp_path / "bin" / "rsync"
    real = os.readlink(rsync)
    rsync.unlink()
    rsync.write_text(f'#!/bin/sh\ndd bs=1 count=3000 2>/dev/null | {real} "$@"\n')
    rsync.chmod(0o755)
    with pytest.raises(ServiceError, match="the copy has failed"):
        update_device(ws, host)
    assert grammar(current) == old
    rsync.unlink()
    rsync.symlink_to(real)
    update_device(ws, host)
    assert grammar(current) == (ws.device / GRAMMAR).read_bytes() != old
    assert not list((place(tmp_path) / "versions").glob(".incoming*"))


def test_what_arrives_damaged_is_not_switched_to(tmp_path: Path, ws: Workspace, host: Host) -> None:
    update_device(ws, host)
    write_device(ws.device, "bead [cage]")
    rsync = tmp_path / "bin" / "rsync"
    real = os.readlink(rsync)
    rsync.unlink()
    spoil = f"for one in 'my device'/versions/.incoming-*; do echo x >>\"$one/{NETWORK}\"; done"
    rsync.write_text(f'#!/bin/sh\n{real} "$@" || exit\n{spoil}\n')
    rsync.chmod(0o755)
    before = os.readlink(place(tmp_path) / "current")
    with pytest.raises(ServiceError, match="what has arrived is damaged"):
        update_device(ws, host)
    assert os.readlink(place(tmp_path) / "current") == before


def test_a_broken_device_folder_is_not_sent(tmp_path: Path, ws: Workspace, host: Host) -> None:
    (ws.device / NETWORK).write_bytes((ws.device / NETWORK).read_bytes()[:-100])
    with pytest.raises(ModelError):
        update_device(ws, host)
    (ws.device / NETWORK).unlink()
    with pytest.raises(ModelError, match="not exported"):
        update_device(ws, host)
    assert list((tmp_path / "home of pi").iterdir()) == []


@pytest.mark.parametrize("name", ["-oProxyCommand=touch x", "pi@kitchen:22", "a b", "", "pi@-x", "$(id)"])
def test_no_name_becomes_an_option_or_a_command(name: str) -> None:
    with pytest.raises(WorkspaceError, match="is no host"):
        Host(name)


@pytest.mark.parametrize("folder", ["", ".", "/", "-x", "~/device", "a\nb"])
def test_what_is_no_folder(folder: str) -> None:
    with pytest.raises(WorkspaceError, match="is no folder on the host"):
        Host("pi", folder)


def test_a_folder_is_never_read_by_a_shell(tmp_path: Path, ws: Workspace, host: Host) -> None:
    odd = "it's $(touch hit) \\ `touch hit`; *"
    update_device(ws, Host(host.name, odd, host.ssh))
    assert [path.name for path in (tmp_path / "home of pi").iterdir()] == [odd]


def test_a_host_that_is_not_there(ws: Workspace, host: Host) -> None:
    with pytest.raises(ServiceError, match=r"pi@attic: ssh: Could not resolve hostname pi@attic\. Nothing has"):
        update_device(ws, Host("pi@attic", ssh=host.ssh))


def test_a_folder_called_current_stays(tmp_path: Path, ws: Workspace, host: Host) -> None:
    (place(tmp_path) / "current").mkdir(parents=True)
    with pytest.raises(ServiceError, match="current is no link"):
        update_device(ws, host)
    assert (place(tmp_path) / "current").is_dir()


def test_the_service_is_restarted(tmp_path: Path, host: Host) -> None:
    systemctl = tmp_path / "bin" / "systemctl"
    systemctl.write_text('#!/bin/sh\necho "$XDG_RUNTIME_DIR" "$@" >>called\n[ "$3" != bad.service ]\n')
    systemctl.chmod(0o755)
    assert restart(host, Service("user")) == "pi@kitchen: restarted asr-listen.service"
    called = (tmp_path / "home of pi" / "called").read_text()
    assert called == f"/run/user/{os.getuid()} --user restart asr-listen.service\n"
    with pytest.raises(ServiceError, match=r"bad\.service does not restart"):
        restart(host, Service("user", "bad.service"))
    for manager, unit in (("root", "a.service"), ("user", "-H"), ("user", "a b"), ("user", "$(id)")):
        with pytest.raises(WorkspaceError):
            Service(manager, unit)


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Host]:
    """Yield this machine as a host, reached through an sshd of its own."""
    keys = tmp_path / "keys"
    keys.mkdir()
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", keys / name], check=True)
    shutil.copy(keys / "user.pub", keys / "authorized")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = f"Port {port}\nListenAddress 127.0.0.1\nHostKey {keys}/host\nAuthorizedKeysFile {keys}/authorized\n"
    config += "StrictModes no\nUsePAM no\nPidFile none\nUseDNS no\nPasswordAuthentication no\n"
    (keys / "config").write_text(config)
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    server = subprocess.Popen([str(SSHD), "-D", "-e", "-f", keys / "config"], stderr=subprocess.DEVNULL)
    options = f"-p {port} -i {keys}/user -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o BatchMode=yes"
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield Host(
            f"{getpass.getuser()}@127.0.0.1",
            str(tmp_path / "on the host"),
            f"ssh {options} -o UserKnownHostsFile={keys}/known -o LogLevel=ERROR -F none",
        )
    finally:
        server.terminate()
        server.wait()


@pytest.mark.skipif(SSHD is None or shutil.which("ssh") is None, reason="no ssh server and client are installed")
def test_with_a_real_ssh(tmp_path: Path, ws: Workspace, sshd: Host) -> None:
    update_device(ws, sshd)
    assert grammar(tmp_path / "on the host" / "current") == (ws.device / GRAMMAR).read_bytes()
    with pytest.raises(ServiceError, match="there is no version before the present one"):
        go_back(sshd)
