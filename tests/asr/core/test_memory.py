"""Freed memory against the kernel's count of page faults."""

from __future__ import annotations

import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import numpy as np
from asr.core import memory
if sys.argv[1] == "kept" and not memory.keep_freed():
    print(-1)
    raise SystemExit
np.ones(4_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    np.ones(4_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_freed_memory_is_used_again_without_asking_the_kernel() -> None:
    kept = faults("kept")
    if kept < 0:
        pytest.skip("this C library has no mallopt")
    assert kept < faults("given back") / 10
