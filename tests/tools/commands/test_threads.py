"""OpenBLAS has one thread in every command, unless the user names a number."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

# The number of threads that OpenBLAS has started beside Python's own.
COUNT = """
import sys
import tools.commands
assert "numpy" not in sys.modules
import numpy, pathlib
numpy.ones((400, 400)) @ numpy.ones((400, 400))
print(len(list(pathlib.Path("/proc/self/task").iterdir())))
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self/task") or os.cpu_count() == 1, reason="needs Linux and two cores")
@pytest.mark.parametrize(("given", "expected"), [(None, 1), ("2", 2)])
def test_openblas_has_one_thread_unless_told_otherwise(given: str | None, expected: int) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    environment |= {"OPENBLAS_NUM_THREADS": given} if given else {}
    done = subprocess.run([sys.executable, "-c", COUNT], env=environment, capture_output=True, text=True, check=True)
    assert int(done.stdout) == expected
