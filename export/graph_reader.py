"""A TensorFlow graph read without TensorFlow: the nodes and constants of a .pb or .pbmm, as views of its bytes.

Nothing is trusted: every offset and size is checked before it is used, and no weights are copied. Needs NumPy only.
Wire format: protobuf.dev/programming-guides/encoding. Messages: tensorflow/core/framework, and
tensorflow/core/util/memmapped_file_system.proto for the .pbmm.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

PACKAGE = "memmapped_package://"  # prefix of a .pbmm's regions; the graph's own is this and a dot
FLOAT, INT32 = 1, 3  # DataType in types.proto
NUMBERS = {FLOAT: np.dtype("<f4"), INT32: np.dtype("<i4")}
_MOST_REPEATED = 1 << 16  # values that a run of equal ones may stand for; the rest as many times as there are values
_REPEATS = 16
_SIZES = {1: 8, 5: 4}  # bytes of the wire types of fixed size


class Damaged(ValueError):  # noqa: N818 - it reads as what it says: except Damaged
    """The file is not a graph that this project can use; the text is a full clause."""


class Message:
    """The fields of a protobuf message; a field that is missing has protobuf's default.

    Raises
    ------
    Damaged : the bytes are not a message, or (from the methods) a field has another type.
    """

    def __init__(self, data: memoryview) -> None:
        self._fields: dict[int, list[int | memoryview]] = {}
        offset = 0
        while offset < len(data):
            key, offset = _varint(data, offset)
            value: int | memoryview
            if key & 7 == 0:
                value, offset = _varint(data, offset)
            else:
                length = _SIZES.get(key & 7, 0)
                if key & 7 == 2:
                    length, offset = _varint(data, offset)
                elif not length:
                    raise Damaged(f"a field of the file has the unknown type {key & 7}")
                if length > len(data) - offset:
                    raise Damaged("the file ends in the middle of a field")
                value = data[offset : offset + length]
                offset += length
            self._fields.setdefault(key >> 3, []).append(value)

    def views(self, field: int) -> list[memoryview]:
        """Return the values of a repeated field of strings, bytes, messages or packed numbers."""
        found = [value for value in self._fields.get(field, []) if isinstance(value, memoryview)]
        if len(found) != len(self._fields.get(field, [])):
            raise Damaged("the file has a number where bytes belong")
        return found

    def messages(self, field: int) -> list[Message]:
        """Return the values of a repeated field of messages."""
        return [Message(view) for view in self.views(field)]

    def message(self, field: int) -> Message:
        """Return a message; an empty one where it is missing."""
        return Message(self.view(field))

    def view(self, field: int) -> memoryview:
        """Return the bytes of a field."""
        return (self.views(field) or [memoryview(b"")])[-1]

    def text(self, field: int) -> str:
        """Return a string."""
        try:
            return str(self.view(field), "utf-8")
        except UnicodeDecodeError:
            raise Damaged("the file has a name that is not UTF-8") from None

    def number(self, field: int) -> int:
        """Return an integer, bool or enum; integers as int64."""
        value = self._fields.get(field, [0])[-1]
        if not isinstance(value, int):
            raise Damaged("the file has bytes where a number belongs")
        return value - (1 << 64) if value >> 63 else value

    def real(self, field: int) -> float:
        """Return a float."""
        view = self.view(field)
        if len(view) not in (0, 4):
            raise Damaged("the file has other bytes where a float belongs")
        return float(np.frombuffer(view, "<f4")[0]) if view else 0.0

    def numbers(self, field: int, dtype: np.dtype[np.generic]) -> npt.NDArray[np.generic]:
        """Return a packed repeated field of int32 or float as an array of `dtype`."""
        data = memoryview(b"".join(self.views(field)))
        if dtype == NUMBERS[FLOAT]:
            if len(data) % 4:
                raise Damaged("the file ends in the middle of a number")
            return np.frombuffer(data, dtype)
        values, offset = [], 0
        while offset < len(data):
            number, offset = _varint(data, offset)
            values.append(number & 0xFFFFFFFF)
        return np.array(values, "<u4").view(dtype)


def _varint(data: memoryview, offset: int) -> tuple[int, int]:
    """Return the unsigned number at `offset`, and the offset after it."""
    value = 0
    for shift in range(0, 70, 7):
        if offset >= len(data):
            raise Damaged("the file ends in the middle of a number")
        byte = data[offset]
        offset += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (1 << 64) - 1, offset
    raise Damaged("the file has a number that is too long")


@dataclass(frozen=True)
class Node:
    """A node of a graph."""

    name: str
    op: str
    inputs: tuple[str, ...]  # "name" or "name:port", without control inputs
    attributes: Mapping[str, Message]  # AttrValue: 4 f, 5 b, 6 type, 7 shape, 8 tensor

    def attribute(self, key: str) -> Message:
        """Return an AttrValue; Damaged where it is missing."""
        if key not in self.attributes:
            raise Damaged(f"{self.name} lacks its {key}")
        return self.attributes[key]

    @property
    def is_numeric(self) -> bool:
        """Whether it is a constant of float32 or int32."""
        numbers = self.op == "Const" and self.attribute("dtype").number(6) in NUMBERS
        return numbers or self.op == "ImmutableConst"


def read_nodes(graph: memoryview) -> dict[str, Node]:
    """Return the nodes of a serialised GraphDef by name."""
    nodes = {}
    for message in Message(graph).messages(1):
        attributes = {entry.text(1): entry.message(2) for entry in message.messages(5)}
        inputs = [str(view, "utf-8", "replace").removesuffix(":0") for view in message.views(3)]
        sources = tuple(name for name in inputs if not name.startswith("^"))
        nodes[message.text(1)] = Node(message.text(1), message.text(2), sources, attributes)
    return nodes


def read_shape(message: Message) -> list[int]:
    """Return the sizes in a TensorShapeProto; -1 is unknown."""
    return [dimension.number(1) for dimension in message.messages(2)]


def read_constant(node: Node, regions: Mapping[str, memoryview]) -> npt.NDArray[np.generic]:
    """Return a view of the values of a float32 or int32 Const or ImmutableConst; Damaged names the node."""
    dtype = NUMBERS.get(node.attribute("dtype").number(6))
    if dtype is None or node.op not in ("Const", "ImmutableConst"):
        raise Damaged(f"{node.name} is not a constant of float32 or int32")
    if node.op == "ImmutableConst":
        shape = read_shape(node.attribute("shape").message(7))
        name = node.attribute("memory_region_name").text(2)
        if name not in regions:
            raise Damaged(f"{node.name} names the region {name}, which the file does not have")
        content = np.frombuffer(regions[name], np.uint8)
    else:
        tensor = node.attribute("value").message(8)
        shape, content = read_shape(tensor.message(2)), np.frombuffer(tensor.view(4), np.uint8)
        values = tensor.numbers(5 if dtype == NUMBERS[FLOAT] else 7, dtype)
        size = math.prod(shape)
        if not content.size and 0 < len(values) <= size <= max(_MOST_REPEATED, _REPEATS * len(values)):
            # TensorFlow writes a run of equal values at the end only once.
            content = np.concatenate([values, np.full(size - len(values), values[-1], dtype)]).view(np.uint8)
    needed = 4 * math.prod(shape)
    if min(shape, default=0) < 0 or content.size != needed:
        raise Damaged(f"the constant {node.name} has {content.size} bytes where its shape {shape} needs {needed}")
    return content.view(dtype).reshape(shape)


def read_regions(data: memoryview) -> dict[str, memoryview]:
    """Return the regions of a .pbmm by name, the graph's own among them."""
    start = int.from_bytes(data[-8:], "little")
    if len(data) < 8 or start > len(data) - 8:
        raise Damaged("the file is cut off or damaged: its directory is not where its last bytes say")
    regions: dict[str, memoryview] = {}
    for entry in Message(data[start:-8]).messages(1):
        offset, name, length = entry.number(1), entry.text(2), entry.number(3)
        if not 0 <= offset <= start or not 0 <= length <= start - offset or name in regions:
            raise Damaged(f"the file is damaged: its region {name} lies outside it, or is there twice")
        regions[name] = data[offset : offset + length]
    if not regions.get(f"{PACKAGE}."):
        raise Damaged("the file is cut off or damaged: it holds no graph")
    return regions
