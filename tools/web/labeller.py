"""The labeller of `asr record`: long recordings cut into takes to accept, and marks in them."""

from __future__ import annotations

import asyncio
import hashlib
import math
import tempfile
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from asr.core import audio
from asr.core.errors import BusyError, UserError
from asr.settings.workspace import Workspace
from datasets import label_file
from datasets.label_file import Label
from datasets.take_cutter import find_takes, with_margins
from tools.web.corrections import Corrections
from tools.web.marks import Marks
from tools.web.page import answering, kind_of
from tools.web.requests import read_body, read_json

PAGE = Path(__file__).parent / "label_page"
FOLDER = "cut"  # beside a recordings.csv
LONGEST = 1800.0  # s of a recording that a page can show
_MOST_LABELS = 1 << 20  # bytes of a label file or a list of marks


class Labeller:
    """The routes of a workspace's labeller, all below /label."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws
        self._marks = Marks(ws)
        self._takes = Corrections(ws, folder=FOLDER)

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        files = [(path.name, answering(path.read_bytes(), kind_of(path))) for path in sorted(PAGE.iterdir())]
        return [
            *(Route("/label" if name == "label.html" else f"/{name}", answer) for name, answer in files),
            Route("/label/recordings", self._list),
            Route("/label/sound", self._sound),
            Route("/label/takes", self._find),
            Route("/label/accept", self._accept, methods=["POST"]),
            Route("/label/marks", self._set_marks, methods=["POST"]),
            Route("/label/audacity", self._audacity, methods=["GET", "POST"]),
        ]

    async def _list(self, request: Request) -> Response:
        found = await asyncio.to_thread(self._recordings)
        names = await asyncio.to_thread(self._takes.sentences)
        rows = [{"file": name, "bytes": path.stat().st_size} for name, path in found.items()]
        return JSONResponse({"workspace": self._ws.root.name, "recordings": rows, "sentences": names})

    async def _sound(self, request: Request) -> Response:
        samples = await self._load(request)
        return Response(audio.wav_bytes(samples), media_type="audio/wav")

    async def _find(self, request: Request) -> Response:
        """Answer the takes of a recording, s, and its marks."""
        samples = await self._load(request)
        takes = await asyncio.to_thread(lambda: with_margins(find_takes(samples), len(samples)))
        marks = await self._try(lambda: self._marks.of(self._name(request)))
        return JSONResponse(
            {
                "seconds": len(samples) / audio.SAMPLE_RATE,
                "takes": [[take.start / audio.SAMPLE_RATE, take.end / audio.SAMPLE_RATE] for take in takes],
                "marks": [[mark.start, mark.end, mark.text] for mark in marks],
            }
        )

    async def _accept(self, request: Request) -> Response:
        """File a take: JSON of `start` and `end` (s), `sentence`, `speaker`."""
        given = await read_json(request, {"start": float, "end": float, "sentence": str, "speaker": str})
        samples = await self._load(request)
        start, end = (self._place(given.get(name), len(samples)) for name in ("start", "end"))
        if end - start < audio.SAMPLE_RATE // 20:
            raise HTTPException(422, "a take lasts 0.05 s at least")
        # The same take has the same number, so that a request that is sent again files nothing twice.
        mark = hashlib.sha256(f"{self._name(request)}\n{start}\n{end}\n{given.get('sentence')}".encode()).hexdigest()
        number = str(10**15 + int(mark[:12], 16))
        part = audio.to_int16(samples[start:end])
        sentence, speaker = given.get("sentence", ""), given.get("speaker", "")
        path = await self._try(lambda: self._takes.file_command(part, sentence, speaker, number))
        return JSONResponse({"file": path.name, "seconds": len(part) / audio.SAMPLE_RATE})

    async def _set_marks(self, request: Request) -> Response:
        """Replace the marks of a recording: JSON of `marks`, a list of start, end and label."""
        given = await read_json(request, {"marks": list}, _MOST_LABELS)
        samples, marks = await self._load(request), []
        for one in given.get("marks", []):
            if not (isinstance(one, list) and len(one) == 3 and isinstance(one[2], str) and len(one[2]) <= 300):
                raise HTTPException(422, "a mark is a list of start, end and label")
            start, end = (self._place(value, len(samples)) / audio.SAMPLE_RATE for value in one[:2])
            marks.append(Label(min(start, end), max(start, end), " ".join(one[2].split())))
        await self._try(lambda: self._marks.set(self._name(request), marks))
        return JSONResponse({"marks": len(marks)})

    async def _audacity(self, request: Request) -> Response:
        """Answer the marks as a label file, or replace them by one."""
        name = self._name(request)
        if request.method == "GET":
            marks = await self._try(lambda: self._marks.of(name))
            text = "".join(f"{one.start:.6f}\t{one.end:.6f}\t{one.text}\n" for one in marks)
            return PlainTextResponse(text, headers={"content-disposition": 'attachment; filename="labels.txt"'})
        body = await read_body(request, "text/plain", _MOST_LABELS)
        samples = await self._load(request)

        def replace() -> int:
            with tempfile.TemporaryDirectory(prefix="asr-labels-") as folder:
                path = Path(folder) / "labels.txt"
                path.write_bytes(body)
                found = [one for one in label_file.read(path) if one.end <= len(samples) / audio.SAMPLE_RATE + 0.01]
            self._marks.set(name, found)
            return len(found)

        return JSONResponse({"marks": await self._try(replace)})

    def _recordings(self) -> dict[str, Path]:
        """Return the recordings that can be labelled, by their name in the workspace."""
        found = {}
        for folder in (self._ws.recordings, self._ws.other_speech):
            place = folder.parent if folder.is_file() else folder
            for path in audio.sound_files(place):
                name = str(path.relative_to(self._ws.root)) if path.is_relative_to(self._ws.root) else str(path)
                found[name] = path
        return found

    def _name(self, request: Request) -> str:
        return request.query_params.get("file", "")

    async def _load(self, request: Request) -> Any:
        """Return the samples of the recording that a request names, float32 [n] at 16 kHz."""
        path = (await asyncio.to_thread(self._recordings)).get(self._name(request))
        if path is None:
            raise HTTPException(404, "there is no such recording in the workspace")
        samples = await self._try(lambda: audio.load(path))
        if len(samples) > LONGEST * audio.SAMPLE_RATE:
            raise HTTPException(413, f"it lasts more than {LONGEST / 60:g} minutes; cut it with `asr takes`")
        return samples

    @staticmethod
    def _place(value: object, length: int) -> int:
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
            raise HTTPException(422, "start and end are seconds")
        return min(max(0, round(value * audio.SAMPLE_RATE)), length)

    @staticmethod
    async def _try(work: Any) -> Any:
        """Return what a function returns in a thread; its errors become answers."""
        try:
            return await asyncio.to_thread(work)
        except UserError as error:
            raise HTTPException(503 if isinstance(error, BusyError) else 422, str(error)) from None
