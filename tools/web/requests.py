"""Bodies of requests, read no further than they may be long."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

_IDLE = 20.0  # s without a byte
_LONGEST_JSON = 4096  # bytes


async def read_body(request: Request, kind: str, most: int) -> bytes:
    """Return a body of a media type; HTTPException where it is another, too long, or cut off.

    Pages of other origins can send a few other types without asking, which are refused here.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != kind:
        raise HTTPException(415, f"the body is {kind}")
    too_long = HTTPException(413, f"the body has at most {most} bytes")
    claimed = request.headers.get("content-length", "0")
    if not claimed.isascii() or not claimed.isdigit() or int(claimed[:20]) > most:
        raise too_long
    body, pieces = b"", request.stream().__aiter__()
    while True:
        try:
            piece = await asyncio.wait_for(pieces.__anext__(), _IDLE)
        except StopAsyncIteration:
            return body
        except (asyncio.TimeoutError, TimeoutError):
            raise HTTPException(408, "nothing came any more") from None
        except ClientDisconnect:
            raise HTTPException(400, "it is cut off") from None
        body += piece
        if len(body) > most:
            raise too_long


async def read_json(request: Request, kinds: Mapping[str, type], most: int = _LONGEST_JSON) -> dict[str, Any]:
    """Return a JSON object whose fields have these types; HTTPException where it is none. Numbers become floats."""
    try:
        given = json.loads(await read_body(request, "application/json", most), parse_int=float)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict) or any(not isinstance(value, kinds.get(key, ())) for key, value in given.items()):
        raise HTTPException(422, f"the body is an object of {', '.join(kinds)}")
    return given
