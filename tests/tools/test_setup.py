"""The set-up leaves alone what is not this clone's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

SETUP = Path(__file__).resolve().parents[2] / "tools/setup"


def test_an_environment_that_venv_only_links_to_is_not_emptied(tmp_path: Path) -> None:
    """It is another clone's: its programs name their Python by their own place, so that this one makes its own."""
    clone, other = tmp_path / "clone", tmp_path / "other"
    (clone / "tools").mkdir(parents=True)
    shutil.copy(SETUP, clone / "tools/setup")
    other.mkdir()
    (other / "place").write_text("/elsewhere\n")
    (clone / ".venv").symlink_to(other)
    # Without its list of packages the set-up ends once there is an environment.
    done = subprocess.run(
        ["tools/setup", "runtime"], cwd=clone, env={**os.environ, "PYTHON": sys.executable},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 2 and "requirements.lock" in done.stderr, done.stderr
    assert (other / "place").read_text() == "/elsewhere\n"
    assert not (clone / ".venv").is_symlink() and (clone / ".venv/bin/python").exists()
