"""The utterances of the last hour with their sound, in memory only."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.runtime.session import Heard, Message

KEPT = 3600.0  # s
MOST_BYTES = 64 << 20  # of sound


@dataclass
class Entry:
    """An utterance.

    Attributes
    ----------
    number : by which the page names it.
    time : when it ended, s since 1970.
    sentence : the best sentence, accepted or not; "" where there is none.
    message : what the client was told.
    samples : int16 [n] at the network's rate.
    filed : the sentence that it was filed with; "" for other speech, None where it is not filed.
    """

    number: int
    time: float
    sentence: str
    message: Message
    samples: npt.NDArray[np.int16]
    filed: str | None = None

    def record(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {**self.message, "id": self.number, "time": self.time, "sentence": self.sentence, "filed": self.filed}


class History:
    """Keeps utterances for an hour, and no more than `most` bytes of sound.

    Parameters
    ----------
    clock : returns s since 1970.
    """

    def __init__(self, most: int = MOST_BYTES, clock: Callable[[], float] = time.time) -> None:
        self._most = most
        self._clock = clock
        self._entries: OrderedDict[int, Entry] = OrderedDict()
        self._bytes = 0
        self._next = 1

    def add(self, heard: Heard, message: Message) -> Message:
        """Keep an utterance, and return what to add to its message."""
        entry = Entry(self._next, self._clock(), heard.utterance.recognition.text, message, heard.samples)
        self._next += 1
        self._entries[entry.number] = entry
        self._bytes += entry.samples.nbytes
        self._forget()
        return {"id": entry.number, "time": entry.time, "sentence": entry.sentence, "filed": None}

    def entries(self) -> list[Entry]:
        """Return the utterances, the oldest first."""
        self._forget()
        return list(self._entries.values())

    def find(self, number: int) -> Entry | None:
        """Return an utterance; None if it is not known any more."""
        self._forget()
        return self._entries.get(number)

    def _forget(self) -> None:
        while self._entries:
            oldest = next(iter(self._entries.values()))
            if oldest.time >= self._clock() - KEPT and self._bytes <= self._most:
                return
            self._bytes -= oldest.samples.nbytes
            del self._entries[oldest.number]
