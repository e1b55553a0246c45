"""Build the wheel asr-runtime: asr/runtime as the package asr_runtime, for devices.

    python -m tools.runtime_wheel [FOLDER]

The same sources give the same bytes: setuptools is the locked one, and times and modes of the files are fixed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from asr.core.errors import SetupError, UserError

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "asr" / "runtime"
_EPOCH = 315532800  # s, 1980-01-01: the earliest time of a zip file


def build_wheel(folder: Path) -> Path:
    """Build the wheel in a folder and return its path.

    Raises
    ------
    SetupError : setuptools cannot build it.
    """
    with tempfile.TemporaryDirectory(prefix="asr-runtime-") as made:
        project, out = Path(made) / "project", Path(made) / "out"
        shutil.copytree(SOURCE, project / "asr_runtime", ignore=shutil.ignore_patterns("__pycache__", "*.toml", "*.md"))
        for path in (SOURCE / "pyproject.toml", SOURCE / "README.md", ROOT / "LICENSE", ROOT / "NOTICE"):
            shutil.copy(path, project)
        for path in project.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        options = ("--no-deps", "--no-build-isolation", "--no-index", "--no-cache-dir", "--wheel-dir", str(out))
        done = subprocess.run(
            [sys.executable, "-m", "pip", "wheel", *options, str(project)],
            env={**os.environ, "SOURCE_DATE_EPOCH": str(_EPOCH), "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
            umask=0o022,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            last = (done.stderr or done.stdout).strip().splitlines()[-1:]
            raise SetupError(f"the wheel cannot be built: {''.join(last)}", fix="Run: make setup")
        (built,) = out.glob("*.whl")
        folder.mkdir(parents=True, exist_ok=True)
        return Path(shutil.move(built, folder / built.name))


def main() -> int:
    """Build the wheel and print where it is."""
    parser = argparse.ArgumentParser(prog="python -m tools.runtime_wheel", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "build" / "wheel")
    try:
        wheel = build_wheel(parser.parse_args().folder)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{wheel}: {wheel.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
