"""The network in a .tflite file, for the runner in firmware/lib.

Turns scales into fixed-point multipliers exactly as TensorFlow Lite's kernels do when they prepare themselves
(tensorflow/lite/kernels); what the runner cannot run identically is refused by name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.schema_py_generated import ActivationFunctionType, Padding, TensorType
from numpy.typing import NDArray

from export.int8_network import Layer, Network, Shape, Sides, quantise_multiplier, quantised_limit
from export.tflite_file import Tensor, TfliteFile, name_of

# Bits before the point of the differences in softmax.
DIFFERENCE_INTEGER_BITS = 5
# The longest side of a picture, and the most classes of a softmax, that the runner takes.
LARGEST_SIDE, LARGEST_SOFTMAX = 65_535, 256


def read_network(tflite: bytes, path: Path | str | None = None) -> Network:
    """Return the network in a .tflite file.

    Parameters
    ----------
    path : named in errors.

    Raises
    ------
    ModelError : the file is damaged, is not int8 from end to end, or holds what the runner lacks.
    """
    return _Reader(tflite, path).network()


class _Reader(TfliteFile):
    """Turns a file's operators into layers."""

    def network(self) -> Network:
        with self.checked():
            return self._network()

    def _network(self) -> Network:
        ends = [list(self.graph.inputs), list(self.graph.outputs)]
        if [len(end) for end in ends] != [1, 1]:
            raise self.refusal(f"{len(ends[0])} inputs and {len(ends[1])} outputs, not 1 and 1")
        (current,), (end,) = ends
        first, last = self.activation(current), self.activation(end)
        layers: list[Layer] = []
        for operator in self.graph.operators:
            inputs, outputs = list(operator.inputs), list(operator.outputs)
            kind = self.kind(operator)
            if not inputs or inputs[0] != current or len(outputs) != 1:
                raise self.refusal(f"{kind} does not take the output of the operation before it: not a chain")
            source, target = self.activation(current), self.activation(outputs[0])
            current = outputs[0]
            others = [self.tensor(index) if index >= 0 else None for index in inputs[1:]]
            layer = self.layer(kind, operator.builtinOptions, source, target, others)
            if layer is not None:
                layers.append(layer)
        if current != end:
            raise self.refusal("the last operation does not give the output")
        if not layers:
            raise self.refusal("a network without layers")
        return Network(tuple(layers), float(first.scale), first.zero_point, float(last.scale), last.zero_point)

    def layer(
        self, kind: str, options: Any, source: Tensor, target: Tensor, others: list[Tensor | None]
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
        self, kind: str, options: Any, source: Tensor, target: Tensor, others: list[Tensor | None]
    ) -> Layer:
        deep = kind == "DEPTHWISE_CONV_2D"
        weights = self.constant(others, 0, f"weights of a {kind}", TensorType.INT8)
        if weights.ndim != 4:
            raise self.refusal(f"the weights of a {kind} have {weights.ndim} dimensions, not 4")
        axis = 3 if deep else 0
        dilation = (options.dilationHFactor, options.dilationWFactor)
        if dilation != (1, 1):
            raise self.refusal(f"a {kind} with a dilation of {dilation[0]} x {dilation[1]}, not 1 x 1")
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
        stride = (options.strideH, options.strideW)
        padding = self.padding(kind, options.padding, kernel, stride, source, target)
        layer = self.weighted(
            kind, options.fusedActivationFunction, source, target, others, weights[0] if deep else weights,
            2 if deep else 0, scale_axis,
        )  # fmt: skip
        return Layer(
            "depthwise" if deep else "convolution", _picture(source), _picture(target), kernel, stride, padding,
            **layer,
        )  # fmt: skip

    def connected(self, options: Any, source: Tensor, target: Tensor, others: list[Tensor | None]) -> Layer:
        kind = "FULLY_CONNECTED"
        weights = self.constant(others, 0, f"weights of a {kind}", TensorType.INT8)
        if options.weightsFormat != 0 or weights.ndim != 2:
            raise self.refusal(f"the weights of a {kind} are shuffled or not a matrix")
        outputs, inputs = weights.shape
        # The same weights for every row: a layer over the channels of a picture's pixels has as many rows as those.
        rows, left = divmod(source.count, inputs) if inputs else (0, 1)
        if left or not 0 < rows <= LARGEST_SIDE or target.count != rows * outputs or target.shape[-1] != outputs:
            raise self.refusal(f"the weights of a {kind} do not fit its input and output")
        layer = self.weighted(kind, options.fusedActivationFunction, source, target, others, weights, 0, 0)
        return Layer("connected", (rows, 1, inputs), (rows, 1, outputs), **layer)

    def weighted(
        self, kind: str, activation: int, source: Tensor, target: Tensor, others: list[Tensor | None],
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
            biases = self.constant(others, 1, f"biases of a {kind}", TensorType.INT32).astype(np.int64)
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

    def pool(self, kind: str, options: Any, source: Tensor, target: Tensor) -> Layer:
        if (source.scale, source.zero_point) != (target.scale, target.zero_point):
            raise self.refusal(f"{kind} changes the scale of its values")
        kernel, stride = (options.filterHeight, options.filterWidth), (options.strideH, options.strideW)
        if source.shape[3] != target.shape[3]:
            raise self.refusal(f"{kind} changes the number of channels")
        padding = self.padding(kind, options.padding, kernel, stride, source, target)
        smallest, largest = self.limits(kind, options.fusedActivationFunction, target)
        return Layer(
            "average_pool" if kind == "AVERAGE_POOL_2D" else "max_pool", _picture(source), _picture(target),
            kernel, stride, padding, smallest=smallest, largest=largest,
        )  # fmt: skip

    def softmax(self, options: Any, source: Tensor, target: Tensor) -> Layer:
        if (float(target.scale), target.zero_point) != (1 / 256, -128):
            raise self.refusal("the output of a SOFTMAX is not in units of 1/256 from -128")
        channels = source.shape[-1]
        if source.shape != target.shape or channels > LARGEST_SOFTMAX:
            raise self.refusal(f"a SOFTMAX over {channels} values, or of another shape than its output")
        # TensorFlow Lite's PreprocessSoftmaxScaling and CalculateInputRadius.
        beta = float(np.float32(options.beta))
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

    def padding(self, kind: str, option: int, kernel: Sides, stride: Sides, source: Tensor, target: Tensor) -> Sides:
        """Return the padding at the top and left; check that the output is as large as it says."""
        sides = []
        for size, out, width, step in zip(source.shape[1:3], target.shape[1:3], kernel, stride, strict=True):
            if not (0 < width <= LARGEST_SIDE and 0 < step <= LARGEST_SIDE):
                raise self.refusal(f"{kind} with a kernel of {width} and a stride of {step}")
            expected = -(-size // step) if option == Padding.SAME else -(-(size - width + 1) // step)
            if out != expected:
                raise self.refusal(f"{kind} gives a side of {out} where {expected} was expected")
            sides.append(max((out - 1) * step + width - size, 0) // 2)
        return sides[0], sides[1]

    def limits(self, kind: str, activation: int, target: Tensor) -> Sides:
        """Return the smallest and largest byte of an output with this fused activation."""
        kinds = ActivationFunctionType
        if activation not in (kinds.NONE, kinds.RELU, kinds.RELU6):
            named = name_of(kinds, activation)
            raise self.refusal(f"{kind} with the fused activation {named}; RELU and RELU6 are supported")
        smallest, largest = -128, 127
        if activation != kinds.NONE:
            smallest = max(smallest, quantised_limit(0.0, target.scale, target.zero_point))
        if activation == kinds.RELU6:
            largest = min(largest, quantised_limit(6.0, target.scale, target.zero_point))
        return smallest, largest


def _picture(tensor: Tensor) -> Shape:
    return tensor.shape[1], tensor.shape[2], tensor.shape[3]
