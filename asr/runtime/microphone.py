"""Sound from a microphone through sounddevice (PortAudio), the wheel's extra `microphone`."""

from __future__ import annotations

import queue
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from .sound import CHUNK, SoundError

_MOST_WAITING = 500  # chunks, 10 s; what comes after is lost


def microphone(rate: int, device: str | None = None) -> Iterator[npt.NDArray[np.int16]]:
    """Yield the sound of a microphone, int16 [n] at `rate` Hz, 20 ms at a time, until it is closed.

    Parameters
    ----------
    device : part of its name, or its number; the system's own by default.

    Raises
    ------
    SoundError : sounddevice is not installed, or there is no microphone.
    """
    try:
        import sounddevice
    except ImportError:
        raise SoundError("sounddevice is not installed; run: pip install 'asr-runtime[microphone]'") from None
    except OSError as error:
        raise SoundError(f"{error}; install PortAudio (Debian: libportaudio2)") from None
    chunks: queue.Queue[bytes] = queue.Queue(_MOST_WAITING)

    def take(data: Any, frames: int, time: Any, status: Any) -> None:
        try:
            chunks.put_nowait(bytes(data))
        except queue.Full:
            status = "the computer is too slow"
        if status:
            print(f"sound was lost: {status}", file=sys.stderr)

    name: Any = int(device) if device and device.isdigit() else device
    size = round(CHUNK * rate)
    try:
        stream = sounddevice.RawInputStream(rate, size, name, 1, "int16", callback=take)
        with stream:
            while True:
                yield np.frombuffer(chunks.get(), np.int16)
    except (sounddevice.PortAudioError, ValueError) as error:
        raise SoundError(f"the microphone cannot be opened: {error}") from None
