"""A device folder as a server: the WebSocket /ws/1, POST /recognise, GET /health and GET /metrics.

It needs Starlette and uvicorn, the wheel's extra `server`.
"""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, cast

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from .bodies import read_pieces
from .guard import Guard
from .listener import Timing, Utterance
from .metrics import CONTENT_TYPE, Metrics
from .output import as_json
from .recogniser import Recogniser
from .recording import recognise_recording
from .sound import SoundError, read_sound
from .streams import Keep, Limits, Streams

PORT = 8700
_SPOOLED = 1 << 20  # bytes of a recording that are kept in memory
_LARGEST_MESSAGE = 1 << 20  # bytes; a larger one is not even read
_CONNECTIONS = 64  # at once; more are answered 503


class Service:
    """The answers of a server.

    Parameters
    ----------
    limits : how much clients may ask for.
    keep, timing : see `Streams`.
    """

    def __init__(
        self,
        recogniser: Recogniser,
        limits: Limits | None = None,
        keep: Keep | None = None,
        timing: Timing | None = None,
    ) -> None:
        self.recogniser = recogniser
        self.timing = timing
        self.limits = limits or Limits()
        self.metrics = Metrics()
        cores = max(1, os.cpu_count() or 1)
        threads = ThreadPoolExecutor(cores, thread_name_prefix="stream")
        self.streams = Streams(recogniser, self.limits, self.metrics, threads, keep, timing)
        # Recordings wait for one another, and never take the threads of streams.
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="recording")
        self._uploads = 0

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        return [
            WebSocketRoute("/ws/1", self.streams.serve),
            Route("/recognise", self._recognise, methods=["POST"]),
            Route("/health", self._health),
            Route("/metrics", self._metrics),
        ]

    async def _health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def _metrics(self, request: Request) -> Response:
        return Response(self.metrics.text(), media_type=CONTENT_TYPE)

    async def _recognise(self, request: Request) -> Response:
        """Answer a WAV file, or PCM as of a stream, with a line of JSON for each utterance."""
        if self._uploads >= self.limits.uploads:
            raise HTTPException(503, f"{self.limits.uploads} recordings are being recognised; try again later")
        self._uploads += 1
        try:
            with tempfile.SpooledTemporaryFile(_SPOOLED) as file:
                async for piece in read_pieces(request, self.limits.upload, self.limits.idle, "a recording"):
                    file.write(piece)
                file.seek(0)
                loop = asyncio.get_running_loop()
                found = await loop.run_in_executor(self._threads, self._recognised, cast(BinaryIO, file))
        except SoundError as error:
            raise HTTPException(400, str(error)) from None
        finally:
            self._uploads -= 1
        for utterance in found:
            self.metrics.count_utterance(utterance.recognition.accepted)
        if found:
            self.metrics.seconds += found[-1].end
        lines = "".join(as_json(utterance) + "\n" for utterance in found)
        return Response(lines, media_type="application/x-ndjson")

    def _recognised(self, file: BinaryIO) -> list[Utterance]:
        sound = read_sound(file, self.recogniser.network.sample_rate, raw=True)
        return list(recognise_recording(self.recogniser, sound, self.timing))


def make_app(
    service: Service, routes: Sequence[BaseRoute] = (), *, names: Sequence[str] = (), token: str = ""
) -> Guard:
    """Return the ASGI application of a service.

    Parameters
    ----------
    routes : further ones, such as those of a page.
    names, token : see `Guard`.
    """
    app = Starlette(
        routes=[*service.routes(), *routes],
        exception_handlers={HTTPException: explain},  # type: ignore[dict-item]
    )
    return Guard(app, tuple(name.lower() for name in names), token)


async def explain(request: Request, error: HTTPException) -> Response:
    """Answer an error with its text."""
    return PlainTextResponse(error.detail + "\n", error.status_code, dict(error.headers or {}))


def listening_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens at an address; OSError if it cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
        found.listen(128)
    except BaseException:
        found.close()
        raise
    return found


def serve(app: Guard, listening: socket.socket, certificate: Path | None = None, key: Path | None = None) -> None:
    """Serve an application until Ctrl-C.

    Parameters
    ----------
    certificate, key : PEM files, for https; ssl.SSLError or OSError if they are none.
    """
    config = uvicorn.Config(
        app,
        http="h11",
        ws="websockets-sansio",
        ws_max_size=_LARGEST_MESSAGE,
        ws_per_message_deflate=False,
        ws_ping_interval=20,
        ws_ping_timeout=20,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=2,
        access_log=False,  # a token may be in an address
        log_level="warning",
        server_header=False,
        lifespan="off",
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    uvicorn.Server(config).run(sockets=[listening])
