"""How the C library keeps memory that a step of training frees and the next one asks for again."""

from __future__ import annotations

import ctypes

# Parameters of glibc's mallopt(3).
_TRIM_THRESHOLD = -1
_TOP_PAD = -2
_MMAP_MAX = -4

_MOST = 2**31 - 1  # bytes; what an int holds
_PAD = 64 * 2**20  # bytes


def keep_freed() -> bool:
    """Have freed memory kept by this process instead of given back to the system; tell whether that worked.

    A step of training allocates arrays of megabytes, and frees them. By default each of them is mapped anew, and
    every page of it fetched and cleared by the kernel, which a step waits for (SPEED.md has the figures). Other C
    libraries than glibc have no mallopt: there nothing changes.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    return all([mallopt(_MMAP_MAX, 0), mallopt(_TRIM_THRESHOLD, _MOST), mallopt(_TOP_PAD, _PAD)])
