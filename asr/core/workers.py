"""Manners of worker processes: they leave Ctrl-C to the process that started them, and end when it ends."""

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
    """Return a pool of `count` processes, each of one thread.

    They are spawned, not forked: TensorFlow's threads do not survive a fork.

    Parameters
    ----------
    initializer : called first in each process; it has to call `start`, which is called where there is none.
    """
    # A spawned process imports the script that started it; one that would start processes by that ends here, with words
    # that say what to do, where Python would print a page and the script report a process that died.
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        script = getattr(sys.modules.get("__mp_main__"), "__file__", None) or sys.argv[0]
        print(
            f'error: {script} starts processes when it is imported: call this below `if __name__ == "__main__":`',
            file=sys.stderr,
            flush=True,
        )
        os._exit(2)
    # Processes keep the cores busy; a thread that OpenBLAS puts beside each of them waits for work by spinning, and
    # took half a core. It reads this when it is loaded, before any initializer runs.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    return ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), initializer or start, initargs)


def start() -> None:
    """Call first in each worker process.

    A worker that waits for work does not notice that nobody is left to send any: it holds both ends of the pipe
    it reads from. So where the first process was killed outright, its workers would stay for ever.
    """
    # Ctrl-C reaches every process of a terminal; the one that started these ends them, and says so once.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    memory.keep_freed()
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)
