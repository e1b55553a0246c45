"""Manners of worker processes: they leave Ctrl-C to the process that started them, and end when it ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading

from asr import memory


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
