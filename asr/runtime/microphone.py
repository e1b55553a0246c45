"""Sound from a microphone through sounddevice (PortAudio), the wheel's extra `microphone`."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from .faults import Backoff, report
from .sound import CHUNK, SoundError

PATIENCE = 5.0  # s without sound, after which a microphone is lost
_MOST_WAITING = 500  # chunks, 10 s; what comes after is lost
_TICK = 1.0  # s

Int16 = npt.NDArray[np.int16]


def microphone(
    rate: int, device: str | None = None, backoff: Backoff | None = None, patience: float = PATIENCE
) -> Iterator[Int16 | None]:
    """Yield the sound of a microphone, int16 [n] at `rate` Hz, 20 ms at a time, until it is closed.

    A microphone that gives no more sound is opened again, with growing pauses. None stands for the sound that is
    missing; an empty array comes about every second while there is none.

    Parameters
    ----------
    device : part of its name, or its number; the system's own by default.
    patience : s without sound, after which it is lost.

    Raises
    ------
    SoundError : sounddevice is not installed, or there is no microphone at the beginning.
    """
    sounddevice = _sounddevice()
    backoff = backoff or Backoff()
    name: Any = int(device) if device and device.isdigit() else device
    opened = False
    while True:
        try:
            for samples in _open(sounddevice, rate, name, patience):
                opened = True
                if len(samples):
                    backoff.reset()
                yield samples
            reason = f"no sound for {patience:g} s"
        except (sounddevice.PortAudioError, ValueError) as error:
            if not opened:
                raise SoundError(
                    f"the microphone cannot be opened: {error}. List them with: asr-runtime listen --devices"
                ) from None
            reason = str(error)
        yield None
        backoff.wait(threading.Event(), f"the microphone is lost: {reason}")
        # PortAudio lists the devices once; one that is plugged in again has to be found.
        with contextlib.suppress(sounddevice.PortAudioError):
            sounddevice._terminate()
            sounddevice._initialize()


def list_microphones() -> Iterator[str]:
    """Yield a line for each microphone: its number, its name, and whether it is the default; SoundError: none."""
    sounddevice = _sounddevice()
    try:
        devices, default = sounddevice.query_devices(), sounddevice.default.device[0]
    except sounddevice.PortAudioError as error:
        raise SoundError(f"the microphones cannot be listed: {error}") from None
    found = False
    for number, device in enumerate(devices):
        if device["max_input_channels"] > 0:
            found = True
            yield f"{number}  {device['name']}{'  (default)' if number == default else ''}"
    if not found:
        raise SoundError("there is no microphone. Plug one in, or let this user have it (Debian: group audio)")


def _open(sounddevice: Any, rate: int, name: Any, patience: float) -> Iterator[Int16]:
    """Yield the sound of a microphone until it gives none."""
    chunks: queue.Queue[bytes] = queue.Queue(_MOST_WAITING)

    def take(data: Any, frames: int, time: Any, status: Any) -> None:
        try:
            chunks.put_nowait(bytes(data))
        except queue.Full:
            status = "the computer is too slow"
        if status:
            report(f"sound was lost: {status}")

    with sounddevice.RawInputStream(rate, round(CHUNK * rate), name, 1, "int16", callback=take):
        last = time.monotonic()
        while time.monotonic() - last < patience:
            try:
                yield np.frombuffer(chunks.get(timeout=min(_TICK, patience)), np.int16)
            except queue.Empty:
                yield np.zeros(0, np.int16)
            else:
                last = time.monotonic()


def _sounddevice() -> Any:
    try:
        import sounddevice
    except ImportError:
        raise SoundError("sounddevice is not installed; run: pip install 'asr-runtime[microphone]'") from None
    except OSError as error:
        raise SoundError(f"{error}; install PortAudio (Debian: libportaudio2)") from None
    return sounddevice
