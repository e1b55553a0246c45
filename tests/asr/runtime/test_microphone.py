"""The microphone over a sounddevice that is a stand-in."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import islice
from types import ModuleType, SimpleNamespace, TracebackType

import numpy as np
import pytest

from asr.runtime.faults import Backoff
from asr.runtime.microphone import list_microphones, microphone
from asr.runtime.sound import SoundError

Callback = Callable[[bytes, int, object, object], None]


class StandIn(ModuleType):
    """Gives three chunks as soon as it is opened, and says that the second came late."""

    PortAudioError = RuntimeError
    opened: tuple[object, ...] = ()
    rescans = 0
    default = SimpleNamespace(device=(2, 0))

    @staticmethod
    def _terminate() -> None:
        StandIn.rescans += 1

    @staticmethod
    def _initialize() -> None:
        pass

    @staticmethod
    def query_devices() -> list[dict[str, object]]:
        names = (("speaker", 0), ("USB microphone", 1), ("built-in", 2))
        return [{"name": name, "max_input_channels": count} for name, count in names]

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


def test_a_microphone_that_falls_silent_is_opened_again(monkeypatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", StandIn("sounddevice"))
    rescans = StandIn.rescans
    found = list(islice(microphone(16000, None, Backoff(0.01), patience=0.1), 8))
    assert [None if chunk is None else len(chunk) for chunk in found] == [320, 320, 320, 0, None, 320, 320, 320]
    assert StandIn.rescans == rescans + 1
    assert "the microphone is lost: no sound for 0.1 s; trying again in 0.01 s\n" in capsys.readouterr().err


def test_microphones_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", StandIn("sounddevice"))
    assert list(list_microphones()) == ["1  USB microphone", "2  built-in  (default)"]
    monkeypatch.setattr(StandIn, "query_devices", staticmethod(list))
    with pytest.raises(SoundError, match="there is no microphone"):
        list(list_microphones())
