"""Paths of the third-party parts that `make setup` installs: KenLM, libdeepspeech, the reference trainer."""

from __future__ import annotations

import os
from pathlib import Path

from asr.core.errors import SetupError


def folder() -> Path:
    """Return the folder of the parts: $ASR_DEPS, or .deps in the checkout."""
    named = os.environ.get("ASR_DEPS")
    return Path(named) if named else Path(__file__).resolve().parents[2] / ".deps"


def part(name: str) -> Path:
    """Return the path of a part such as "bin/lmplz"; SetupError if it is missing."""
    path = folder() / name
    if not path.exists():
        raise SetupError("this part is not installed", path=path, fix="Run `make setup`")
    return path
