"""What pages send: bodies of one media type, and JSON objects."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request

from asr.runtime.bodies import read_pieces

_IDLE = 20.0  # s without a byte
_LONGEST_JSON = 4096  # bytes


async def read_body(request: Request, kind: str, most: int) -> bytes:
    """Return a body of a media type; HTTPException where it is another, too long, or cut off.

    Pages of other origins can send a few other types without asking, which are refused here.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != kind:
        raise HTTPException(415, f"the body is {kind}")
    return b"".join([piece async for piece in read_pieces(request, most, _IDLE)])


async def read_json(request: Request, kinds: Mapping[str, type], most: int = _LONGEST_JSON) -> dict[str, Any]:
    """Return a JSON object whose fields have these types; HTTPException where it is none. Numbers become floats."""
    try:
        given = json.loads(await read_body(request, "application/json", most), parse_int=float)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict) or any(not isinstance(value, kinds.get(key, ())) for key, value in given.items()):
        raise HTTPException(422, f"the body is an object of {', '.join(kinds)}")
    return given
