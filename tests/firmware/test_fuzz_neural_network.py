"""Random networks, sound and spoilt, find nothing in the runner that the sanitizers would report."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.firmware_host import LIB

FUZZER = LIB.parent / "test" / "fuzz_neural_network.c"
RUNS = 20_000

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc to compile the firmware with")


def fuzz(folder: Path, fast: int) -> dict[str, int]:
    """Compile the fuzzer with sanitizers, run it, and return what it printed."""
    program = folder / f"fuzz{fast}"
    command = [
        "gcc", "-std=c99", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined",
        "-fno-sanitize-recover=all", f"-DNEURAL_NETWORK_FAST={fast}", f"-I{LIB}", FUZZER,
        *sorted(LIB.glob("neural_network*.c")), "-o", program,
    ]  # fmt: skip
    subprocess.run([str(word) for word in command], check=True)
    done = subprocess.run([program, str(RUNS), "7"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    return {name: int(number) for name, number in re.findall(r"^(\w+) (\d+)$", done.stdout, re.MULTILINE)}


def test_random_networks_run_alike_plain_and_fast_or_are_refused(tmp_path: Path) -> None:
    plain, fast = fuzz(tmp_path, 0), fuzz(tmp_path, 1)
    assert plain == fast
    # Both kinds of network were among them.
    assert plain["ran"] + plain["refused"] == RUNS
    assert min(plain.values()) > RUNS / 20
