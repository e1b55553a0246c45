"""Events of the Wyoming protocol (https://github.com/OHF-Voice/wyoming), read with bounds.

An event is a line of JSON with `type`, and optionally `data`, `data_length` bytes of JSON and `payload_length` bytes
of payload after it. The package `wyoming`, the wheel's extra of that name, reads events of any size.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from wyoming.event import Event

LONGEST_LINE = 64 << 10  # bytes of the first line
MOST_DATA = 1 << 20  # bytes of JSON behind it
MOST_PAYLOAD = 4 << 20  # bytes of sound in one event: 10 s of stereo at 96 kHz


class ProtocolError(Exception):
    """What a client sent is no Wyoming, or is not allowed.

    Attributes
    ----------
    code : a word for programs.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


async def read_event(reader: asyncio.StreamReader, idle: float, patience: float) -> Event | None:
    """Return the next event; None where the client has hung up.

    Parameters
    ----------
    reader : with a limit of `LONGEST_LINE` bytes.
    idle : s to wait for the first byte.
    patience : s for all that follows it.

    Raises
    ------
    ProtocolError : it is no event, is too large or takes too long.
    """
    try:
        first = await asyncio.wait_for(reader.read(1), idle)
    except asyncio.TimeoutError:
        raise ProtocolError("idle", f"nothing was sent for {idle:g} s") from None
    if not first:
        return None
    try:
        return await asyncio.wait_for(_read_rest(first, reader), patience)
    except asyncio.TimeoutError:
        raise ProtocolError("slow", f"an event took more than {patience:g} s") from None
    except asyncio.IncompleteReadError:
        return None


async def _read_rest(first: bytes, reader: asyncio.StreamReader) -> Event | None:
    try:
        line = first if first == b"\n" else first + await reader.readline()
    except ValueError:
        raise ProtocolError("too-large", f"a line of more than {LONGEST_LINE} bytes") from None
    if not line.endswith(b"\n"):
        return None
    header = _object(line)
    kind, data = header.get("type"), header.get("data") or {}
    if not isinstance(kind, str) or not isinstance(data, dict):
        raise ProtocolError("garbage", "a line that is no event of the Wyoming protocol")
    more = await reader.readexactly(_length(header, "data_length", MOST_DATA))
    payload = await reader.readexactly(_length(header, "payload_length", MOST_PAYLOAD))
    return Event(kind, {**data, **(_object(more) if more else {})}, payload or None)


def _object(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ProtocolError("garbage", "a line that is no event of the Wyoming protocol")
    return found


def _length(header: dict[str, Any], name: str, most: int) -> int:
    length = header.get(name) or 0
    if not isinstance(length, int) or length < 0:
        raise ProtocolError("garbage", f"{name} is no number of bytes")
    if length > most:
        raise ProtocolError("too-large", f"{name} is {length}, and {most} is the most")
    return length
