"""The WebSocket /ws/1: streams of PCM from several clients at once. docs/formats.md describes its messages.

A client is read, recognised and watched by three tasks; the first that ends closes the stream. Recognition runs in
threads, half a second of sound at a time, so that clients take turns.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from .listener import Timing
from .metrics import Metrics
from .recogniser import Recogniser
from .session import Heard, Message, Session, StartError, Wishes, final_message
from .sound import RAW

Keep = Callable[[Heard, Message], Message]  # puts an utterance into the history; returns what to add to its message

NORMAL, UNSUPPORTED, POLICY, TOO_BIG, FULL = 1000, 1003, 1008, 1009, 1013  # close codes (RFC 6455, section 7.4)
_TURN = 0.5  # s of sound that a client is heard before the next one
_LONGEST_TEXT = 1000  # characters
_STOP = {"type": "stop"}


@dataclass(frozen=True)
class Limits:
    """How much a client may ask for.

    Attributes
    ----------
    clients : streams at once.
    message : bytes of a binary message.
    messages : a second.
    waiting : s of sound that may wait for recognition.
    idle : s in which at least `least` s of sound have to come.
    unread : s that answers may wait for the client to read them.
    upload : bytes of a recording.
    uploads : recordings at once.
    """

    clients: int = 8
    message: int = 65536
    messages: int = 2000
    waiting: float = 10.0
    idle: float = 30.0
    least: float = 1.0
    unread: float = 10.0
    upload: int = 32 << 20
    uploads: int = 4


class _CloseError(Exception):
    """The stream is over, for a reason that the client is told."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Streams:
    """The streams of a server.

    Parameters
    ----------
    threads : in which recognition runs.
    keep : called for each utterance of a client that asked for the history; None: there is none.
    timing : how long to wait for more words.
    """

    def __init__(
        self,
        recogniser: Recogniser,
        limits: Limits,
        metrics: Metrics,
        threads: Executor,
        keep: Keep | None = None,
        timing: Timing | None = None,
    ) -> None:
        self.recogniser = recogniser
        self.timing = timing
        self.limits = limits
        self.metrics = metrics
        self.threads = threads
        self.keep = keep

    async def serve(self, socket: WebSocket) -> None:
        """Serve a client until either side closes the stream."""
        await socket.accept()
        if self.metrics.clients >= self.limits.clients:
            full = _CloseError(FULL, f"full: {self.limits.clients} clients are connected; try again later")
            await self._close(socket, full)
            return
        self.metrics.clients += 1
        try:
            await _Stream(self, socket).run()
        except _CloseError as end:
            await self._close(socket, end)
        finally:
            self.metrics.clients -= 1

    async def _close(self, socket: WebSocket, end: _CloseError) -> None:
        self.metrics.count_close(end.code)
        # The client may have gone by now.
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, OSError, asyncio.TimeoutError, TimeoutError):
            await asyncio.wait_for(socket.close(end.code, end.reason), self.limits.unread)


class _Stream:
    """One client."""

    def __init__(self, streams: Streams, socket: WebSocket) -> None:
        self._streams = streams
        self._socket = socket
        self._session = Session(streams.recogniser, timing=streams.timing)
        self._started = False
        self._stopped = False
        self._waiting = bytearray()
        self._since = 0.0  # when the oldest of what waits came
        self._received = 0  # bytes of sound
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Serve the client; _CloseError if the server ends the stream."""
        tasks = [asyncio.create_task(step()) for step in (self._read, self._work, self._watch)]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        errors = [error for task in done if not task.cancelled() and (error := task.exception()) is not None]
        # A client that has gone needs no reason, whatever else is wrong.
        if errors and not any(isinstance(error, WebSocketDisconnect) for error in errors):
            raise errors[0]

    async def _read(self) -> None:
        """Read messages until the client goes."""
        limits = self._streams.limits
        second, count = 0.0, 0
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect
            now = time.monotonic()
            second, count = (now, 0) if now - second >= 1 else (second, count + 1)
            if count > limits.messages:
                raise _CloseError(POLICY, f"more than {limits.messages} messages a second; send 20 ms or more in each")
            if self._stopped:
                continue
            data: bytes | None = message.get("bytes")
            if data is None:
                self._take_text(str(message.get("text", "")))
            else:
                self._take_sound(data)

    def _take_text(self, text: str) -> None:
        try:
            found: Any = json.loads(text) if len(text) <= _LONGEST_TEXT else None
        except (ValueError, RecursionError):
            found = None
        if found == _STOP:
            self._stopped = True
            self._news.set()
            return
        try:
            wishes = Wishes.of(found)
        except StartError as error:
            raise _CloseError(UNSUPPORTED, str(error)) from None
        if self._started:
            raise _CloseError(UNSUPPORTED, "start has to be the first message")
        self._started = True
        self._session.wishes = wishes

    def _take_sound(self, data: bytes) -> None:
        limits = self._streams.limits
        if len(data) > limits.message:
            raise _CloseError(TOO_BIG, f"a message has at most {limits.message} bytes")
        if len(self._waiting) + len(data) > limits.waiting * RAW.rate * RAW.width:
            raise _CloseError(POLICY, f"more than {limits.waiting:g} s of sound wait; send it at the pace it is spoken")
        if not self._waiting:
            self._since = time.monotonic()
        self._started = True
        self._waiting += data
        self._received += len(data)
        self._news.set()

    async def _work(self) -> None:
        """Recognise what has come, and tell the client."""
        loop, turn = asyncio.get_running_loop(), round(_TURN * RAW.rate) * RAW.width
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                data, since, before = bytes(self._waiting[:turn]), self._since, self._session.seconds
                del self._waiting[:turn]
                found = await loop.run_in_executor(self._streams.threads, self._hear, data)
                self._streams.metrics.seconds += self._session.seconds - before
                await self._tell(found, since)
            if self._stopped:
                last = await loop.run_in_executor(self._streams.threads, self._finish)
                await self._tell(last, time.monotonic())
                raise _CloseError(NORMAL, "stopped")

    def _hear(self, data: bytes) -> list[Message | Heard]:
        return list(self._session.accept(data))

    def _finish(self) -> list[Message | Heard]:
        return list(self._session.finish())

    async def _tell(self, found: list[Message | Heard], since: float) -> None:
        streams = self._streams
        for one in found:
            message = one if isinstance(one, dict) else self._final(one)
            sending = self._socket.send_text(json.dumps(message, ensure_ascii=False))
            try:
                await asyncio.wait_for(sending, streams.limits.unread)
            except (asyncio.TimeoutError, TimeoutError):
                raise _CloseError(POLICY, "the answers are not read") from None
            if isinstance(one, Heard):
                streams.metrics.count_answer(time.monotonic() - since)

    def _final(self, heard: Heard) -> Message:
        streams = self._streams
        message = final_message(streams.recogniser, heard.utterance)
        streams.metrics.count_utterance(heard.utterance.recognition.accepted)
        if streams.keep is not None and self._session.wishes.history:
            message |= streams.keep(heard, message)
        return message

    async def _watch(self) -> None:
        """Close the stream of a client that sends hardly any sound."""
        limits = self._streams.limits
        while True:
            before = self._received
            await asyncio.sleep(limits.idle)
            if self._received - before < limits.least * RAW.rate * RAW.width and not self._stopped:
                raise _CloseError(POLICY, f"idle: less than {limits.least:g} s of sound in {limits.idle:g} s")
