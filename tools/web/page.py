"""The page of `asr serve`: its files, the history and the corrections."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from asr.core import audio
from asr.core.errors import BusyError, UserError
from asr.runtime.recogniser import Recogniser
from asr.settings.workspace import Workspace
from tools.web.corrections import Corrections
from tools.web.history import Entry, History
from tools.web.requests import read_json

STATIC = Path(__file__).parent / "static"
_KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class Page:
    """The routes of the page of a workspace.

    Parameters
    ----------
    history : of the server's streams.
    """

    def __init__(self, ws: Workspace, recogniser: Recogniser, history: History) -> None:
        self._name = ws.root.name
        self._recogniser = recogniser
        self._history = history
        self._rate = recogniser.network.sample_rate
        self._corrections = Corrections(ws, self._rate)
        self._filing = asyncio.Lock()

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        files = [(path.name, path.read_bytes(), kind_of(path)) for path in sorted(STATIC.iterdir())]
        found: list[BaseRoute] = [
            Route("/" if name == "index.html" else f"/{name}", answering(data, kind)) for name, data, kind in files
        ]
        return [
            *found,
            Route("/about", self._about),
            Route("/history", self._list),
            Route("/history/{number:int}.wav", self._sound),
            Route("/history/{number:int}", self._correct, methods=["POST"]),
        ]

    async def _about(self, request: Request) -> Response:
        """Answer what the page needs to begin: name, threshold, sentences."""
        verifier = self._recogniser.verifier
        return JSONResponse(
            {
                "name": self._name,
                "threshold": None if verifier is None else verifier.threshold,
                "letters": "".join(self._recogniser.network.labels),
                "sentences": await asyncio.to_thread(self._corrections.sentences),
            }
        )

    async def _list(self, request: Request) -> Response:
        return JSONResponse([entry.record() for entry in self._history.entries()])

    async def _sound(self, request: Request) -> Response:
        return Response(audio.wav_bytes(self._entry(request).samples, self._rate), media_type="audio/wav")

    async def _correct(self, request: Request) -> Response:
        """File an utterance.

        The body is JSON: `sentence` (a command; without it the one that was recognised) or `other` (true: no command)
        with a `transcript` if it is known; `speaker`.
        """
        given = await read_json(request, {"sentence": str, "transcript": str, "speaker": str, "other": bool})
        async with self._filing:
            entry = self._entry(request)
            if entry.filed is not None:
                raise HTTPException(409, "it is filed already")
            try:
                entry.filed = await asyncio.to_thread(self._file, entry, given)
            except UserError as error:
                raise HTTPException(503 if isinstance(error, BusyError) else 422, str(error)) from None
        return JSONResponse({"filed": entry.filed})

    def _file(self, entry: Entry, given: dict[str, Any]) -> str:
        """File an utterance and return its sentence, "" for other speech."""
        speaker = given.get("speaker", "")
        if given.get("other"):
            self._corrections.file_other(entry.samples, given.get("transcript", ""), speaker)
            return ""
        sentence = self._corrections.check_sentence(given.get("sentence", entry.sentence))
        self._corrections.file_command(entry.samples, sentence, speaker)
        return sentence

    def _entry(self, request: Request) -> Entry:
        entry = self._history.find(int(request.path_params["number"]))
        if entry is None:
            raise HTTPException(404, "the history does not have it any more")
        return entry


def kind_of(path: Path) -> str:
    """Return the media type of a page's file."""
    return _KINDS[path.suffix]


def answering(data: bytes, kind: str) -> Callable[[Request], Awaitable[Response]]:
    """Return a route's function that answers with these bytes."""

    async def answer(request: Request) -> Response:
        return Response(data, media_type=f"{kind}; charset=utf-8" if kind.startswith("text/") else kind)

    return answer
