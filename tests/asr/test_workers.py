"""Worker processes keep to one thread each."""

from __future__ import annotations

import numpy as np

from asr import workers


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
