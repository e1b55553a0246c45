"""A .tflite file read as a network for the runner in firmware/lib.

Reads the file's tables and turns scales into fixed-point multipliers exactly as TensorFlow Lite's kernels do when
they prepare themselves; whatever the runner in firmware/lib could not run the same is refused by name. Schema:
tensorflow/compiler/mlir/lite/schema/schema.fbs (version 3); arithmetic: tensorflow/lite/kernels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asr.core.errors import ModelError
from export import flatbuffer
from export.flatbuffer import Table
from export.int8_network import Layer, Network, Shape, Sides, quantise_multiplier, quantised_limit

IDENTIFIER = b"TFL3"
INT8, INT32 = 9, 2
TYPES = {0: "float32", 1: "float16", 2: "int32", 3: "uint8", 4: "int64", 7: "int16", 9: "int8", 17: "int4"}
OPERATIONS = {
    1: "AVERAGE_POOL_2D", 3: "CONV_2D", 4: "DEPTHWISE_CONV_2D", 9: "FULLY_CONNECTED", 17: "MAX_POOL_2D",
    22: "RESHAPE", 25: "SOFTMAX",
}  # fmt: skip
# Others that a small network is likely to hold, so that a refusal can name them.
FOREIGN = {
    0: "ADD", 2: "CONCATENATION", 6: "DEQUANTIZE", 14: "LOGISTIC", 16: "LSTM", 18: "MUL", 19: "RELU", 21: "RELU6",
    28: "TANH", 34: "PAD", 36: "GATHER", 39: "TRANSPOSE", 40: "MEAN", 41: "SUB", 43: "SQUEEZE", 44:
    "UNIDIRECTIONAL_SEQUENCE_LSTM", 45: "STRIDED_SLICE", 49: "SPLIT", 60: "PADV2", 70: "EXPAND_DIMS",
    77: "SHAPE", 83: "PACK", 98: "LEAKY_RELU", 99: "SQUARED_DIFFERENCE", 114: "QUANTIZE", 117: "HARD_SWISH",
}  # fmt: skip
# What a reshape becomes where the number of examples is open.
ANY_BATCH = ("SHAPE", "STRIDED_SLICE", "PACK")
NONE, RELU, RELU6 = 0, 1, 3
ACTIVATIONS = {2: "RELU_N1_TO_1", 4: "TANH", 5: "SIGN_BIT"}
SAME = 0
# Bits before the point of the differences in softmax.
DIFFERENCE_INTEGER_BITS = 5
# The most values that a picture, and the most classes that a softmax of the runner takes.
LARGEST_COUNT, LARGEST_SIDE, LARGEST_SOFTMAX = 1 << 22, 65_535, 256


def read_network(tflite: bytes, path: Path | str | None = None) -> Network:
    """Return the network in a .tflite file.

    Parameters
    ----------
    path : that errors shall name.

    Raises
    ------
    ModelError : the file is damaged, is not int8 from end to end, or holds what the runner has not.
    """
    try:
        return _Reader(tflite, path).network()
    except flatbuffer.Damaged as error:
        raise ModelError(f"this .tflite file {error}", path=path, fix="Export the model again") from None


# ---------------------------------------------------------------------------------------------- the file


@dataclass(frozen=True)
class _Tensor:
    name: str
    shape: tuple[int, ...]
    type: int
    scales: NDArray[np.float32]
    zero_points: NDArray[np.int64]
    axis: int
    data: bytes

    @property
    def count(self) -> int:
        return math.prod(self.shape)

    @property
    def scale(self) -> np.float32:
        return np.float32(self.scales[0])

    @property
    def zero_point(self) -> int:
        return int(self.zero_points[0])


class _Reader:
    """Reads one file; every method raises ModelError where it finds what the runner could not run."""

    def __init__(self, data: bytes, path: Path | str | None) -> None:
        self.path = path
        if data[4:8] != IDENTIFIER:
            raise self.refusal("no .tflite file: it does not say TFL3 at byte 4")
        model = flatbuffer.root(data)
        graphs = model.tables(2)
        if len(graphs) != 1:
            raise self.refusal(f"{len(graphs)} graphs in one .tflite file, not 1")
        self.buffers = model.tables(4)
        self.codes = [
            max(code.integer(0, "b"), code.integer(3)) for code in model.tables(1)
        ]
        self.graph = graphs[0]
        self.tensors = self.graph.tables(0)
        self.operators = self.graph.tables(3)

    def refusal(self, what: str, fix: str = "") -> ModelError:
        return ModelError(what, path=self.path, fix=fix or (
            "The runner takes a chain of " + ", ".join(OPERATIONS.values()) + " in int8"
        ))  # fmt: skip

    def network(self) -> Network:
        ends = [self.graph.array(field, "<i4").tolist() for field in (1, 2)]
        if [len(end) for end in ends] != [1, 1]:
            raise self.refusal(f"{len(ends[0])} inputs and {len(ends[1])} outputs, not 1 and 1")
        (current,), (end,) = ends
        first, last = self.activation(current), self.activation(end)
        layers: list[Layer] = []
        for operator in self.operators:
            inputs, outputs = (operator.array(field, "<i4").tolist() for field in (1, 2))
            kind = self.kind(operator)
            if not inputs or inputs[0] != current or len(outputs) != 1:
                raise self.refusal(f"{kind} does not take what the operation before it gives: no chain")
            source, target = self.activation(current), self.activation(outputs[0])
            current = outputs[0]
            others = [self.tensor(index) if index >= 0 else None for index in inputs[1:]]
            layer = self.layer(kind, operator.table(4) or Table(b"\4\0\4\0\4\0\0\0", 4), source, target, others)
            if layer is not None:
                layers.append(layer)
        if current != end:
            raise self.refusal("the last operation does not give the output")
        if not layers:
            raise self.refusal("a network without layers")
        return Network(
            tuple(layers), float(first.scale), first.zero_point, float(last.scale), last.zero_point
        )

    def kind(self, operator: Table) -> str:
        index = operator.integer(0, "I")
        if index >= len(self.codes):
            raise flatbuffer.Damaged(f"names operation {index} of {len(self.codes)}")
        code = self.codes[index]
        if code not in OPERATIONS:
            named = FOREIGN.get(code, f"number {code}")
            raise self.refusal(
                f"the operation {named} is not supported",
                "Give the Keras model a fixed batch size of 1 before it is converted" if named in ANY_BATCH else "",
            )
        return OPERATIONS[code]

    def tensor(self, index: int) -> _Tensor:
        if not 0 <= index < len(self.tensors):
            raise flatbuffer.Damaged(f"names tensor {index} of {len(self.tensors)}")
        table = self.tensors[index]
        shape = tuple(int(side) for side in table.array(0, "<i4"))
        name = table.array(3, "u1").tobytes().decode(errors="replace")
        if any(side < 1 for side in shape) or math.prod(shape) > LARGEST_COUNT:
            raise self.refusal(f"the tensor {name!r} has the shape {list(shape)}")
        quantisation = table.table(4) or Table(b"\4\0\4\0\4\0\0\0", 4)
        scales = quantisation.array(2, "<f4").astype(np.float32)
        zero_points = quantisation.array(3, "<i8").astype(np.int64)
        if not (np.isfinite(scales).all() and (scales > 0).all()):
            raise self.refusal(f"the tensor {name!r} has a scale that is not above 0")
        buffer = table.integer(2, "I")
        if buffer >= len(self.buffers):
            raise flatbuffer.Damaged(f"names buffer {buffer} of {len(self.buffers)}")
        return _Tensor(
            name, shape, table.integer(1, "b"), scales,
            zero_points if zero_points.size else np.zeros(scales.size, np.int64),
            quantisation.integer(6), self.buffers[buffer].array(0, "u1").tobytes(),
        )  # fmt: skip

    def activation(self, index: int) -> _Tensor:
        """Return a tensor of the chain: int8, one scale, one picture."""
        tensor = self.tensor(index)
        if tensor.type != INT8:
            found = TYPES.get(tensor.type, f"type {tensor.type}")
            raise self.refusal(f"the tensor {tensor.name!r} is {found}, not int8")
        if tensor.scales.size != 1 or tensor.zero_points.size != 1 or not -128 <= tensor.zero_point <= 127:
            raise self.refusal(f"the tensor {tensor.name!r} has no scale and zero point for all of it")
        if len(tensor.shape) > 1 and tensor.shape[0] != 1:
            raise self.refusal(f"the tensor {tensor.name!r} holds {tensor.shape[0]} examples, not 1")
        return tensor

    def constant(self, tensor: _Tensor | None, what: str, dtype: str, kind: int) -> NDArray[np.generic]:
        if tensor is None or tensor.type != kind or len(tensor.data) != tensor.count * np.dtype(dtype).itemsize:
            raise self.refusal(f"the {what} are not constant {TYPES[kind]}")
        return np.frombuffer(tensor.data, dtype).reshape(tensor.shape)

    # ------------------------------------------------------------------------------------------ layers

    def layer(
        self, kind: str, options: Table, source: _Tensor, target: _Tensor, others: list[_Tensor | None]
    ) -> Layer | None:
        if kind == "RESHAPE":
            if source.count != target.count or source.scale != target.scale:
                raise self.refusal("a RESHAPE changes how many values there are, or their scale")
            return None
        if kind == "SOFTMAX":
            return self.softmax(options, source, target)
        if kind == "FULLY_CONNECTED":
            return self.connected(options, source, target, others)
        if len(source.shape) != 4 or len(target.shape) != 4:
            raise self.refusal(f"{kind} of a tensor with {len(source.shape)} dimensions, not 4")
        if kind in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
            return self.pool(kind, options, source, target)
        return self.convolution(kind, options, source, target, others)

    def convolution(
        self, kind: str, options: Table, source: _Tensor, target: _Tensor, others: list[_Tensor | None]
    ) -> Layer:
        deep = kind == "DEPTHWISE_CONV_2D"
        weights = np.asarray(self.constant(others[0] if others else None, f"weights of a {kind}", "i1", INT8))
        if weights.ndim != 4:
            raise self.refusal(f"the weights of a {kind} have {weights.ndim} dimensions, not 4")
        axis, activation = (3, 4) if deep else (0, 3)
        dilation = [options.integer(field, "i", 1) for field in ((5, 6) if deep else (4, 5))]
        if dilation != [1, 1]:
            raise self.refusal(f"a {kind} with a dilation of {dilation[1]} x {dilation[0]}, not 1 x 1")
        incoming = source.shape[3]
        if deep and incoming == 1:
            # Several kernels over a single channel are an ordinary convolution.
            weights, axis, deep = weights.transpose(3, 1, 2, 0), 0, False
            scale_axis = 3
        else:
            scale_axis = axis
        if deep and weights.shape[3] != incoming:
            raise self.refusal(f"a {kind} with {weights.shape[3]} kernels for {incoming} channels")
        if weights.shape[axis] != target.shape[3] or weights.shape[3] != (incoming if not deep else target.shape[3]):
            raise self.refusal(f"the weights of a {kind} do not fit its input and output")
        kernel = (weights.shape[1], weights.shape[2])
        stride = (options.integer(2), options.integer(1))
        padding = self.padding(kind, options.integer(0, "b"), kernel, stride, source, target)
        layer = self.weighted(
            kind, options.integer(activation, "b"), source, target, others, weights[0] if deep else weights,
            2 if deep else 0, scale_axis,
        )  # fmt: skip
        return Layer(
            "depthwise" if deep else "convolution", _picture(source), _picture(target), kernel, stride, padding,
            **layer,
        )  # fmt: skip

    def connected(
        self, options: Table, source: _Tensor, target: _Tensor, others: list[_Tensor | None]
    ) -> Layer:
        kind = "FULLY_CONNECTED"
        weights = np.asarray(self.constant(others[0] if others else None, f"weights of a {kind}", "i1", INT8))
        if options.integer(1, "b") != 0 or weights.ndim != 2:
            raise self.refusal(f"the weights of a {kind} are shuffled or not a matrix")
        outputs, inputs = weights.shape
        # The same weights for every row: a layer over the channels of a picture's pixels has as many rows as those.
        rows, left = divmod(source.count, inputs) if inputs else (0, 1)
        if left or not 0 < rows <= LARGEST_SIDE or target.count != rows * outputs or target.shape[-1] != outputs:
            raise self.refusal(f"the weights of a {kind} do not fit its input and output")
        layer = self.weighted(kind, options.integer(0, "b"), source, target, others, weights, 0, 0)
        return Layer("connected", (rows, 1, inputs), (rows, 1, outputs), **layer)

    def weighted(
        self, kind: str, activation: int, source: _Tensor, target: _Tensor, others: list[_Tensor | None],
        weights: NDArray[np.generic], axis: int, scale_axis: int,
    ) -> dict[str, Any]:  # fmt: skip
        """Return what layers with weights have in common; `axis` of the weights is that of the outputs."""
        tensor = others[0]
        assert tensor is not None
        channels = weights.shape[axis]
        if tensor.scales.size not in (1, channels) or (tensor.scales.size > 1 and tensor.axis != scale_axis):
            raise self.refusal(f"the weights of a {kind} have {tensor.scales.size} scales for {channels} channels")
        if np.any(tensor.zero_points != 0):
            raise self.refusal(f"the weights of a {kind} have a zero point that is not 0")
        if len(others) > 1 and others[1] is not None:
            biases = np.asarray(self.constant(others[1], f"biases of a {kind}", "<i4", INT32)).astype(np.int64)
        else:
            biases = np.zeros(channels, np.int64)
        if biases.shape != (channels,):
            raise self.refusal(f"{biases.size} biases of a {kind} for {channels} channels")
        rows = np.moveaxis(weights.astype(np.int64), axis, 0).reshape(channels, -1)
        furthest = max(127 - source.zero_point, 128 + source.zero_point)
        folded = biases - source.zero_point * rows.sum(1)
        largest = np.maximum(np.abs(biases) + furthest * np.abs(rows).sum(1), np.abs(folded))
        if np.any(largest >= 1 << 31):
            raise self.refusal(f"the sums of a {kind} can overflow 32 bits")
        if kind == "FULLY_CONNECTED" and tensor.scales.size == 1:
            # For these TensorFlow Lite multiplies the two scales as float32.
            products = np.broadcast_to(np.float64(source.scale * tensor.scale), channels)
        else:
            products = np.float64(source.scale) * np.broadcast_to(tensor.scales.astype(np.float64), channels)
        pairs = [quantise_multiplier(float(product) / float(target.scale)) for product in products]
        if any(shift > 30 for _, shift in pairs):
            raise self.refusal(f"the scales of a {kind} are too far apart")
        smallest, greatest = self.limits(kind, activation, target)
        return {
            "input_zero_point": source.zero_point, "output_zero_point": target.zero_point,
            "smallest": smallest, "largest": greatest,
            "weights": np.ascontiguousarray(weights, np.int8), "biases": folded.astype(np.int32),
            "multipliers": np.array([multiplier for multiplier, _ in pairs], np.int32),
            "shifts": np.array([shift for _, shift in pairs], np.int32),
        }  # fmt: skip

    def pool(self, kind: str, options: Table, source: _Tensor, target: _Tensor) -> Layer:
        if (source.scale, source.zero_point) != (target.scale, target.zero_point):
            raise self.refusal(f"{kind} changes the scale of its values")
        kernel, stride = (options.integer(4), options.integer(3)), (options.integer(2), options.integer(1))
        if source.shape[3] != target.shape[3]:
            raise self.refusal(f"{kind} changes the number of channels")
        padding = self.padding(kind, options.integer(0, "b"), kernel, stride, source, target)
        smallest, largest = self.limits(kind, options.integer(5, "b"), target)
        return Layer(
            "average_pool" if kind == "AVERAGE_POOL_2D" else "max_pool", _picture(source), _picture(target),
            kernel, stride, padding, smallest=smallest, largest=largest,
        )  # fmt: skip

    def softmax(self, options: Table, source: _Tensor, target: _Tensor) -> Layer:
        if (float(target.scale), target.zero_point) != (1 / 256, -128):
            raise self.refusal("the output of a SOFTMAX is not in units of 1/256 from -128")
        channels = source.shape[-1]
        if source.shape != target.shape or channels > LARGEST_SOFTMAX:
            raise self.refusal(f"a SOFTMAX over {channels} values, or of another shape than its output")
        # TensorFlow Lite's PreprocessSoftmaxScaling and CalculateInputRadius.
        beta = float(np.float32(options.real(0)))
        real = min(beta * float(source.scale) * (1 << (31 - DIFFERENCE_INTEGER_BITS)), (1 << 31) - 1.0)
        multiplier, shift = quantise_multiplier(real)
        if not 0 <= shift <= 30:
            raise self.refusal(f"a SOFTMAX with the scale {float(source.scale):g} and beta {beta:g}")
        radius = ((1 << DIFFERENCE_INTEGER_BITS) - 1) << (31 - DIFFERENCE_INTEGER_BITS) >> shift
        shape = (1, source.count // channels, channels)
        return Layer(
            "softmax", shape, shape, difference_multiplier=multiplier, difference_shift=shift,
            smallest_difference=-radius,
        )  # fmt: skip

    def padding(
        self, kind: str, option: int, kernel: Sides, stride: Sides, source: _Tensor, target: _Tensor
    ) -> Sides:
        """Return the padding at the top and left; check that the output is as large as it says."""
        sides = []
        for size, out, width, step in zip(source.shape[1:3], target.shape[1:3], kernel, stride, strict=True):
            if not (0 < width <= LARGEST_SIDE and 0 < step <= LARGEST_SIDE):
                raise self.refusal(f"{kind} with a kernel of {width} and a stride of {step}")
            expected = -(-size // step) if option == SAME else -(-(size - width + 1) // step)
            if out != expected:
                raise self.refusal(f"{kind} gives a side of {out} where {expected} was expected")
            sides.append(max((out - 1) * step + width - size, 0) // 2)
        return sides[0], sides[1]

    def limits(self, kind: str, activation: int, target: _Tensor) -> Sides:
        """Return the smallest and largest byte of an output with this fused activation."""
        if activation not in (NONE, RELU, RELU6):
            named = ACTIVATIONS.get(activation, f"number {activation}")
            raise self.refusal(f"{kind} with the fused activation {named}; RELU and RELU6 are known")
        smallest, largest = -128, 127
        if activation != NONE:
            smallest = max(smallest, quantised_limit(0.0, target.scale, target.zero_point))
        if activation == RELU6:
            largest = min(largest, quantised_limit(6.0, target.scale, target.zero_point))
        return smallest, largest


def _picture(tensor: _Tensor) -> Shape:
    return tensor.shape[1], tensor.shape[2], tensor.shape[3]
