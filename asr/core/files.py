"""Atomic writes, locks and fingerprints of files."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from asr.core.errors import BusyError


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path` that is renamed to it when the block succeeds.

    If the block fails or the process is killed, `path` stays as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Keeps the suffix, by which libraries choose a format.
    beside = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield beside
        os.replace(beside, path)
    finally:
        if beside.is_dir():
            shutil.rmtree(beside)
        else:
            beside.unlink(missing_ok=True)


def write_bytes(path: Path | str, data: bytes) -> None:
    """Write `data` to `path`, atomically."""
    with atomic_path(path) as beside:
        beside.write_bytes(data)


def write_text(path: Path | str, text: str) -> None:
    """Write `text` to `path` as UTF-8 without a byte order mark, atomically."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as indented JSON, atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def place_in(root: Path, path: Path) -> str:
    """Return the path relative to `root` where it is below, else unchanged: a name that survives moving `root`."""
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


def file_state(path: Path, root: Path | None = None) -> list[str | int]:
    """Return a file's path (within `root` if given), size in bytes and time in ns; the path alone if it is missing."""
    name = str(path) if root is None else place_in(root, path)
    try:
        stat = path.stat()
    except OSError:
        return [name]
    return [name, stat.st_size, stat.st_mtime_ns]


def fingerprint(*parts: Any) -> str:
    """Return the SHA-256 of the parts in order, in hex.

    A Path contributes its content (nothing if there is no such file), anything else its JSON form.
    """
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            digest.update(b"file\0")
            if part.is_file():
                with part.open("rb") as file:
                    for block in iter(lambda: file.read(1 << 20), b""):
                        digest.update(block)
        else:
            digest.update(b"value\0" + json.dumps(part, sort_keys=True, default=str).encode())
        digest.update(b"\0")
    return digest.hexdigest()


@contextmanager
def exclusive(path: Path | str) -> Iterator[None]:
    """Hold the lock file `path` during the block.

    The kernel releases the lock when the process ends, so no stale lock can remain.

    Raises
    ------
    BusyError : another process holds it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip()
            raise BusyError(
                f"another run works here{f' (process {holder})' if holder else ''}",
                path=path.parent,
                fix="Wait until it ends, or stop it, and run this again",
            ) from None
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        yield
