"""The Wyoming server with the protocol's own client: what is said, what is meant, and what is no Wyoming."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from signal import SIGTERM

import numpy as np
import pytest
from wyoming.asr import Transcribe, Transcript, TranscriptChunk
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.intent import Entity, Intent, NotRecognized, Recognize
from wyoming.ping import Ping, Pong
from wyoming.pipeline import PipelineStage, RunPipeline

from asr.core import audio
from asr.runtime.__main__ import main
from asr.runtime.recogniser import Recogniser, Recognition
from asr.runtime.recording import recognise_recording
from asr.runtime.wyoming_server import Limits, Server, read_uri
from tests.asr.runtime.tone_device import hiss, spoken, stream, tone_device, write_device

Int16 = np.typing.NDArray[np.int16]
REPOSITORY = Path(__file__).resolve().parents[3]
SENTENCES = "bad\n[Fade]\nfade {x}\n[Bag]\nbad (cab|bag) [hedge]\n{x} = (bead|cage:kennel)"


class Client(AsyncTcpClient):
    """The protocol's client, with what a test does often."""

    async def write(self, *events: Event) -> None:
        for event in events:
            await self.write_event(event)

    async def write_raw(self, content: bytes) -> None:
        assert self._writer is not None
        self._writer.write(content)
        await self._writer.drain()

    async def read(self) -> Event:
        event = await asyncio.wait_for(self.read_event(), 20)
        assert event is not None, "the server hung up"
        return event

    async def say(self, sound: Int16, piece: int = 1000, rate: int = 16000) -> None:
        """Send sound in pieces of some samples."""
        await self.write(Transcribe(language="en").event(), AudioStart(rate, 2, 1).event())
        for at in range(0, len(sound), piece):
            await self.write(AudioChunk(rate, 2, 1, sound[at : at + piece].astype("<i2").tobytes()).event())
        await self.write(AudioStop().event())

    async def hear(self) -> tuple[str, list[str]]:
        """Return the transcript and its chunks."""
        chunks: list[str] = []
        kinds: list[str] = []
        text = None
        while not kinds or kinds[-1] != "transcript-stop":
            event = await self.read()
            kinds.append(event.type)
            if TranscriptChunk.is_type(event.type):
                chunks.append(TranscriptChunk.from_event(event).text)
            if Transcript.is_type(event.type):
                text = Transcript.from_event(event).text
        assert kinds == ["transcript-start", *["transcript-chunk"] * len(chunks), "transcript", "transcript-stop"]
        assert text is not None
        return text, chunks

    async def closed(self) -> Error:
        """Return why the server hangs up."""
        event = await self.read()
        assert Error.is_type(event.type), event.type
        assert await asyncio.wait_for(self.read_event(), 20) is None
        return Error.from_event(event)


Connect = Callable[[], Client]


def served(talk: Callable[[Connect], Awaitable[None]], limits: Limits | None = None, refuse: bool = False) -> None:
    """Talk to a server of the tone device."""

    async def run() -> None:
        recogniser = tone_device(SENTENCES)
        if refuse:
            recogniser.recognise = lambda samples: refused(recogniser, samples)  # type: ignore[method-assign]
        server = Server(recogniser, "tones", "en", limits)
        port = await server.start("127.0.0.1", 0)
        try:
            await talk(lambda: Client("127.0.0.1", port))
        finally:
            await server.stop()

    asyncio.run(run())


def refused(recogniser: Recogniser, samples: Int16) -> Recognition:
    return replace(Recogniser.recognise(recogniser, samples), accepted=False)


def clip(text: str) -> Int16:
    return np.concatenate((hiss(0.3), spoken(text), hiss(0.4, 2)))


def test_describe_says_what_home_assistant_looks_for() -> None:
    async def talk(connect: Connect) -> None:
        async with connect() as client:
            await client.write(Describe().event(), Ping("hello").event())
            info = Info.from_event(await client.read())
            assert Pong.from_event(await client.read()).text == "hello"
        (program,), (intents,) = info.asr, info.intent
        assert program.installed and program.models[0].installed and program.supports_transcript_streaming
        assert program.models[0].languages == intents.models[0].languages == ["en"]
        assert intents.installed and intents.models[0].name == "tones"

    served(talk)


@pytest.mark.parametrize("text", ["bad cab", "bad bag hedge", "fade cage", "fade bead", "head", ""])
def test_a_transcript_is_what_recognise_says(text: str) -> None:
    sound = clip(text) if text else hiss(1.0)
    recogniser = tone_device(SENTENCES)
    (wanted,) = recognise_recording(recogniser, [sound])
    said = wanted.recognition.text if wanted.recognition.accepted else ""

    async def talk(connect: Connect) -> None:
        for piece in (320, 100_000):
            async with connect() as client:
                await client.say(sound, piece)
                assert await client.hear() == (said, [said] if said else [])

    served(talk)
    if text in ("bad cab", "fade cage"):
        assert said == text


