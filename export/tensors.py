"""Nodes and constants of a serialised graph: written, and read with checked bounds and no copy of weights."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from export import wire

# DataType of tensorflow/core/framework/types.proto.
FLOAT, INT32, STRING, INT64 = 1, 3, 7, 9
NUMBERS = {FLOAT: np.dtype("<f4"), INT32: np.dtype("<i4")}
_MOST_REPEATED = 1 << 26  # values; twice the largest matrix of Mozilla's models
# Field of TensorProto that holds values one by one, and how a lone value is encoded there.
_SINGLY = {FLOAT: (5, wire.FIXED32), INT32: (7, wire.VARINT)}


@dataclass(frozen=True)
class Node:
    """One node of a graph; attributes are serialised AttrValue messages."""

    name: str
    op: str
    inputs: tuple[str, ...]  # without control inputs; "name" or "name:port"
    attributes: Mapping[str, memoryview]


def node_messages(graph: memoryview) -> list[memoryview]:
    """Return the NodeDef messages of a serialised GraphDef."""
    return [wire.as_view(value) for field, _, value in wire.fields(graph) if field == 1]


def parse_node(message: memoryview) -> Node:
    """Read a NodeDef; Damaged where it is not one."""
    texts = {1: "", 2: ""}
    inputs: list[str] = []
    attributes: dict[str, memoryview] = {}
    for field, _, value in wire.fields(message):
        if field in texts:
            texts[field] = wire.as_text(value)
        elif field == 3:
            source = wire.as_text(value)
            if not source.startswith("^"):
                inputs.append(source.removesuffix(":0"))
        elif field == 5:
            entry = {key: part for key, _, part in wire.fields(wire.as_view(value))}
            attributes[wire.as_text(entry.get(1, memoryview(b"")))] = wire.as_view(
                entry.get(2, memoryview(b""))
            )
    return Node(texts[1], texts[2], tuple(inputs), attributes)


def constant(node: Node, regions: Mapping[str, memoryview]) -> npt.NDArray[np.generic]:
    """Return a view of the values of a numeric Const or ImmutableConst; Damaged where there are none."""
    dtype = data_type(node)
    if dtype not in NUMBERS:
        raise wire.Damaged(f"is of type {dtype} where float32 or int32 belongs")
    if node.op == "ImmutableConst":
        shape = parse_shape(attribute(node, "shape", 7))
        region = regions.get(wire.as_text(attribute(node, "memory_region_name", 2)))
        if region is None:
            raise wire.Damaged("names a region that the file does not have")
        content = region
    elif node.op == "Const":
        shape, content = _tensor(attribute(node, "value", 8), dtype)
    else:
        raise wire.Damaged(f"is a {node.op}")
    size = math.prod(shape)
    if min(shape, default=0) < 0 or len(content) != 4 * size:
        raise wire.Damaged(f"has {len(content)} bytes where its shape {shape} needs {4 * size}")
    return np.frombuffer(content, dtype=NUMBERS[dtype]).reshape(shape)


def _tensor(tensor: memoryview, dtype: int) -> tuple[list[int], memoryview]:
    """Return shape and content of a TensorProto, whichever way its values are written."""
    shape: list[int] = []
    content = memoryview(b"")
    singly, kind = _SINGLY[dtype]
    values: list[bytes] = []
    for field, found, value in wire.fields(tensor):
        if field == 2:
            shape = parse_shape(wire.as_view(value))
        elif field == 4:
            content = wire.as_view(value)
        elif field == singly:
            values += _numbers(value, found, kind)
    size = math.prod(shape)
    if content or not values:
        return shape, content
    if len(values) > size or size > _MOST_REPEATED:
        raise wire.Damaged(f"has {len(values)} values where its shape {shape} needs {size}")
    # TensorFlow writes a run of equal values at the end only once.
    return shape, memoryview(b"".join(values) + values[-1] * (size - len(values)))


def _numbers(value: wire.Value, found: int, kind: int) -> list[bytes]:
    """Return the little-endian bytes of each number of a repeated field, packed or not."""
    if kind == wire.FIXED32:
        view = wire.as_view(value)
        if len(view) % 4:
            raise wire.Damaged("ends in the middle of a number")
        return [bytes(view[start : start + 4]) for start in range(0, len(view), 4)]
    numbers = [value] if found == wire.VARINT else []
    offset = 0
    while found == wire.BYTES and offset < len(view := wire.as_view(value)):
        number, offset = wire.read_varint(view, offset)
        numbers.append(number)
    return [struct.pack("<I", wire.as_int(number) & 0xFFFFFFFF) for number in numbers]


def attribute(node: Node, key: str, field: int) -> memoryview:
    """Return the bytes in one field of an attribute; Damaged where they are missing."""
    for found, _, value in wire.fields(node.attributes.get(key, memoryview(b""))):
        if found == field:
            return wire.as_view(value)
    raise wire.Damaged(f"lacks its {key}")


def data_type(node: Node) -> int:
    """Return the DataType of a constant, 0 where it has none."""
    for field, _, value in wire.fields(node.attributes.get("dtype", memoryview(b""))):
        if field == 6:
            return wire.as_int(value)
    return 0


def parse_shape(message: memoryview) -> list[int]:
    """Read a TensorShapeProto."""
    sizes = []
    for field, _, value in wire.fields(message):
        if field == 2:
            dimension = {key: part for key, _, part in wire.fields(wire.as_view(value))}
            sizes.append(wire.signed(wire.as_int(dimension.get(1, 0))))
    return sizes


def node_def(name: str, op: str, inputs: Sequence[str], **attributes: bytes) -> bytes:
    """Return a NodeDef; the attributes are AttrValue messages."""
    parts = [wire.block(1, name.encode()), wire.block(2, op.encode())]
    parts += [wire.block(3, source.encode()) for source in inputs]
    for key, value in attributes.items():
        parts.append(wire.block(5, wire.block(1, key.encode()), wire.block(2, value)))
    return b"".join(parts)


def tensor_shape(shape: Sequence[int]) -> bytes:
    """Return a TensorShapeProto."""
    return b"".join(wire.block(2, wire.integer(1, size)) for size in shape)
