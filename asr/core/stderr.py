"""What libraries write to stderr by themselves, kept from a person's screen."""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from asr.core import memory


def load_tensorflow() -> None:
    """Import TensorFlow and Keras without what their C++ parts write meanwhile.

    TensorFlow tells on loading, below any level it can be asked for, that it uses oneDNN and that logging is not set
    up. What it wrote is shown where loading fails.
    """
    if "tensorflow" in sys.modules:
        return
    # 2: warnings and less. TensorFlow logs every error that Python raises as well, and nobody can act on the others.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    memory.keep_freed()
    with captured_stderr():
        import keras  # noqa: F401
        import tensorflow  # noqa: F401
    # A NumPy array's constructor asks Keras's variables for a keyword that they do not take; nothing is lost by it.
    warnings.filterwarnings("ignore", message=".*__array__ implementation doesn't accept a copy keyword.*")


@contextmanager
def captured_stderr() -> Iterator[None]:
    """Hold back what is written to file descriptor 2 in the block; write it out where the block raises."""
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