def test_what_is_refused_is_in_no_event() -> None:
    async def talk(connect: Connect) -> None:
        async with connect() as client:
            await client.write(RunPipeline(PipelineStage.ASR, PipelineStage.INTENT).event())
            await client.say(clip("bad cab"))
            assert await client.hear() == ("", [])
            assert NotRecognized.is_type((await client.read()).type)

    served(talk, refuse=True)


def test_commands_of_a_long_stream_come_while_it_goes_on() -> None:
    sound, _ = stream(("bad cab", "fade bead"), (1.5, 6.0, 3.0))

    async def talk(connect: Connect) -> None:
        async with connect() as client:
            await client.write(AudioStart(16000, 2, 1).event(), AudioChunk(16000, 2, 1, sound.tobytes()).event())
            kinds = [await client.read() for _ in range(2)]
            assert [event.type for event in kinds] == ["transcript-start", "transcript-chunk"]
            await client.write(AudioStop().event())
            while not Transcript.is_type((event := await client.read()).type):
                assert TranscriptChunk.from_event(event).text == " fade bead"
            assert Transcript.from_event(event).text == "bad cab fade bead"

    served(talk)


@pytest.mark.parametrize("rate", [8000, 44100])
def test_other_rates_widths_and_channels(rate: int) -> None:
    other = audio.resample((clip("fade cage") / 32768).astype(np.float32), 16000, rate)
    stereo = np.repeat(np.round(other * (1 << 30)).astype("<i4"), 2)

    async def talk(connect: Connect) -> None:
        async with connect() as client:
            await client.write(AudioStart(rate, 4, 2).event())
            content = stereo.tobytes()
            for at in range(0, len(content), 4099):  # no whole number of samples
                await client.write(AudioChunk(rate, 4, 2, content[at : at + 4099]).event())
            await client.write(AudioStop().event())
            assert (await client.hear())[0] == "fade cage"

    served(talk)


def test_text_and_sound_have_intents() -> None:
    async def talk(connect: Connect) -> None:
        async with connect() as client:
            await client.write(Transcript("Fade, cage!", context={"conversation_id": "7"}).event())
            found = Intent.from_event(await client.read())
            assert (found.name, found.entities) == ("Fade", [Entity("x", "kennel")])
            assert found.context == {"conversation_id": "7"}
            for text in ("fade", "fade cage cage", "cage", "", "bad", "x" * 5000):
                await client.write(Recognize(text).event())
                event = await client.read()
                if text == "bad":
                    assert "has no intent" in (NotRecognized.from_event(event).text or "")
                else:
                    assert NotRecognized.from_event(event).text == "This is not one of the sentences."
            await client.write(RunPipeline(PipelineStage.ASR, PipelineStage.HANDLE).event())
            await client.say(clip("fade bead"))
            assert (await client.hear())[0] == "fade bead"
            assert Intent.from_event(await client.read()).entities == [Entity("x", "bead")]

    served(talk)


GARBAGE = {
    "http": (b"GET / HTTP/1.1\r\n\r\n", "garbage"),
    "null": (b"null\n", "garbage"),
    "list": (b"[1]\n", "garbage"),
    "bytes": (b"\xff\xfe\x00\n", "garbage"),
    "nested": (b"[" * 60000 + b"\n", "garbage"),
    "no type": (b'{"data": {}}\n', "garbage"),
    "negative": (b'{"type": "ping", "data_length": -1}\n', "garbage"),
    "text as a length": (b'{"type": "ping", "payload_length": "x"}\n', "garbage"),
    "line": (b"x" * 200_000, "too-large"),
    "payload": (b'{"type": "audio-chunk", "payload_length": 100000000}\n', "too-large"),
    "data": (b'{"type": "ping", "data_length": 100000000}\n', "too-large"),
    "chunk": (b'{"type": "audio-chunk", "data": {"rate": 16000, "width": 2, "channels": 1}}\n', "garbage"),
    "start": (b'{"type": "audio-start", "data": {"rate": 16000}}\n', "garbage"),
    "rate": (b'{"type": "audio-start", "data": {"rate": 1, "width": 2, "channels": 1}}\n', "garbage"),
    "rate as text": (b'{"type": "audio-start", "data": {"rate": "x", "width": 2, "channels": 1}}\n', "garbage"),
    "fraction": (b'{"type": "audio-start", "data": {"rate": 16000.5, "width": 2, "channels": 1}}\n', "garbage"),
    "channels": (b'{"type": "audio-start", "data": {"rate": 16000, "width": 2, "channels": 1e9}}\n', "garbage"),
    "width": (b'{"type": "audio-start", "data": {"rate": 16000, "width": [2], "channels": 1}}\n', "garbage"),
    "text": (b'{"type": "transcript", "data": {"text": 5}}\n', "garbage"),
    "stage": (b'{"type": "run-pipeline", "data": {"start_stage": "x", "end_stage": "y"}}\n', "garbage"),
}  # fmt: skip


