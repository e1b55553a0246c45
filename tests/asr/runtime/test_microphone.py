"""The microphone over a sounddevice that is a stand-in."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import islice
from types import ModuleType, TracebackType

import numpy as np
import pytest

from asr.runtime.microphone import microphone
from asr.runtime.sound import SoundError

Callback = Callable[[bytes, int, object, object], None]


class StandIn(ModuleType):
    """Gives three chunks as soon as it is opened, and says that the second came late."""

    PortAudioError = RuntimeError
    opened: tuple[object, ...] = ()

    class RawInputStream:
        def __init__(self, rate: int, size: int, name: object, channels: int, kind: str, callback: Callback) -> None:
            StandIn.opened = (rate, size, name, channels, kind)
            if name == "none":
                raise ValueError("No input device matching 'none'")
            self._callback = callback

        def __enter__(self) -> None:
            for number, status in enumerate(("", "input overflow", "")):
                self._callback(np.full(320, number, np.int16).tobytes(), 320, None, status)

        def __exit__(self, kind: type | None, error: Exception | None, trace: TracebackType | None) -> None:
            pass


def test_chunks_come_as_they_are_recorded(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", StandIn("sounddevice"))
    chunks = list(islice(microphone(16000, "2"), 3))
    assert [(chunk.dtype, len(chunk), chunk[0]) for chunk in chunks] == [(np.int16, 320, n) for n in range(3)]
    assert StandIn.opened == (16000, 320, 2, 1, "int16")
    assert capsys.readouterr().err == "sound was lost: input overflow\n"
    with pytest.raises(SoundError, match="the microphone cannot be opened: No input device matching 'none'"):
        next(microphone(16000, "none"))


def test_without_sounddevice_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(SoundError, match=r"pip install 'asr-runtime\[microphone\]'"):
        next(microphone(16000))
