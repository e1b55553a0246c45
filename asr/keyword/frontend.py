"""Features of the keyword network: firmware/lib/frontend.c, called from Python.

Training, evaluation and the board run the same C code.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.core.errors import SetupError
from asr.core.third_party import part

SAMPLE_RATE = 16000  # Hz
WINDOW = 480  # samples, 30 ms
STEP = 320  # samples, 20 ms
SLICES = 49  # of one second
CHANNELS = 40
AVERAGE_BUCKETS = 43
WIDTHS = {"micro": CHANNELS, "average": AVERAGE_BUCKETS}  # values of a slice, by recipe
PREPROCESS = tuple(WIDTHS)

Int16 = npt.NDArray[np.int16]
UInt16 = npt.NDArray[np.uint16]


# Room for either state of the C core: Frontend has 2,148 bytes, AverageFrontend 3,012.
_State = ctypes.c_uint32 * 1024


@lru_cache(maxsize=1)
def library() -> ctypes.CDLL:
    """Load the firmware's C core (firmware/lib) as set-up compiled it for this machine.

    Raises
    ------
    SetupError : it is missing, or not for this machine.
    """
    path = part("libkeyword.so")
    try:
        loaded = ctypes.CDLL(str(path))
    except OSError as error:
        raise SetupError(f"this library cannot be loaded: {error}", path=path, fix="Run `make setup`") from None
    loaded.frontend_fingerprint.restype = ctypes.c_uint32
    count, pointer = ctypes.c_size_t, ctypes.c_void_p
    for name in ("frontend", "average"):
        slices = getattr(loaded, f"{name}_slices")
        slices.argtypes, slices.restype = [pointer, count], count
    for name in ("frontend_process", "frontend_process_values", "average_process"):
        getattr(loaded, name).argtypes = [pointer, pointer, count, pointer, count, ctypes.POINTER(count)]
    return loaded


def fingerprint() -> int:
    """Return the mark of the frontend's settings and tables, which a model's C tables carry (FRONTEND_FINGERPRINT)."""
    return int(library().frontend_fingerprint())


class Frontend:
    """Features of a stream of sound: takes blocks of any length, returns the slices that are due.

    The slices do not depend on the blocks. An instance is for one thread at a time; several run in parallel, since the
    C code does not hold Python's lock.
    """

    _name, _width = "frontend", CHANNELS

    def __init__(self) -> None:
        self._state = _State()
        self.reset()

    def reset(self) -> None:
        """Forget all samples so far."""
        getattr(library(), f"{self._name}_reset")(self._state)

    def process(self, samples: Int16) -> npt.NDArray[Any]:
        """Take samples (int16 [n], 16 kHz) and return the slices that are due: int8 [slices, 40].

        -128 is silence; as real values (q + 128) * 26 / 256. The first slice takes 480 samples, each other one 320.

        Raises
        ------
        TypeError : the samples are not one row of int16.
        """
        return self._run("process", samples, np.int8)

    def values(self, samples: Int16) -> UInt16:
        """Like `process`, but return the microfrontend's own values: uint16 [slices, 40], up to 670."""
        return self._run("process_values", samples, np.uint16)

    def _run(self, call: str, samples: Int16, dtype: type[np.generic]) -> npt.NDArray[Any]:
        if samples.dtype != np.int16 or samples.ndim != 1:
            raise TypeError(f"one row of int16 is needed, not {samples.dtype} of shape {samples.shape}")
        due, process = (getattr(library(), f"{self._name}_{name}") for name in ("slices", call))
        samples, made = np.ascontiguousarray(samples), ctypes.c_size_t()
        slices = np.empty((due(self._state, samples.size), self._width), dtype)
        status = process(self._state, samples.ctypes.data, samples.size, slices.ctypes.data, len(slices), made)
        if status != 0 or made.value != len(slices):
            raise RuntimeError(f"the frontend failed with status {status} after {made.value} slices")
        return slices


class AverageFrontend(Frontend):
    """The recipe `average`: like Frontend, but with 43 mean powers a slice."""

    _name, _width = "average", AVERAGE_BUCKETS

    def process(self, samples: Int16) -> npt.NDArray[Any]:
        """Take samples (int16 [n], 16 kHz) and return the slices due: uint8 [slices, 43]; 255 is a power of 127.5."""
        return self._run("process", samples, np.uint8)


def features(samples: Int16, preprocess: str = "micro") -> npt.NDArray[Any]:
    """Return the slices of one recording by itself, 49 for a second.

    Parameters
    ----------
    samples : int16 [n] at 16 kHz.
    preprocess : "micro" gives int8 [slices, 40], "average" uint8 [slices, 43].

    Raises
    ------
    TypeError : the samples are not one row of int16.
    ValueError : there is no such recipe.
    """
    if preprocess == "micro":
        return Frontend().process(samples)
    if preprocess == "average":
        return AverageFrontend().process(samples)
    raise ValueError(f"no recipe is called {preprocess!r}; there are {' and '.join(PREPROCESS)}")
