"""Worker processes that ignore Ctrl-C and end with the process that started them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from asr.core import memory


def pool(
    count: int, initializer: Callable[..., None] | None = None, initargs: tuple[Any, ...] = ()
) -> ProcessPoolExecutor:
    """Return a pool of `count` single-threaded processes.

    They are spawned, because TensorFlow's threads do not survive a fork.

    Parameters
    ----------
    initializer : called first in each process instead of `start`, which it has to call.
    """
    # A spawned process imports the main script. One that starts processes on import ends here with a clear message,
    # where Python would print a long traceback.
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        script = getattr(sys.modules.get("__mp_main__"), "__file__", None) or sys.argv[0]
        print(
            f'error: {script} starts processes when it is imported: call this below `if __name__ == "__main__":`',
            file=sys.stderr,
            flush=True,
        )
        os._exit(2)
    # OpenBLAS threads beside the processes would spin while idle, half a core each. OpenBLAS reads this when it is
    # loaded, before any initializer runs.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    return ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), initializer or start, initargs)


def start() -> None:
    """Call first in each worker process.

    A waiting worker does not notice that its parent was killed, because it holds both ends of the pipe that it reads.
    A thread watches the parent instead.
    """
    # Ctrl-C reaches every process of a terminal; only the parent handles it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    memory.keep_freed()
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)
