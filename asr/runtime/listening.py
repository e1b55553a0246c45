"""A listener at work: sound from a source, lines of JSON for what is heard, and an action for each command."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

from .actions import Actions
from .listener import Listener, Timing, Utterance
from .output import as_record, partial_record
from .recogniser import Recogniser, Word
from .service import Watchdog
from .sources import Chunks, Int16


@dataclass(frozen=True)
class Shown:
    """What is printed beside accepted commands.

    Attributes
    ----------
    partial : the sentence so far, while it is said.
    refused : utterances that are no command.
    """

    partial: bool = False
    refused: bool = False


def listening(
    recogniser: Recogniser,
    chunks: Chunks,
    actions: Actions,
    shown: Shown,
    watchdog: Watchdog,
    timing: Timing | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield a record for each line to print; actions get the accepted commands first."""
    session = _Session(recogniser, timing)
    before: dict[str, Any] | None = None
    for chunk in chunks:
        watchdog.alive()
        for record in session.end() if chunk is None else session.accept(chunk):
            before = None
            if record["accepted"]:
                actions.take(record)
            if record["accepted"] or shown.refused:
                yield record
        if shown.partial and (found := session.partial()) and found["text"] and found != before:
            before = found
            yield found
    for record in session.end():
        if record["accepted"]:
            actions.take(record)
        if record["accepted"] or shown.refused:
            yield record


class _Session:
    """A listener whose stream may break off and go on."""

    def __init__(self, recogniser: Recogniser, timing: Timing | None) -> None:
        self._recogniser = recogniser
        self._timing = timing
        self._rate = recogniser.network.sample_rate
        self._listener = Listener(recogniser, timing)
        self._before = 0  # samples until the stream last went on
        self._heard = 0  # samples since then

    def accept(self, chunk: Int16) -> list[dict[str, Any]]:
        began = time.monotonic()
        self._heard += len(chunk)
        return self._records(self._listener.accept(chunk), began)

    def end(self) -> list[dict[str, Any]]:
        """End the stream; what comes next is a new one."""
        began = time.monotonic()
        found = self._records(self._listener.finish(), began)
        self._before += self._heard
        self._heard = 0
        self._listener = Listener(self._recogniser, self._timing)
        return found

    def partial(self) -> dict[str, Any] | None:
        found = self._listener.partial()
        if found is None:
            return None
        return partial_record(replace(found, start=found.start + self._before / self._rate))

    def _records(self, found: list[Utterance], began: float) -> list[dict[str, Any]]:
        return [self._record(utterance, began) for utterance in found]

    def _record(self, utterance: Utterance, began: float) -> dict[str, Any]:
        words = utterance.recognition.words
        # Sound after the last word is what the listener has waited for.
        spoken = words[-1].end if words else utterance.end
        latency = self._heard / self._rate - spoken + time.monotonic() - began
        first = self._before / self._rate
        moved = tuple(Word(word.text, word.start + first, word.end + first) for word in words)
        utterance = Utterance(
            utterance.start + first, utterance.end + first, replace(utterance.recognition, words=moved)
        )
        said = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        return {"final": True, "time": said} | as_record(utterance) | {"latency": round(latency, 3)}
