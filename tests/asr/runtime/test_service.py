"""The systemd unit, and the signs of life that systemd waits for."""

from __future__ import annotations

import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from asr.runtime.faults import FaultError
from asr.runtime.service import NAME, Watchdog, install, unit_path, unit_text, working_folder


def setting(text: str, name: str) -> str:
    return next(line.removeprefix(f"{name}=") for line in text.splitlines() if line.startswith(f"{name}="))


def test_a_unit_is_written_where_systemd_looks(tmp_path: Path) -> None:
    text = unit_text([sys.executable, "-m", "asr_runtime", "listen", "device"], tmp_path, "listen device")
    path = unit_path({"XDG_CONFIG_HOME": str(tmp_path / "config")})
    assert path == tmp_path / "config" / "systemd" / "user" / "asr-listen.service"
    assert unit_path({}) == Path.home() / ".config" / "systemd" / "user" / NAME
    told = install(text, path)
    assert path.read_text() == text and str(path) in told and text in told
    assert f"systemctl --user enable --now {NAME}" in told
    assert setting(text, "Restart") == "always" and int(setting(text, "WatchdogSec")) > 0
    (tmp_path / "file").write_text("")
    with pytest.raises(FaultError, match="--print-service"):
        install(text, tmp_path / "file" / "unit")


def test_a_service_stays_with_the_link_that_it_is_installed_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "versions" / "one").mkdir(parents=True)
    (tmp_path / "current").symlink_to("versions/one")
    monkeypatch.chdir(tmp_path / "current")
    # What a shell sets; os.getcwd has no links in it.
    assert working_folder({"PWD": str(tmp_path / "current")}) == tmp_path / "current"
    for wrong in ("", "current", str(tmp_path), str(tmp_path / "nowhere")):
        assert working_folder({"PWD": wrong}) == tmp_path / "versions" / "one"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_reads_the_unit(tmp_path: Path) -> None:
    words = [
        "listen",
        "my lamp",
        "--exec",
        "say \"50 %\" $HOME \\ 'x'; rm",
        "--mqtt-topic",
        "%h",
        "--webhook",
        "http://h/",
    ]
    text = unit_text([sys.executable, *words], tmp_path, "listen my lamp %n")
    (tmp_path / NAME).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", tmp_path / NAME],
        capture_output=True,
        text=True,
        env={"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    assert NAME not in done.stderr, done.stderr
    # A fault is reported, so that the check above can fail.
    (tmp_path / NAME).write_text(text.replace("Restart=always", "Restart=now"))
    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", tmp_path / NAME],
        capture_output=True,
        text=True,
        env={"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    assert NAME in done.stderr


def test_words_are_quoted(tmp_path: Path) -> None:
    words = ["/bin/x", "two words", 'a"b', "50%", "$HOME", "back\\slash", ""]
    command = setting(unit_text(words, tmp_path, "x"), "ExecStart")
    assert command == '/bin/x "two words" "a\\"b" 50%% "$$HOME" "back\\\\slash" ""'
    # Apart from specifiers and variables the quoting is a shell's.
    assert [word.replace("%%", "%").replace("$$", "$") for word in shlex.split(command)] == words
    with pytest.raises(FaultError, match="line break"):
        unit_text(["/bin/x", "a\nExecStartPre=/bin/evil"], tmp_path, "x")


def test_systemd_hears_that_it_is_ready_and_alive(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(path)
        systemd.settimeout(2)
        watchdog = Watchdog({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "2"})
        watchdog.ready()
        assert b"READY=1" in systemd.recv(1000).splitlines()
        watchdog.alive()
        assert systemd.recv(1000) == b"WATCHDOG=1"
        patient = Watchdog({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "60000000"})
        patient.alive()
        Watchdog({"NOTIFY_SOCKET": path}).alive()
        patient.stopping()
        assert systemd.recv(1000) == b"STOPPING=1"
    # Nobody listens any longer, or never did.
    watchdog.ready()
    Watchdog({}).ready()
