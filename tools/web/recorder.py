"""The recorder of `asr record`: a page that asks for one sentence after the other, and files what is accepted.

A take is measured when it ends and filed when its speaker accepts it; until then it is the page's. Each accepted take
has a number of the page's, so that a request that is sent again after a lost answer files nothing twice.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from asr.core import audio
from asr.core.errors import AudioError, BusyError, RecordingsError, UserError
from asr.runtime.server import explain
from asr.settings.workspace import Workspace
from tools.web import take_quality
from tools.web.corrections import Corrections, check_speaker
from tools.web.page import STATIC, answering, kind_of
from tools.web.prompts import make_plan
from tools.web.requests import read_body

FOLDER = "recorded"  # beside a recordings.csv
PAGE = Path(__file__).parent / "record_page"
_SHARED = ("style.css", "icon.svg", "microphone.js", "worklet.js")  # with the page of asr serve
_MOST_BYTES = audio.HEADER + round(take_quality.LONGEST * audio.SAMPLE_RATE) * 2
_NUMBER = re.compile(r"\d{13,20}")


class Recorder:
    """The routes of a workspace's recorder."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws
        self._takes = Corrections(ws, folder=FOLDER)

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        files = [STATIC / name for name in _SHARED] + sorted(PAGE.iterdir())
        names = {path: "/" if path.name == "index.html" else f"/{path.name}" for path in files}
        return [
            *(Route(name, answering(path.read_bytes(), kind_of(path))) for path, name in names.items()),
            Route("/plan", self._plan),
            Route("/measure", self._measure, methods=["POST"]),
            Route("/takes", self._accept, methods=["POST"]),
        ]

    async def _plan(self, request: Request) -> Response:
        """Answer what the speaker named in the query should record next."""
        try:
            speaker = check_speaker(request.query_params.get("speaker", ""))
            plan = await asyncio.to_thread(make_plan, self._ws, speaker)
        except UserError as error:
            raise HTTPException(422, str(error)) from None
        return JSONResponse({"workspace": self._ws.root.name, **asdict(plan)})

    async def _measure(self, request: Request) -> Response:
        """Answer the measurements of a WAV file; the sentence is in the query."""
        samples = await _read_take(request)
        sentence = request.query_params.get("sentence", "")
        quality = await asyncio.to_thread(take_quality.measure, samples, sentence)
        return JSONResponse(_record(quality))

    async def _accept(self, request: Request) -> Response:
        """File a WAV file; the query has its sentence, speaker and number."""
        number = request.query_params.get("number", "")
        if not _NUMBER.fullmatch(number):
            raise HTTPException(422, "a take has a number of 13 to 20 digits")
        samples = await _read_take(request)
        sentence, speaker = (request.query_params.get(name, "") for name in ("sentence", "speaker"))
        quality = await asyncio.to_thread(take_quality.measure, samples, sentence)
        if not quality.is_usable:
            raise HTTPException(422, " ".join(quality.warnings) or "there is no speech in it")
        try:
            path = await asyncio.to_thread(self._takes.file_command, samples, sentence, speaker, number)
        except BusyError as error:
            raise HTTPException(503, str(error)) from None
        except RecordingsError as error:
            full = "No space left" in str(error) or "quota" in str(error).lower()
            raise HTTPException(507 if full else 422, str(error)) from None
        except UserError as error:
            raise HTTPException(422, str(error)) from None
        file = str(path.relative_to(self._ws.recordings)) if path.is_relative_to(self._ws.recordings) else path.name
        return JSONResponse({"file": file, "samples": len(samples), **_record(quality)})


def make_app(routes: list[BaseRoute], join: Invitations | None = None) -> Starlette:
    """Return the application of these routes; with invitations, /join is one of them."""
    found = [*routes, Route("/health", _health)]
    if join is not None:
        found.append(Route("/join", join.answer))
    return Starlette(routes=found, exception_handlers={HTTPException: explain})  # type: ignore[dict-item]


class Invitations:
    """Tokens that let one browser in each: the first to use one gets the session's token as its cookie.

    Parameters
    ----------
    session : the token of the session.
    cookie : the name of the cookie.
    invite : makes an invitation known, given its token.
    """

    def __init__(self, session: str, cookie: str, invite: Callable[[str], None]) -> None:
        self._session = session
        self._cookie = cookie
        self._invite = invite
        self._token = ""

    def renew(self) -> None:
        """Make the next invitation, and make it known."""
        self._token = secrets.token_urlsafe(9)
        self._invite(self._token)

    async def answer(self, request: Request) -> Response:
        """Let a browser in, once for each token."""
        given = request.query_params.get("token", "")
        if not self._token or not secrets.compare_digest(given.encode(), self._token.encode()):
            raise HTTPException(401, "this invitation was used already; take the newest on the terminal")
        self.renew()
        # A page, not a redirect: browsers send a strict cookie only with requests of the site's own pages.
        secure = request.url.scheme == "https"
        response = HTMLResponse('<!doctype html><meta http-equiv="refresh" content="0; url=/"><a href="/">Record</a>')
        response.set_cookie(self._cookie, self._session, httponly=True, samesite="strict", secure=secure)
        return response


async def _health(request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _read_take(request: Request) -> Any:
    """Return the samples of a request's WAV file, int16 [n]; it is read only as far as a take may be long."""
    body = await read_body(request, "audio/wav", _MOST_BYTES)
    try:
        return audio.parse_wav(body, "the take")
    except AudioError as error:
        raise HTTPException(422, f"the take {error.what}") from None


def _record(quality: take_quality.Quality) -> dict[str, Any]:
    """Return measurements as JSON has them."""
    found = {**asdict(quality), "usable": quality.is_usable}
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in found.items()}
