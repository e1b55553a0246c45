"""A .tflite file built tensor by tensor, with the classes of TensorFlow Lite's schema.

Operators are written in their first version, so that any runtime takes them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

NONE = -1  # an input that is left out
FLOAT, INT32, STRING = schema.TensorType.FLOAT32, schema.TensorType.INT32, schema.TensorType.STRING
# Names of options that do not follow from the operator's.
_OPTIONS = {"MINIMUM": "MaximumMinimumOptions", "REDUCE_MAX": "ReducerOptions"}


class _Builder(flatbuffers.Builder):
    """Aligns the constants, and writes equal vectors (zero points, shapes) once: tables may share a vector."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._written: dict[tuple[str, bytes], int] = {}

    def CreateNumpyVector(self, x: npt.NDArray[Any]) -> int:  # noqa: N802
        key = (x.dtype.str, hashlib.sha256(x.data).digest())
        if key not in self._written:
            self._written[key] = super().CreateNumpyVector(x)
        return self._written[key]

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> Any:  # noqa: N802, N803
        # Bytes are weights, which the schema puts at multiples of 16; the object API leaves that out.
        return super().StartVector(elemSize, numElems, 16 if elemSize == 1 else alignment)


def pack(model: Any) -> bytes:
    """Return the file's content of a `ModelT`."""
    builder = _Builder(sum(buffer.data.size for buffer in model.buffers if buffer.data is not None) + 65536)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


class Graph:
    """A model with one subgraph; tensors are known by the number that the methods return."""

    def __init__(self) -> None:
        self._graph = schema.SubGraphT(tensors=[], operators=[])
        # The first buffer is empty by convention: that of every tensor that is computed.
        self._model = schema.ModelT(version=3, operatorCodes=[], subgraphs=[self._graph], buffers=[schema.BufferT()])
        self._codes: dict[str, int] = {}

    def tensor(self, name: str, shape: Sequence[int], kind: int = FLOAT, buffer: int = 0) -> int:
        """Add a tensor that is fed or computed."""
        sizes = np.array(shape, np.int32)
        self._graph.tensors.append(schema.TensorT(shape=sizes, type=kind, buffer=buffer, name=name))
        return len(self._graph.tensors) - 1

    def constant(self, name: str, value: npt.NDArray[np.float32] | npt.NDArray[np.int32] | bytes) -> int:
        """Add a constant: float32, int32, or one string."""
        if isinstance(value, bytes):
            # The number of strings, where each begins and where the last one ends.
            content = np.array([1, 12, 12 + len(value)], "<i4").tobytes() + value
            shape, kind = (1,), STRING
        else:
            content, shape, kind = value.tobytes(), value.shape, INT32 if value.dtype == np.int32 else FLOAT
        self._model.buffers.append(schema.BufferT(np.frombuffer(content, np.uint8)))
        return self.tensor(name, shape, kind, len(self._model.buffers) - 1)

    def operator(
        self, op: str, inputs: Sequence[int], name: str, shape: Sequence[int], kind: int = FLOAT, **options: float
    ) -> int:
        """Add an operator and its output of this name, shape and type; return the output.

        `options` are the fields of the operator's table in the schema.
        """
        output = self.tensor(name, shape, kind)
        self._operator(op, inputs, [output], options)
        return output

    def split(self, source: int, name: str, count: int, axis: int, shape: Sequence[int]) -> list[int]:
        """Add a SPLIT into `count` tensors of this shape; return them."""
        number = self.constant(f"{name}/axis", np.array(axis, np.int32))
        parts = [self.tensor(f"{name}/{index}", shape) for index in range(count)]
        self._operator("SPLIT", [number, source], parts, {"numSplits": count})
        return parts

    def reshape(self, source: int, name: str, shape: Sequence[int], kind: int = FLOAT) -> int:
        """Add a RESHAPE; return its output."""
        sizes = self.constant(f"{name}/shape", np.array(shape, np.int32))
        return self.operator("RESHAPE", [source, sizes], name, shape, kind)

    def serialised(self, inputs: Sequence[int], outputs: Sequence[int], description: str) -> bytes:
        """Return the file's content.

        Parameters
        ----------
        inputs, outputs : tensors that a runtime feeds and reads, in its order.
        """
        self._graph.inputs, self._graph.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
        self._model.description = description
        return pack(self._model)

    def _operator(self, op: str, inputs: Sequence[int], outputs: Sequence[int], options: Mapping[str, float]) -> None:
        code = getattr(schema.BuiltinOperator, op, schema.BuiltinOperator.CUSTOM)
        custom = code == schema.BuiltinOperator.CUSTOM
        if op not in self._codes:
            # Runtimes of before 2020 read the first of the two codes, later ones the larger.
            self._model.operatorCodes.append(schema.OperatorCodeT(min(code, 127), op if custom else None, 1, code))
            self._codes[op] = len(self._codes)
        ends = (np.array(places, np.int32) for places in (inputs, outputs))
        added = schema.OperatorT(self._codes[op], *ends)
        self._graph.operators.append(added)
        kind = _OPTIONS.get(op, "".join(map(str.capitalize, op.split("_"))) + "Options")
        if custom:
            added.customOptions = np.frombuffer(flexbuffers.Dumps(dict(options)), np.uint8)
        elif hasattr(schema.BuiltinOptions, kind):
            added.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            added.builtinOptions = getattr(schema, f"{kind}T")(**options)
