"""Worker processes keep to one thread each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from asr.core import workers


def threads_of_a_product() -> int:
    """Return how many threads this process has after a product that OpenBLAS would share out."""
    square = np.ones((600, 600))
    assert (square @ square)[0, 0] == 600
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("Threads:"))


def quietly() -> None:
    """An initializer that starts no thread of its own."""


def test_a_worker_multiplies_with_one_thread() -> None:
    with workers.pool(1, quietly) as pool:
        # Beside the one that works, the process holds none.
        assert pool.submit(threads_of_a_product).result() == 1


def test_a_script_without_the_guard_is_told_what_to_write(tmp_path: Path) -> None:
    script = tmp_path / "mine.py"
    script.write_text(
        "from asr.core import workers\nwith workers.pool(1) as pool:\n    print(pool.submit(abs, -3).result())\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert 'call this below `if __name__ == "__main__":`' in done.stderr and str(script) in done.stderr
    assert "bootstrapping phase" not in done.stderr


def test_a_script_with_the_guard_is_not_disturbed(tmp_path: Path) -> None:
    script = tmp_path / "mine.py"
    script.write_text(
        "from asr.core import workers\nif __name__ == '__main__':\n"
        "    with workers.pool(1) as pool:\n        print(pool.submit(abs, -3).result())\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "3\n"), done.stderr