def test_what_is_no_wyoming_is_closed_with_a_reason() -> None:
    async def talk(connect: Connect) -> None:
        for name, (content, code) in GARBAGE.items():
            async with connect() as client:
                await client.write_raw(content)
                error = await client.closed()
                assert error.code == code, (name, error)
                assert "\n" not in error.text
        async with connect() as client:  # unknown events are dropped
            await client.write(Event("no-such-event", {"a": 1}, b"xyz"), Ping("still there").event())
            assert Pong.from_event(await client.read()).text == "still there"

    served(talk)


def test_a_format_that_changes_and_sound_without_end_are_closed() -> None:
    async def talk(connect: Connect) -> None:
        async with connect() as client:
            await client.write(AudioStart(16000, 2, 1).event(), AudioChunk(8000, 2, 1, bytes(100)).event())
            assert (await client.read()).type == "transcript-start"
            assert (await client.closed()).code == "garbage"
        async with connect() as client:
            await client.write(AudioStart(16000, 2, 1).event())
            assert (await client.read()).type == "transcript-start"
            for _ in range(3):
                await client.write(AudioChunk(16000, 2, 1, bytes(16000 * 2)).event())
            assert (await client.closed()).code == "too-long"

    served(talk, Limits(longest=1.5))


def test_who_says_nothing_or_little_is_closed() -> None:
    async def talk(connect: Connect) -> None:
        async with connect() as idle, connect() as slow:
            for byte in b'{"type": "pin':
                await slow.write_raw(bytes([byte]))
                await asyncio.sleep(0.02)
            assert (await slow.closed()).code == "slow"
            assert (await idle.closed()).code == "idle"

    served(talk, Limits(idle=0.6, patience=0.3))


def test_who_sends_on_still_learns_the_reason() -> None:
    async def talk(connect: Connect) -> None:
        async with connect() as client:
            await client.write_raw(b"GET / HTTP/1.1\r\n\r\n")
            for _ in range(20):
                await client.write_raw(bytes(100_000))
            assert (await client.closed()).code == "garbage"

    served(talk)


def test_one_client_more_than_allowed_is_told_so() -> None:
    async def talk(connect: Connect) -> None:
        async with connect() as first, connect() as second:
            for client in (first, second):
                await client.write(Ping().event())
                await client.read()
            async with connect() as third:
                error = await third.closed()
                assert (error.code, error.text) == ("full", "2 clients are connected, and no more are allowed")
            await first.write(Ping("a").event())
            assert Pong.from_event(await first.read()).text == "a"
        async with connect() as fourth:
            for _ in range(50):  # the two have left
                await fourth.write(Ping().event())
                if Pong.is_type((await fourth.read()).type):
                    break
                await asyncio.sleep(0.05)

    served(talk, Limits(clients=2))


def test_who_vanishes_does_not_disturb_the_others() -> None:
    async def talk(connect: Connect) -> None:
        async def vanish() -> None:
            async with connect() as client:
                await client.write(AudioStart(16000, 2, 1).event())
                await client.write(AudioChunk(16000, 2, 1, clip("bad cab")[:9000].tobytes()).event())
                await client.write_raw(b'{"type": "audio-chunk", "payload_length": 3200}\n123')

        async def ask(text: str) -> str:
            async with connect() as client:
                await client.say(clip(text), 320)
                return (await client.hear())[0]

        answers = await asyncio.gather(ask("bad cab"), vanish(), ask("fade cage"), vanish())
        assert (answers[0], answers[2]) == ("bad cab", "fade cage")

    served(talk)


def test_the_command_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    device = write_device(tmp_path / "device", SENTENCES)
    command = [sys.executable, "-m", "asr.runtime", "wyoming", str(device), "--uri", "tcp://127.0.0.1:0"]
    with subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.search(r"tcp://127\.0\.0\.1:(\d+);", line)
        assert found, line

        async def ask() -> str:
            async with Client("127.0.0.1", int(found[1])) as client:
                await client.say(clip("bad bag"))
                return (await client.hear())[0]

        assert asyncio.run(ask()) == "bad bag"
        process.send_signal(SIGTERM)
        assert process.wait(20) == 0
        assert process.stderr.read() == ""
    for uri in ("127.0.0.1:10300", "tcp://127.0.0.1", "udp://127.0.0.1:1", "tcp://127.0.0.1:99999"):
        done = subprocess.run([*command[:-1], uri], cwd=REPOSITORY, capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
        assert "write tcp://HOST:PORT" in done.stderr


def test_an_address_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        uri = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        device = write_device(tmp_path / "device", SENTENCES)
        command = [sys.executable, "-m", "asr.runtime", "wyoming", str(device), "--uri", uri]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert read_uri("tcp://[::1]:10300") == ("::1", 10300)
    assert "cannot be opened" in done.stderr


def test_without_the_package_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "asr.runtime.wyoming_server")
    monkeypatch.setitem(sys.modules, "wyoming.asr", None)
    assert main(["wyoming", str(tmp_path)]) == 2
    expected = "error: wyoming is not installed; run: pip install 'asr-runtime[wyoming]'\n"
    assert capsys.readouterr() == ("", expected)
