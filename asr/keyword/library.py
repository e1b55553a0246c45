"""The firmware's C core (firmware/lib), compiled for this machine by set-up and loaded here."""

from __future__ import annotations

import ctypes
from functools import lru_cache

from asr.core.errors import SetupError
from asr.core.third_party import part


@lru_cache(maxsize=1)
def library() -> ctypes.CDLL:
    """Load the library; callers declare the functions that they use.

    Raises
    ------
    SetupError : it is missing, or not for this machine.
    """
    path = part("libkeyword.so")
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise SetupError(f"this library cannot be loaded: {error}", path=path, fix="Run `make setup`") from None
