"""A server of the Wyoming protocol, for Home Assistant: sound in, a transcript out; text in, an intent out.

    transcribe, audio-start, audio-chunk..., audio-stop  ->  transcript-start, transcript-chunk..., transcript,
                                                             transcript-stop
    transcript or recognize (text)                       ->  intent or not-recognized
    run-pipeline to the stage intent, then sound         ->  the transcript's events, then intent or not-recognized
    describe, ping                                       ->  info, pong

What is refused is in no chunk and no transcript: a chunk is an accepted utterance. Needs the wheel's extra `wyoming`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from wyoming.asr import Transcript, TranscriptChunk, TranscriptStart, TranscriptStop
from wyoming.audio import AudioChunk, AudioStart
from wyoming.error import Error
from wyoming.event import Event, Eventable, async_write_event
from wyoming.info import AsrModel, AsrProgram, Attribution, Info, IntentModel, IntentProgram
from wyoming.intent import Entity, Intent, IntentsStart, IntentsStop, NotRecognized, Recognize
from wyoming.ping import Ping, Pong
from wyoming.pipeline import RunPipeline

from .grammar import Meaning
from .listener import Timing, Utterance
from .parser import Parser
from .recogniser import Recogniser
from .recording import Recording
from .sound import Converter, Form, SoundError, checked
from .wyoming_events import LONGEST_LINE, ProtocolError, read_event

DEFAULT_URI = "tcp://127.0.0.1:10300"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_HOME = Attribution("asr-harness", "")
_Read = TypeVar("_Read")
_FAREWELL = 2.0  # s to tell a client why it is closed


@dataclass(frozen=True)
class Limits:
    """What clients may do.

    Attributes
    ----------
    clients : connections at a time; another one is told that the server is full.
    idle : s without an event, after which a connection is closed.
    patience : s that an event may take from its first to its last byte, and an answer to be read.
    longest : s of sound between audio-start and audio-stop.
    """

    clients: int = 8
    idle: float = 300.0
    patience: float = 20.0
    longest: float = 600.0


class Server:
    """Serves one device folder.

    Parameters
    ----------
    recogniser : of the folder.
    name : of the model, as clients show it.
    language : of the sentences, as clients ask for it: "en".
    timing : how long to wait for more words.
    """

    def __init__(
        self,
        recogniser: Recogniser,
        name: str,
        language: str = "en",
        limits: Limits | None = None,
        timing: Timing | None = None,
    ) -> None:
        self.recogniser = recogniser
        self.timing = timing
        self.parser = Parser(recogniser.grammar)
        self.limits = limits or Limits()
        self.info = _info(name, language).event()
        self.language = language
        self._sessions: set[asyncio.Task[None]] = set()
        # More threads than cores only wait for one another, and each keeps memory of its own.
        self._workers = ThreadPoolExecutor(os.cpu_count() or 1, "recogniser")
        self._leaving = 0  # connections that are being told why they are closed
        self._listening: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Open the port and return its number; 0 stands for any free one."""
        self._listening = await asyncio.start_server(self._accept, host, port, limit=LONGEST_LINE)
        found: int = self._listening.sockets[0].getsockname()[1]
        return found

    async def work(self, task: Callable[[], _Read]) -> _Read:
        """Return what a long task returns, without making other clients wait for it."""
        return await asyncio.get_running_loop().run_in_executor(self._workers, task)

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._listening is not None:
            self._listening.close()
        for task in self._sessions:
            task.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)
        self._workers.shutdown()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        full = len(self._sessions) >= self.limits.clients
        if not full:
            self._sessions.add(task)
        try:
            if full:
                raise ProtocolError("full", f"{self.limits.clients} clients are connected, and no more are allowed")
            await _Session(self, reader, writer).run()
        except ProtocolError as error:
            self._sessions.discard(task)
            await self._dismiss(error, reader, writer)
        except (OSError, asyncio.TimeoutError, asyncio.CancelledError):
            pass
        finally:
            self._sessions.discard(task)
            writer.close()

    async def _dismiss(self, error: ProtocolError, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Tell a client why it is closed, if it listens."""
        if self._leaving >= self.limits.clients:
            return
        self._leaving += 1
        try:
            await asyncio.wait_for(_say_goodbye(error, reader, writer), _FAREWELL)
        except (OSError, asyncio.TimeoutError, asyncio.CancelledError):
            pass
        finally:
            self._leaving -= 1


async def _say_goodbye(error: ProtocolError, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await async_write_event(Error(str(error), error.code).event(), writer)
    writer.write_eof()
    # A connection that is closed with bytes unread is reset, and the client never sees the reason.
    while await reader.read(LONGEST_LINE):
        pass


class _Session:
    """One connection."""

    def __init__(self, server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._sound: _Sound | None = None
        self._wants_intent = False
        self._handlers: dict[str, Callable[[Event], Awaitable[None]]] = {
            "describe": self._describe,
            "ping": self._ping,
            "run-pipeline": self._run_pipeline,
            "audio-start": self._audio_start,
            "audio-chunk": self._audio_chunk,
            "audio-stop": self._audio_stop,
            "transcript": self._text,
            "recognize": self._text,
        }

    async def run(self) -> None:
        """Answer events until the client hangs up; ProtocolError if it sends what it must not."""
        limits = self._server.limits
        while (event := await read_event(self._reader, limits.idle, limits.patience)) is not None:
            handler = self._handlers.get(event.type)
            if handler is not None:  # the protocol wants unknown events to be dropped
                await handler(event)

    async def _send(self, *answers: Eventable) -> None:
        for answer in answers:
            await self._send_event(answer.event())

    async def _send_event(self, event: Event) -> None:
        await asyncio.wait_for(async_write_event(event, self._writer), self._server.limits.patience)

    async def _describe(self, event: Event) -> None:
        await self._send_event(self._server.info)

    async def _ping(self, event: Event) -> None:
        await self._send(Pong(_read(Ping.from_event, event).text))

    async def _run_pipeline(self, event: Event) -> None:
        self._wants_intent = _read(RunPipeline.from_event, event).end_stage.value in ("intent", "handle", "tts")

    async def _audio_start(self, event: Event) -> None:
        start = _read(AudioStart.from_event, event)
        self._sound = _Sound(self._server, _form(start.rate, start.width, start.channels))
        await self._send(TranscriptStart(language=self._server.language))

    async def _audio_chunk(self, event: Event) -> None:
        chunk = _read(AudioChunk.from_event, event)
        sound = self._opened(event)
        if sound.form != _form(chunk.rate, chunk.width, chunk.channels):
            raise ProtocolError("garbage", "audio-chunk has another format than audio-start")
        if sound.recording.seconds > self._server.limits.longest:
            raise ProtocolError("too-long", f"more than {self._server.limits.longest:g} s of sound in one utterance")
        await self._send_chunks(sound, await self._server.work(lambda: sound.accept(chunk.audio)))

    async def _audio_stop(self, event: Event) -> None:
        sound, self._sound = self._opened(event), None
        await self._send_chunks(sound, await self._server.work(sound.finish))
        text = " ".join(found.text for found in sound.commands)
        await self._send(Transcript(text, language=self._server.language), TranscriptStop())
        if self._wants_intent:
            await self._send(*_intents(sound.commands))

    def _opened(self, event: Event) -> _Sound:
        if self._sound is None:
            raise ProtocolError("garbage", f"{event.type} without audio-start")
        return self._sound

    async def _send_chunks(self, sound: _Sound, found: list[Utterance]) -> None:
        for utterance in found:
            said = utterance.recognition
            if said.accepted and said.text:
                await self._send(TranscriptChunk(f" {said.text}" if sound.commands else said.text))
                sound.commands.append(Meaning(said.text, said.intent, said.slots))

    async def _text(self, event: Event) -> None:
        asked = _read(Recognize.from_event, event)
        if not isinstance(asked.text, str) or not isinstance(asked.context, dict | None):
            raise ProtocolError("garbage", f"{event.type} has no text")
        meaning = self._server.parser.parse(asked.text)
        if meaning is None:
            await self._send(NotRecognized("This is not one of the sentences.", asked.context))
        else:
            await self._send(_intent(meaning, asked.context))


class _Sound:
    """The sound between audio-start and audio-stop, and the commands in it so far."""

    def __init__(self, server: Server, form: Form) -> None:
        self.form = form
        self.recording = Recording(server.recogniser, server.timing)
        self.commands: list[Meaning] = []
        self._converter = Converter(form, server.recogniser.network.sample_rate)

    def accept(self, samples: bytes) -> list[Utterance]:
        return self.recording.accept(self._converter.accept(samples))

    def finish(self) -> list[Utterance]:
        return self.recording.accept(self._converter.finish()) + self.recording.finish()


def _read(reader: Callable[[Event], _Read], event: Event) -> _Read:
    """Return what an event says."""
    try:
        return reader(event)
    except (KeyError, TypeError, ValueError):
        raise ProtocolError("garbage", f"{event.type} lacks something, or holds something else") from None


def _form(rate: int, width: int, channels: int) -> Form:
    """Return the form of some samples: unsigned bytes, or signed integers of 2 to 4 bytes."""
    if not all(isinstance(number, int) for number in (rate, width, channels)) or width not in (1, 2, 3, 4):
        raise ProtocolError("garbage", "rate, width or channels is no number of Hz, bytes or channels")
    try:
        return checked(Form(rate, channels, 8 * width))
    except SoundError as error:
        raise ProtocolError("garbage", str(error)) from None


def _intent(meaning: Meaning, context: dict[str, Any] | None = None) -> Eventable:
    if not meaning.intent:
        return NotRecognized(f"{meaning.text!r} has no intent: write [Intent] above it in sentences.txt.", context)
    return Intent(meaning.intent, [Entity(*slot) for slot in meaning.slots.items()], context=context)


def _intents(commands: list[Meaning]) -> list[Eventable]:
    if not commands:
        return [NotRecognized("Nothing was said that is one of the sentences.")]
    if len(commands) == 1:
        return [_intent(commands[0])]
    return [IntentsStart(), *(_intent(command) for command in commands), IntentsStop()]


def _info(name: str, language: str) -> Info:
    description = "Sentences of your own, and no answer to any other"
    program, languages = "asr-harness", [language]
    hearing = AsrModel(name, _HOME, True, None, None, languages)
    understanding = IntentModel(name, _HOME, True, None, None, languages)
    return Info(
        asr=[AsrProgram(program, _HOME, True, description, None, [hearing], supports_transcript_streaming=True)],
        intent=[IntentProgram(program, _HOME, True, description, None, [understanding])],
    )


def read_uri(uri: str) -> tuple[str, int]:
    """Return host and port of tcp://HOST:PORT; ValueError in one line if it is no such address."""
    try:
        found = urlsplit(uri)
        host, port = found.hostname, found.port
    except ValueError:
        host, port = None, None
    if not host or port is None or found.scheme != "tcp" or found.path not in ("", "/"):
        raise ValueError(f"{uri!r} is no address; write tcp://HOST:PORT, such as {DEFAULT_URI}")
    return host, port


def serve(server: Server, uri: str) -> None:
    """Serve until SIGTERM or Ctrl-C; OSError where the port cannot be opened, ValueError for a wrong address."""
    host, port = read_uri(uri)
    if host not in _LOOPBACK:
        print("warning: the Wyoming protocol has no password; your whole network may use this", file=sys.stderr)
    asyncio.run(_serve(server, host, port))


async def _serve(server: Server, host: str, port: int) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    found = await server.start(host, port)
    print(f"serving the Wyoming protocol at tcp://{host}:{found}; Ctrl-C ends it", file=sys.stderr)
    try:
        await stopped.wait()
    finally:
        await server.stop()
