"""An int8 network as the integers that a board computes with, for the runner in firmware/lib.

The fixed-point multipliers are TensorFlow Lite's own (tensorflow/lite/kernels/internal/quantization_util.cc).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int, int, int]
Sides = tuple[int, int]
Integers = NDArray[np.int32]


@dataclass(frozen=True)
class Layer:
    """One layer of the runner; pictures are int8 [height, width, channels].

    Attributes
    ----------
    kind : "convolution", "depthwise", "connected", "average_pool", "max_pool" or "softmax".
    input, output : height, width and channels.
    kernel, stride, padding : height and width; padding at the top and left.
    smallest, largest : limits of an output value: the fused activation.
    weights : int8; [output channels, height, width, input channels], [height, width, channels] or
        [output channels, input channels], by `kind`; like the next three empty in the kinds without weights.
    biases : int32 [output channels], minus the input's zero point times the sum of the channel's weights.
    multipliers, shifts : int32 [output channels]; a sum * multiplier / 2^31 * 2^shift is the output.
    difference_multiplier, difference_shift, smallest_difference : of a softmax.
    """

    kind: str
    input: Shape
    output: Shape
    kernel: Sides = (1, 1)
    stride: Sides = (1, 1)
    padding: Sides = (0, 0)
    input_zero_point: int = 0
    output_zero_point: int = 0
    smallest: int = -128
    largest: int = 127
    weights: NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, np.int8))
    biases: Integers = field(default_factory=lambda: np.zeros(0, np.int32))
    multipliers: Integers = field(default_factory=lambda: np.zeros(0, np.int32))
    shifts: Integers = field(default_factory=lambda: np.zeros(0, np.int32))
    difference_multiplier: int = 0
    difference_shift: int = 0
    smallest_difference: int = 0

    @property
    def multiplications(self) -> int:
        """Products of a value and a weight in one inference."""
        return self.weights.size * self.output[0] * self.output[1]


@dataclass(frozen=True)
class Network:
    """A chain of layers; real value = (byte - zero point) * scale."""

    layers: tuple[Layer, ...]
    input_scale: float
    input_zero_point: int
    output_scale: float
    output_zero_point: int

    @property
    def input_bytes(self) -> int:
        """Bytes of the input."""
        return math.prod(self.layers[0].input)

    @property
    def output_bytes(self) -> int:
        """Bytes of the output: number of classes."""
        return math.prod(self.layers[-1].output)

    @property
    def arena_bytes(self) -> int:
        """Bytes that the runner needs beside input and output, in the layout of neural_network.c."""
        largest = 0
        for index, layer in enumerate(self.layers):
            needed = _scratch(layer)
            needed += _rounded(math.prod(layer.input)) if index else 0
            needed += _rounded(math.prod(layer.output)) if index + 1 < len(self.layers) else 0
            largest = max(largest, needed)
        return largest


# ---------------------------------------------------------------------------------------------- fixed point


def quantise_multiplier(real: float) -> tuple[int, int]:
    """Return (multiplier, shift) with real = multiplier / 2^31 * 2^shift: TensorFlow Lite's QuantizeMultiplier."""
    if real == 0.0:
        return 0, 0
    fraction, shift = math.frexp(real)
    multiplier = math.floor(fraction * (1 << 31) + 0.5)
    if multiplier == 1 << 31:
        multiplier, shift = multiplier // 2, shift + 1
    return (0, 0) if shift < -31 else (multiplier, shift)


def quantised_limit(value: float, scale: np.float32, zero_point: int) -> int:
    """Return the byte of an activation's limit, divided and rounded as TensorFlow Lite does."""
    quotient = float(np.float32(value) / scale)
    return zero_point + int(math.copysign(math.floor(abs(quotient) + 0.5), quotient))


def _rounded(count: int) -> int:
    return (count + 3) & ~3


def _scratch(layer: Layer) -> int:
    taps = layer.kernel[0] * layer.kernel[1] * layer.input[2]
    if layer.kind == "depthwise":
        return _rounded(taps)
    return 2 * _rounded(taps) if layer.kind == "convolution" and layer.kernel != (1, 1) else 0
