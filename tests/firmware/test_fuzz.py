"""Random calls of frontend and detector under the address and undefined behaviour sanitizers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "firmware" / "lib"
FLAGS = (
    *("-std=c99", "-O2", "-g", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fno-omit-frame-pointer"),
    *("-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
)
# A million runs of each are made by hand (see firmware/README.md); these find what is broken outright.
RUNS = {"frontend": ("20000", ("frontend.c", "average_frontend.c")), "detector": ("50000", ("detector.c",))}


def build(program: Path, name: str, *sources: Path) -> None:
    command = ["gcc", *FLAGS, f"-I{LIBRARY}", str(ROOT / "firmware" / "test" / f"fuzz_{name}.c")]
    done = subprocess.run([*command, *map(str, sources), "-o", str(program)], capture_output=True, text=True)
    if "cannot find" in done.stderr and "san" in done.stderr:
        pytest.skip("this compiler has no sanitizers")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", RUNS)
def test_random_calls_find_nothing(name: str, tmp_path: Path) -> None:
    runs, sources = RUNS[name]
    program = tmp_path / name
    build(program, name, *(LIBRARY / source for source in sources))
    done = subprocess.run([program, runs, "3"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{runs} runs")


def test_the_sanitizers_would_find_something(tmp_path: Path) -> None:
    """A frontend whose window reads one sample too many has to be caught, or the other test says nothing."""
    text = (LIBRARY / "frontend.c").read_text()
    broken = text.replace("n < FRONTEND_WINDOW / 2; ++n", "n <= FRONTEND_WINDOW / 2; ++n")
    assert broken != text
    source = tmp_path / "frontend.c"
    source.write_text(broken)
    program = tmp_path / "broken"
    build(program, "frontend", source, LIBRARY / "average_frontend.c")
    done = subprocess.run([program, "2000", "3"], capture_output=True, text=True)
    assert done.returncode != 0
    assert "AddressSanitizer" in done.stderr or "runtime error" in done.stderr
