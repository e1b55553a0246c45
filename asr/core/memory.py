"""Keep freed memory in the process, for training steps that allocate the same arrays again and again."""

from __future__ import annotations

import ctypes

# Parameters of glibc's mallopt(3).
_TRIM_THRESHOLD = -1
_TOP_PAD = -2
_MMAP_MAX = -4

_MOST = 2**31 - 1  # bytes; the largest int
_PAD = 64 * 2**20  # bytes


def keep_freed() -> bool:
    """Make malloc keep freed memory instead of returning it to the system; return whether that worked.

    A training step allocates and frees arrays of megabytes. By default glibc maps each anew, and the kernel clears
    every page of it while the step waits (SPEED.md has the figures). Other C libraries have no mallopt.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    return all([mallopt(_MMAP_MAX, 0), mallopt(_TRIM_THRESHOLD, _MOST), mallopt(_TOP_PAD, _PAD)])
