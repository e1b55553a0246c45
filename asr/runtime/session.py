"""A client's stream: PCM in, messages out. docs/formats.md describes them as version 1 of the protocol."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .features import STEP_MS, mfcc
from .listener import Listener, Timing, Utterance
from .network import log_probabilities
from .output import as_record
from .passage import Passage
from .recogniser import Recogniser
from .resampler import Resampler
from .sound import RAW, to_int16

VERSION = 1
PIECE = 0.1  # s of sound between two messages of the same kind
_FEWEST = 0.05  # probability of a letter that is worth telling
_LETTERS = 3  # of a frame

Int16 = npt.NDArray[np.int16]
Float32 = npt.NDArray[np.float32]
Message = dict[str, Any]


class StartError(ValueError):
    """A first message that is none; the text is one line."""


@dataclass(frozen=True)
class Wishes:
    """What a client asks for besides partial and final results.

    Attributes
    ----------
    level : the level of the sound.
    letters : the letters' probabilities.
    history : keep its utterances for the page's history, where there is one.
    """

    level: bool = False
    letters: bool = False
    history: bool = False

    @classmethod
    def of(cls, message: object) -> Wishes:
        """Read the message `start`; StartError if it is none."""
        if not isinstance(message, dict) or message.get("type") != "start":
            raise StartError('text is {"type": "start"} or {"type": "stop"}; send sound in binary messages')
        wishes = {key: value for key, value in message.items() if key != "type"}
        unknown = sorted(set(wishes) - {"level", "letters", "history"})
        if unknown or not all(isinstance(value, bool) for value in wishes.values()):
            raise StartError("start has only level, letters and history, each true or false")
        return cls(**wishes)


@dataclass(frozen=True)
class Heard:
    """An utterance of a stream and its sound: int16 [n] at the network's rate."""

    utterance: Utterance
    samples: Int16


class Session:
    """Recognises a stream of 16-bit mono PCM at 16 kHz. Its memory does not grow.

    Parameters
    ----------
    wishes : what the client asks for.
    timing : how long to wait.
    """

    def __init__(self, recogniser: Recogniser, wishes: Wishes | None = None, timing: Timing | None = None) -> None:
        self.wishes = wishes or Wishes()
        self._recogniser = recogniser
        self._listener = Listener(recogniser, timing)
        self._rate = recogniser.network.sample_rate
        self._resampler = Resampler(RAW.rate, self._rate) if self._rate != RAW.rate else None
        self._half = b""  # of a sample
        self._heard = 0  # samples at 16 kHz
        self._told: tuple[Passage | None, int, str] = (None, 0, "")  # frames and text of a passage

    @property
    def seconds(self) -> float:
        """Sound heard so far, s."""
        return self._heard / RAW.rate

    def accept(self, data: bytes) -> Iterator[Message | Heard]:
        """Yield what there is to tell after some more bytes of PCM, of any number."""
        data = self._half + data
        whole = len(data) // 2 * 2
        self._half = data[whole:]
        samples = np.frombuffer(data[:whole], "<i2").astype(np.int16)
        size = round(PIECE * RAW.rate)
        for first in range(0, len(samples), size):
            yield from self._hear(samples[first : first + size])

    def finish(self) -> Iterator[Message | Heard]:
        """Yield the utterance that the stream's end cuts off, if there is one."""
        yield from self._found(self._listener.finish())

    def _hear(self, samples: Int16) -> Iterator[Message | Heard]:
        self._heard += len(samples)
        if self._resampler is not None:
            samples = to_int16(self._resampler.accept(samples.astype(np.float32) / np.float32(32768)))
        utterances = self._listener.accept(samples)
        yield from self._progress()
        yield from self._found(utterances)
        if self.wishes.level:
            level, floor = self._listener.levels
            yield {"type": "level", "time": round(self.seconds, 2), "level": round(level, 1), "floor": round(floor, 1)}

    def _found(self, utterances: list[Utterance]) -> Iterator[Message | Heard]:
        for utterance in utterances:
            samples = self._listener.sound(utterance.start, utterance.end)
            yield Heard(utterance, samples)
            if self.wishes.letters:  # to the last one: the network looks ahead, and the listener does not wait for that
                frames = log_probabilities(self._recogniser.network, mfcc(samples, self._rate))
                yield self._letters(frames, utterance.start)

    def _progress(self) -> Iterator[Message]:
        """Yield the letters and words that are new since the last time."""
        passage = self._listener.passage
        before, frames, text = self._told
        if passage is None:
            self._told = (None, 0, "")
            return
        if passage is not before:
            frames, text = 0, ""
        if self.wishes.letters and passage.length > frames:
            new = passage.frames(frames)
            start = passage.start / self._rate + (passage.length - len(new)) * STEP_MS / 1000
            yield self._letters(new, start)
        partial = self._listener.partial()
        if partial is not None and partial.text != text:
            text = partial.text
            yield {"type": "partial", "start": round(partial.start, 2), "text": text}
        self._told = (passage, passage.length, text)

    def _letters(self, frames: Float32, start: float) -> Message:
        labels, rows = self._recogniser.network.labels, []
        for frame in np.exp(frames):
            best = np.argsort(frame[:-1])[::-1][:_LETTERS]
            likely = [(labels[label], round(100 * float(frame[label]))) for label in best if frame[label] >= _FEWEST]
            rows.append([part for pair in likely for part in pair])
        return {"type": "letters", "start": round(start, 2), "step": STEP_MS / 1000, "frames": rows}


def final_message(recogniser: Recogniser, utterance: Utterance) -> Message:
    """Return the message `final` of an utterance."""
    verifier = recogniser.verifier
    threshold = None if verifier is None else round(verifier.threshold, 4)
    return {"type": "final", **as_record(utterance), "threshold": threshold}
