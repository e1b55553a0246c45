"""A .tflite file written table by table: tensors, operators and their constants.

The field and enumeration numbers are those of TensorFlow Lite's schema.fbs, version 3. Only what sentence networks
need is here; operators are written in their first version, so that any runtime takes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import flatbuffers
import numpy as np
import numpy.typing as npt
from flatbuffers import flexbuffers

FLOAT, INT32, STRING = 0, 2, 5
RELU = 1
_SCHEMA = 3
_IDENTIFIER = b"TFL3"
_ALIGNMENT = 16  # of constants, bytes
_CUSTOM = 32

# Operator: its number, the number of its options table, and that table's fields as (slot, kind).
_OPERATORS: dict[str, tuple[int, int, dict[str, tuple[int, str]]]] = {
    "ADD": (0, 11, {}),
    "CONCATENATION": (2, 10, {"axis": (0, "Int32")}),
    "FULLY_CONNECTED": (9, 8, {"activation": (0, "Int8")}),
    "LOGISTIC": (14, 0, {}),
    "MUL": (18, 21, {}),
    "RESHAPE": (22, 17, {}),
    "SOFTMAX": (25, 9, {"beta": (0, "Float32")}),
    "TANH": (28, 0, {}),
    "GATHER": (36, 23, {"axis": (0, "Int32")}),
    "SPLIT": (49, 35, {"num_splits": (0, "Int32")}),
    "MINIMUM": (57, 39, {}),
    "REDUCE_MAX": (82, 27, {}),
    "SPLIT_V": (102, 79, {"num_splits": (0, "Int32")}),
}

NONE = -1  # an input that is left out


@dataclass(frozen=True)
class _Tensor:
    name: str
    shape: tuple[int, ...]
    kind: int
    buffer: int


@dataclass(frozen=True)
class _Operator:
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, float]
    custom: bytes | None


class Graph:
    """A model with one subgraph; tensors are known by the number that the methods return."""

    def __init__(self) -> None:
        self._tensors: list[_Tensor] = []
        self._operators: list[_Operator] = []
        # The first buffer is empty by convention: that of every tensor that is computed.
        self._buffers: list[bytes] = [b""]

    def tensor(self, name: str, shape: Sequence[int], kind: int = FLOAT) -> int:
        """Add a tensor that is fed or computed."""
        return self._add(_Tensor(name, tuple(shape), kind, 0))

    def constant(self, name: str, value: npt.NDArray[np.generic]) -> int:
        """Add a constant, float32 or int32."""
        kind = INT32 if value.dtype == np.int32 else FLOAT
        content = np.ascontiguousarray(value, "<i4" if kind == INT32 else "<f4").tobytes()
        return self._add(_Tensor(name, value.shape, kind, self._buffer(content)))

    def text(self, name: str, value: bytes) -> int:
        """Add a constant string tensor of one string: the number of strings, where each begins and the end."""
        begin = 12
        content = np.array([1, begin, begin + len(value)], "<i4").tobytes() + value
        return self._add(_Tensor(name, (1,), STRING, self._buffer(content)))

    def operator(
        self, name: str, inputs: Sequence[int], outputs: Sequence[int], **options: float
    ) -> Sequence[int]:
        """Add an operator; return its outputs."""
        self._operators.append(_Operator(name, tuple(inputs), tuple(outputs), options, None))
        return outputs

    def custom(self, name: str, inputs: Sequence[int], output: int, options: Mapping[str, float]) -> int:
        """Add an operator that the runtime knows by its name; return its output."""
        packed = bytes(flexbuffers.Dumps(dict(options)))
        self._operators.append(_Operator(name, tuple(inputs), (output,), {}, packed))
        return output

    def serialised(self, inputs: Sequence[int], outputs: Sequence[int], description: str) -> bytes:
        """Return the file's content.

        Parameters
        ----------
        inputs, outputs : tensors that a runtime feeds and reads, in its order.
        """
        names = list(dict.fromkeys(operator.name for operator in self._operators))
        builder = flatbuffers.Builder(sum(len(buffer) + 64 for buffer in self._buffers) + 65536)
        buffers = [_buffer_table(builder, content) for content in self._buffers]
        tensors = [_tensor_table(builder, tensor) for tensor in self._tensors]
        operators = [_operator_table(builder, operator, names) for operator in self._operators]
        lists = {
            0: _tables(builder, tensors),
            1: _numbers(builder, inputs),
            2: _numbers(builder, outputs),
            3: _tables(builder, operators),
        }
        subgraph = _table(builder, 5, lists)
        codes = _tables(builder, [_code_table(builder, name) for name in names])
        parts = {1: codes, 2: _tables(builder, [subgraph]), 3: builder.CreateString(description)}
        parts[4] = _tables(builder, buffers)
        builder.StartObject(5)
        builder.PrependUint32Slot(0, _SCHEMA, 0)
        for slot, part in parts.items():
            builder.PrependUOffsetTRelativeSlot(slot, part, 0)
        builder.Finish(builder.EndObject(), file_identifier=_IDENTIFIER)
        return bytes(builder.Output())

    def _add(self, tensor: _Tensor) -> int:
        self._tensors.append(tensor)
        return len(self._tensors) - 1

    def _buffer(self, content: bytes) -> int:
        self._buffers.append(content)
        return len(self._buffers) - 1


def _table(builder: flatbuffers.Builder, slots: int, parts: Mapping[int, int]) -> int:
    """Write a table of nothing but references; return where it is."""
    builder.StartObject(slots)
    for slot, part in parts.items():
        builder.PrependUOffsetTRelativeSlot(slot, part, 0)
    return int(builder.EndObject())


def _tables(builder: flatbuffers.Builder, parts: Sequence[int]) -> int:
    builder.StartVector(4, len(parts), 4)
    for part in reversed(parts):
        builder.PrependUOffsetTRelative(part)
    return int(builder.EndVector())


def _numbers(builder: flatbuffers.Builder, numbers: Sequence[int]) -> int:
    return int(builder.CreateNumpyVector(np.array(numbers, np.int32)))


def _buffer_table(builder: flatbuffers.Builder, content: bytes) -> int:
    parts = {}
    if content:
        builder.StartVector(1, len(content), _ALIGNMENT)
        builder.head -= len(content)
        builder.Bytes[builder.head : builder.head + len(content)] = content
        parts[0] = int(builder.EndVector())
    return _table(builder, 1, parts)


def _tensor_table(builder: flatbuffers.Builder, tensor: _Tensor) -> int:
    shape, name = _numbers(builder, tensor.shape), builder.CreateString(tensor.name)
    builder.StartObject(4)
    builder.PrependUOffsetTRelativeSlot(0, shape, 0)
    builder.PrependInt8Slot(1, tensor.kind, 0)
    builder.PrependUint32Slot(2, tensor.buffer, 0)
    builder.PrependUOffsetTRelativeSlot(3, name, 0)
    return int(builder.EndObject())


def _operator_table(builder: flatbuffers.Builder, operator: _Operator, names: Sequence[str]) -> int:
    inputs, outputs = _numbers(builder, operator.inputs), _numbers(builder, operator.outputs)
    options_kind, options, custom = 0, 0, 0
    if operator.custom is not None:
        custom = builder.CreateByteVector(operator.custom)
    else:
        _, options_kind, fields = _OPERATORS[operator.name]
        if options_kind:
            builder.StartObject(4)
            for name, value in operator.options.items():
                slot, kind = fields[name]
                getattr(builder, f"Prepend{kind}Slot")(slot, value, 0)
            options = builder.EndObject()
    builder.StartObject(6)
    builder.PrependUint32Slot(0, names.index(operator.name), 0)
    builder.PrependUOffsetTRelativeSlot(1, inputs, 0)
    builder.PrependUOffsetTRelativeSlot(2, outputs, 0)
    builder.PrependUint8Slot(3, options_kind, 0)
    for slot, part in ((4, options), (5, custom)):
        if part:
            builder.PrependUOffsetTRelativeSlot(slot, part, 0)
    return int(builder.EndObject())


def _code_table(builder: flatbuffers.Builder, name: str) -> int:
    known = _OPERATORS.get(name)
    custom = 0 if known else builder.CreateString(name)
    number = known[0] if known else _CUSTOM
    builder.StartObject(4)
    # Runtimes of before 2020 read the first of them, later ones the larger.
    builder.PrependInt8Slot(0, number, 0)
    if custom:
        builder.PrependUOffsetTRelativeSlot(1, custom, 0)
    builder.PrependInt32Slot(2, 1, 1)
    builder.PrependInt32Slot(3, number, 0)
    return int(builder.EndObject())
