"""A .tflite file with one int8 network, read without trusting it: its operators, tensors and constants.

Schema: tensorflow/compiler/mlir/lite/schema/schema.fbs, version 3.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.schema_py_generated import BuiltinOperator, TensorType
from numpy.typing import NDArray

from asr.core.errors import ModelError

OPERATIONS = (
    "AVERAGE_POOL_2D", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "MAX_POOL_2D", "RESHAPE", "SOFTMAX"
)  # fmt: skip
# What a reshape becomes where the number of examples is open.
ANY_BATCH = ("SHAPE", "STRIDED_SLICE", "PACK")
LARGEST_COUNT = 1 << 22  # values of a picture that the runner takes


@dataclass(frozen=True)
class Tensor:
    """A tensor; `scales` and `zero_points` have one entry, or one for each channel of `axis`."""

    name: str
    shape: tuple[int, ...]
    type: int
    scales: NDArray[np.float32]
    zero_points: NDArray[np.int64]
    axis: int
    data: bytes

    @property
    def count(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def scale(self) -> np.float32:
        """The scale of a tensor with one."""
        return np.float32(self.scales[0])

    @property
    def zero_point(self) -> int:
        """The zero point of a tensor with one."""
        return int(self.zero_points[0])


class TfliteFile:
    """One file; its methods raise ModelError where the runner cannot run what they find."""

    def __init__(self, data: bytes, path: Path | str | None) -> None:
        self.path = path
        if data[4:8] != b"TFL3":
            raise self.refusal("not a .tflite file: it does not say TFL3 at byte 4")
        with self.checked():
            model = schema.Model.GetRootAs(data)
            if model.SubgraphsLength() != 1:
                raise self.refusal(f"{model.SubgraphsLength()} graphs in one .tflite file, not 1")
            self.graph = schema.SubGraphT.InitFromObj(model.Subgraphs(0))
            codes = [model.OperatorCodes(index) for index in range(model.OperatorCodesLength())]
            self.codes = [max(code.DeprecatedBuiltinCode(), code.BuiltinCode()) for code in codes]
            self.buffers = [model.Buffers(index).DataAsNumpy() for index in range(model.BuffersLength())]

    @contextmanager
    def checked(self) -> Iterator[None]:
        """Turn what the schema's classes raise on a damaged file into a ModelError."""
        try:
            yield
        except (struct.error, AttributeError, ArithmeticError, IndexError, TypeError, ValueError) as error:
            raise self.refusal("this .tflite file is damaged", "Export the model again") from error

    def refusal(self, what: str, fix: str = "") -> ModelError:
        """Return an error about this file."""
        return ModelError(what, path=self.path, fix=fix or (
            "The runner takes a chain of " + ", ".join(OPERATIONS) + " in int8"
        ))  # fmt: skip

    def kind(self, operator: Any) -> str:
        """Return the name of an operator, one of OPERATIONS."""
        name = name_of(BuiltinOperator, self.codes[operator.opcodeIndex])
        if name not in OPERATIONS:
            raise self.refusal(
                f"the operation {name} is not supported",
                "Give the Keras model a fixed batch size of 1 before it is converted" if name in ANY_BATCH else "",
            )
        return name

    def tensor(self, index: int) -> Tensor:
        """Return a tensor by its number."""
        if not 0 <= index < len(self.graph.tensors):
            raise IndexError(f"it names tensor {index} of {len(self.graph.tensors)}")
        found = self.graph.tensors[index]
        shape = () if found.shape is None else tuple(int(side) for side in found.shape)
        name = (found.name or b"").decode(errors="replace")
        if any(side < 1 for side in shape) or math.prod(shape) > LARGEST_COUNT:
            raise self.refusal(f"the tensor {name!r} has the shape {list(shape)}")
        quantisation = found.quantization or schema.QuantizationParametersT()
        scales = np.array([] if quantisation.scale is None else quantisation.scale, np.float32)
        zero_points = quantisation.zeroPoint
        if not (np.isfinite(scales).all() and (scales > 0).all()):
            raise self.refusal(f"the tensor {name!r} has a scale that is not above 0")
        data = self.buffers[found.buffer]
        return Tensor(
            name, shape, found.type, scales,
            np.zeros(scales.size, np.int64) if zero_points is None else np.array(zero_points, np.int64),
            quantisation.quantizedDimension, data.tobytes() if isinstance(data, np.ndarray) else b"",
        )  # fmt: skip

    def activation(self, index: int) -> Tensor:
        """Return a tensor of the chain: int8, one scale, one picture."""
        tensor = self.tensor(index)
        if tensor.type != TensorType.INT8:
            raise self.refusal(f"the tensor {tensor.name!r} is {name_of(TensorType, tensor.type).lower()}, not int8")
        if tensor.scales.size != 1 or tensor.zero_points.size != 1 or not -128 <= tensor.zero_point <= 127:
            raise self.refusal(f"the tensor {tensor.name!r} does not have exactly one scale and one int8 zero point")
        if len(tensor.shape) > 1 and tensor.shape[0] != 1:
            raise self.refusal(f"the tensor {tensor.name!r} holds {tensor.shape[0]} examples, not 1")
        return tensor

    def constant(self, others: list[Tensor | None], place: int, what: str, kind: int) -> NDArray[np.generic]:
        """Return the constant among an operation's `others`, int8 or int32."""
        dtype = np.dtype("i1" if kind == TensorType.INT8 else "<i4")
        tensor = others[place] if place < len(others) else None
        if tensor is None or tensor.type != kind or len(tensor.data) != math.prod(tensor.shape) * dtype.itemsize:
            raise self.refusal(f"the {what} are not constant {name_of(TensorType, kind).lower()}")
        return np.frombuffer(tensor.data, dtype).reshape(tensor.shape)


def name_of(kinds: Any, number: int) -> str:
    """Return an enumeration's name for a number."""
    return next((name for name, value in vars(kinds).items() if value == number), f"number {number}")
