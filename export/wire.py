"""The protobuf wire format: enough of it to write and read TensorFlow's graphs without TensorFlow.

Importing TensorFlow for its message classes takes seconds, and those classes copy every weight; this writes
plain bytes and reads slices of what it is given. Format: protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_MASK64 = (1 << 64) - 1

Value = int | memoryview


class Damaged(ValueError):  # noqa: N818 - it reads as what it says: except wire.Damaged
    """The bytes are not a well-formed message; the text says in what way, as the end of a sentence."""


def varint(value: int) -> bytes:
    """Return `value` (negative ones as 64-bit two's complement) as a varint."""
    value &= _MASK64
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def integer(field: int, value: int) -> bytes:
    """Return a field of type int32, int64, uint64, bool or enum."""
    return varint(field << 3 | VARINT) + varint(value)


def number(field: int, value: float) -> bytes:
    """Return a field of type float."""
    return varint(field << 3 | FIXED32) + struct.pack("<f", value)


def block(field: int, *parts: bytes | memoryview) -> bytes:
    """Return a field of type bytes, string, message or packed numbers, made of `parts` put together."""
    length = sum(len(part) for part in parts)
    return b"".join((varint(field << 3 | BYTES), varint(length), *parts))


def again(field: int, kind: int, value: Value) -> bytes:
    """Return a field as `fields` gave it."""
    if isinstance(value, int):
        return integer(field, value)
    return block(field, value) if kind == BYTES else varint(field << 3 | kind) + bytes(value)


def fields(message: memoryview) -> Iterator[tuple[int, int, Value]]:
    """Yield (field, wire type, value) of a message, in order; value is an int, or a view into `message`.

    Raises
    ------
    Damaged : a field runs over the end, or is of a type that protobuf does not have.
    """
    offset = 0
    while offset < len(message):
        key, offset = read_varint(message, offset)
        field, kind = key >> 3, key & 7
        if field == 0:
            raise Damaged("has a field without a number")
        value: Value
        if kind == VARINT:
            value, offset = read_varint(message, offset)
        else:
            if kind == BYTES:
                length, offset = read_varint(message, offset)
            elif kind in (FIXED32, FIXED64):
                length = 4 if kind == FIXED32 else 8
            else:
                raise Damaged(f"has a field of the unknown type {kind}")
            if length > len(message) - offset:
                raise Damaged("ends in the middle of a field")
            value = message[offset : offset + length]
            offset += length
        yield field, kind, value


def read_varint(message: memoryview, offset: int) -> tuple[int, int]:
    """Return the varint at `offset`, unsigned, and the offset after it; Damaged where there is none."""
    value = 0
    for shift in range(0, 70, 7):
        if offset >= len(message):
            raise Damaged("ends in the middle of a number")
        byte = message[offset]
        offset += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & _MASK64, offset
    raise Damaged("has a number that is too long")


def signed(value: int) -> int:
    """Return an unsigned 64-bit varint as the int64 that it stands for."""
    return value - (1 << 64) if value >> 63 else value


def as_view(value: Value) -> memoryview:
    """Return the value of a field that must be bytes; Damaged where it is a number."""
    if isinstance(value, int):
        raise Damaged("has a number where bytes belong")
    return value


def as_int(value: Value) -> int:
    """Return the value of a field that must be a varint; Damaged where it is anything else."""
    if not isinstance(value, int):
        raise Damaged("has bytes where a number belongs")
    return value


def as_text(value: Value) -> str:
    """Return the value of a field that must be UTF-8; Damaged where it is not."""
    try:
        return str(as_view(value), "utf-8")
    except UnicodeDecodeError:
        raise Damaged("has a name that is not UTF-8") from None
