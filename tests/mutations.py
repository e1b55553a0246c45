"""Damage for files: what a broken disk, a wrong program or somebody with bad intent makes of them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

# Sizes and offsets that programs get wrong.
NUMBERS = (
    0,
    1,
    -1,
    2,
    127,
    255,
    256,
    1 << 15,
    (1 << 31) - 1,
    -(1 << 31),
    1 << 32,
    (1 << 62),
    (1 << 63) - 1,
    -(1 << 63),
)


@st.composite
def damaged(draw: st.DrawFn, wholes: Sequence[bytes], near_end: int = 0) -> bytes:
    """Return a file with some bytes changed, numbers replaced, parts repeated, left out or cut off.

    Parameters
    ----------
    wholes : files to begin with.
    near_end : where it is not 0, most damage goes into that many last bytes.
    """
    content = bytearray(draw(st.sampled_from(wholes)))
    for _ in range(draw(st.integers(1, 6))):
        first = max(0, len(content) - near_end) if near_end and draw(st.integers(0, 3)) else 0
        place = draw(st.integers(first, max(first, len(content) - 1)))
        kind = draw(st.integers(0, 5))
        if kind == 0:
            content[place : place + 1] = draw(st.binary(min_size=1, max_size=4))
        elif kind == 1:
            number = draw(st.sampled_from(NUMBERS))
            form = "<q" if draw(st.booleans()) or not -(1 << 31) <= number < 1 << 31 else "<i"
            packed = struct.pack(form, number)
            content[place : place + len(packed)] = packed
        elif kind == 2:
            content[place : place + draw(st.integers(1, 64))] = b""
        elif kind == 3:
            part = bytes(content[place : place + draw(st.integers(1, 64))])
            content[place:place] = part * draw(st.integers(1, 3))
        elif kind == 4:
            content[place:place] = draw(st.binary(max_size=16))
        elif draw(st.integers(0, 3)) == 0:
            del content[place:]
    return bytes(content)


def json_values() -> st.SearchStrategy[Any]:
    """Return values of every JSON type, nested a little."""
    plain = (
        st.none() | st.booleans() | st.integers() | st.sampled_from(NUMBERS) | st.floats() | st.text(max_size=4)
        | st.sampled_from(["open", "close", "say", "said", "intent", "lstm", "dense", " "])
    )  # fmt: skip
    return st.recursive(
        plain,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_leaves=8,
    )


def changed(draw: st.DrawFn, value: Any) -> Any:
    """Return a JSON value with one part of it replaced, left out or repeated."""
    if isinstance(value, dict) and value and draw(st.integers(0, 7)):
        key = draw(st.sampled_from(sorted(value)))
        return {**value, key: changed(draw, value[key])}
    if isinstance(value, list) and value and draw(st.integers(0, 7)):
        place = draw(st.integers(0, len(value) - 1))
        kind = draw(st.integers(0, 7))
        if kind == 0:
            return [*value[:place], *value[place + 1 :]]
        if kind == 1:
            return [*value[:place], value[place], *value[place:]]
        return [*value[:place], changed(draw, value[place]), *value[place + 1 :]]
    return draw(json_values())
