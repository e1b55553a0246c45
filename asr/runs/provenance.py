"""Provenance of a result: versions of the software, and the process that computed it."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("tensorflow", "tensorflow-cpu", "keras", "numpy", "soxr")


def versions() -> dict[str, str]:
    """Return the versions of Python, packages and our own commit."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    root = Path(__file__).resolve().parents[2]
    if (root / ".git").exists():
        commit = _git(root, "rev-parse", "--short=12", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no")
        if commit:
            found["commit"] = f"{commit}, with changes" if changed else commit
    return found


def _git(root: Path, *arguments: str) -> str:
    try:
        result = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""


def this_process() -> dict[str, Any]:
    """Identify this process, distinct from later ones with the same number."""
    return {"host": socket.gethostname(), "pid": os.getpid(), "born": _born(os.getpid())}


def alive(process: Mapping[str, Any]) -> bool:
    """Tell whether the process that wrote a record is running; assumed for processes of other hosts."""
    if process.get("host") != socket.gethostname():
        return True
    return _born(int(process.get("pid", 0))) == process.get("born")


def _born(pid: int) -> str:
    """Return the start time of a process; "" if it has ended."""
    try:
        # Field 22, counted after the command's name, which may contain spaces and brackets.
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    state, *rest = text.rpartition(")")[2].split()
    return "" if state == "Z" else rest[18]
