"""The layers of a keyword network as plain arrays, passed from the trainer to the exporter.

Activations are [height, width, channels]; height is time. The operators are those that TensorFlow Lite Micro's
micro_speech example registers: RESHAPE, DEPTHWISE_CONV_2D, FULLY_CONNECTED and SOFTMAX.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Reshape:
    """The same values in another shape [height, width, channels]."""

    shape: tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Depthwise:
    """A depthwise convolution: each channel has its own kernels.

    Parameters
    ----------
    kernel : float32 [height, width, channels, multiplier].
    bias : float32 [channels * multiplier].
    stride : rows and columns between outputs.
    padding : "SAME" (zeros around, as TensorFlow places them) or "VALID".
    """

    name: str
    kernel: Array
    bias: Array
    stride: int = 1
    padding: str = "VALID"
    relu: bool = True


@dataclass(frozen=True, eq=False)
class Dense:
    """x @ kernel + bias over the channels at each position.

    Parameters
    ----------
    kernel : float32 [in, out].
    bias : float32 [out].
    """

    name: str
    kernel: Array
    bias: Array
    relu: bool = False


Layer = Reshape | Depthwise | Dense


def output_shape(layers: Sequence[Layer], inputs: int) -> tuple[int, int, int]:
    """Return the shape after the layers for `inputs` values.

    Raises
    ------
    ValueError : a layer does not fit the one before it.
    """
    shape = (1, 1, inputs)
    for layer in layers:
        if isinstance(layer, Reshape):
            if np.prod(layer.shape) != np.prod(shape):
                raise ValueError(f"{shape} cannot be reshaped to {layer.shape}")
            shape = layer.shape
        elif isinstance(layer, Depthwise):
            rows, columns, channels, multiplier = layer.kernel.shape
            if channels != shape[2] or layer.bias.shape != (channels * multiplier,):
                raise ValueError(f"{layer.name} takes {channels} channels and gets {shape[2]}")
            sizes = [
                -(-size // layer.stride) if layer.padding == "SAME" else (size - reach) // layer.stride + 1
                for size, reach in zip(shape[:2], (rows, columns), strict=True)
            ]
            if min(sizes) < 1:
                raise ValueError(f"{layer.name} is larger than its input, {shape}")
            shape = (sizes[0], sizes[1], channels * multiplier)
        else:
            if layer.kernel.shape[0] != shape[2] or layer.bias.shape != layer.kernel.shape[1:]:
                raise ValueError(f"{layer.name} takes {layer.kernel.shape[0]} channels and gets {shape[2]}")
            shape = (*shape[:2], layer.kernel.shape[1])
    return shape


def multiplications(layers: Sequence[Layer], inputs: int) -> int:
    """Return the number of products in one inference, including those with padding."""
    total = 0
    for index, layer in enumerate(layers):
        rows, columns, channels = output_shape(layers[: index + 1], inputs)
        if isinstance(layer, Depthwise):
            total += rows * columns * channels * int(np.prod(layer.kernel.shape[:2]))
        elif isinstance(layer, Dense):
            total += rows * columns * layer.kernel.size
    return total
