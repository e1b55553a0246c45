"""Keep the output of C and C++ libraries off the user's terminal."""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from asr.core import memory


def load_tensorflow() -> None:
    """Import TensorFlow and Keras without the messages of their C++ parts.

    Whatever log level is set, TensorFlow reports on loading that it uses oneDNN and that logging is not initialised.
    The messages are shown if loading fails.
    """
    if "tensorflow" in sys.modules:
        return
    # 2: no warnings. Errors that matter are raised in Python as well.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    memory.keep_freed()
    with captured_stderr():
        import keras  # noqa: F401
        import tensorflow  # noqa: F401
    # NumPy passes Keras variables an argument that they do not accept, which is harmless.
    warnings.filterwarnings("ignore", message=".*__array__ implementation doesn't accept a copy keyword.*")


@contextmanager
def captured_stderr() -> Iterator[None]:
    """Withhold what the block writes to file descriptor 2; show it if the block raises."""
    with tempfile.TemporaryFile() as written:
        try:
            with redirected_stderr(written.fileno()):
                yield
        except BaseException:
            written.seek(0)
            os.write(2, written.read())
            raise


@contextmanager
def redirected_stderr(target: int) -> Iterator[bool]:
    """Redirect file descriptor 2 to `target` during the block; yield whether the process has a standard error."""
    if sys.stderr is not None:
        sys.stderr.flush()
    try:
        saved = os.dup(2)
    except OSError:
        saved = -1
    os.dup2(target, 2)
    try:
        yield saved >= 0
    finally:
        if sys.stderr is not None:
            sys.stderr.flush()
        if saved < 0:
            os.close(2)
        else:
            os.dup2(saved, 2)
            os.close(saved)
