"""Bodies of requests, read no further than they may be long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request


async def read_pieces(request: Request, most: int, idle: float, what: str = "the body") -> AsyncIterator[bytes]:
    """Yield a body in pieces; HTTPException where it is too long, cut off, or does not come any more.

    Parameters
    ----------
    most : bytes; a longer one is refused by its header already, if that tells.
    idle : s that may pass without a byte.
    what : it is called, in messages.
    """
    too_long = HTTPException(413, f"{what} has at most {most} bytes")
    claimed = request.headers.get("content-length", "0")
    if not claimed.isascii() or not claimed.isdigit() or int(claimed[:20]) > most:
        raise too_long
    pieces, length = request.stream().__aiter__(), 0
    while True:
        try:
            piece = await asyncio.wait_for(pieces.__anext__(), idle)
        except StopAsyncIteration:
            return
        except (asyncio.TimeoutError, TimeoutError):
            raise HTTPException(408, "nothing came any more") from None
        except ClientDisconnect:
            raise HTTPException(400, "it is cut off") from None
        length += len(piece)
        if length > most:
            raise too_long
        yield piece
