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
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as written:
        os.dup2(written.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(kept, 2)
            written.seek(0)
            os.write(2, written.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
