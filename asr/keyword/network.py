"""The keyword networks in Keras, and the same networks as plain layers once they are trained.

`tiny_conv` is TensorFlow's own of the micro_speech example (speech_commands/models.py): 8 filters of 10 x 8 with a
stride of 2, then one dense layer. `separable` alternates pointwise layers over channels and depthwise ones over
time (Howard et al., MobileNets, 2017), and ends in a filter as long as the clip.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np

from asr.keyword.frontend import SLICES
from asr.layers.keyword import Dense, Depthwise, Layer, Reshape

# Real value of a feature byte q: (q + 128) * SCALE, micro_speech's 0 to 26.
SCALES = {"micro": 26.0 / 256.0, "average": 127.5 / 255.0}
ZERO_POINT = -128
_FRONT = {"micro": 1.0, "average": 0.2}  # scales the second recipe to the first one's range
# Of the batch normalisation's running means; small sets have few steps to follow the weights.
_MOMENTUM = 0.9


def build(name: str, channels: int, outputs: int, *, width: int = 32, dropout: float = 0.0, seed: int = 1) -> Any:
    """Return an untrained Keras model from features float32 [batch, 49 * channels] to logits [batch, outputs].

    Parameters
    ----------
    name : "tiny_conv" or "separable".
    channels : features of a slice.
    width : channels of the separable network.
    """
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((SLICES * channels,))
    make = {"tiny_conv": _tiny_conv, "separable": _separable}[name]
    return keras.Model(inputs, make(inputs, channels, outputs, width, dropout), name=name)


def _tiny_conv(inputs: Any, channels: int, outputs: int, width: int, dropout: float) -> Any:
    """As in TensorFlow, with its initial values; `width` is ignored."""
    truncated = keras.initializers.TruncatedNormal(stddev=0.01)
    x = keras.layers.Reshape((SLICES, channels, 1))(inputs)
    x = keras.layers.Conv2D(8, (10, 8), 2, "same", activation="relu", kernel_initializer=truncated, name="conv")(x)
    x = keras.layers.Dropout(0.5)(x)
    x = keras.layers.Flatten()(x)
    return keras.layers.Dense(outputs, kernel_initializer=truncated, name="logits")(x)


def _separable(inputs: Any, channels: int, outputs: int, width: int, dropout: float) -> Any:
    x = keras.layers.Reshape((SLICES, 1, channels))(inputs)
    x = _mix(x, width, "mix_1")
    for index, (reach, stride) in enumerate(BLOCKS, start=2):
        x = _filter(x, reach, stride, "same", f"filter_{index}", relu=False)
        x = _mix(x, width, f"mix_{index}")
    x = _filter(x, x.shape[1], 1, "valid", "whole", relu=True)
    x = keras.layers.Reshape((width,))(x)
    x = keras.layers.Dropout(dropout)(x)
    return keras.layers.Dense(outputs, name="logits")(x)


# Reach and stride of the filters over time, in slices of their input.
BLOCKS = ((7, 2), (7, 1), (7, 1), (7, 1))


def _mix(x: Any, width: int, name: str) -> Any:
    x = keras.layers.Dense(width, use_bias=False, name=name)(x)
    x = keras.layers.BatchNormalization(momentum=_MOMENTUM, name=f"{name}_norm")(x)
    return keras.layers.ReLU()(x)


def _filter(x: Any, reach: int, stride: int, padding: str, name: str, *, relu: bool) -> Any:
    x = keras.layers.DepthwiseConv2D((reach, 1), stride, padding, use_bias=False, name=name)(x)
    x = keras.layers.BatchNormalization(momentum=_MOMENTUM, name=f"{name}_norm")(x)
    return keras.layers.ReLU()(x) if relu else x


def as_layers(model: Any, scale: float = 1.0) -> list[Layer]:
    """Return a trained model as plain layers, each normalisation folded into the layer before it.

    Parameters
    ----------
    scale : factor of the features in training, folded into the first layer.
    """
    found: list[Layer] = []
    pending = scale
    for layer in model.layers:
        if isinstance(layer, (keras.layers.Reshape, keras.layers.Flatten)):
            shape = tuple(int(size) for size in layer.output.shape[1:])
            found.append(Reshape((1,) * (3 - len(shape)) + shape))  # type: ignore[arg-type]
        elif isinstance(layer, (keras.layers.DepthwiseConv2D, keras.layers.Conv2D, keras.layers.Dense)):
            kernel = np.asarray(layer.kernel, np.float32) * np.float32(pending)
            outputs = kernel.shape[-1] if isinstance(layer, keras.layers.Dense) else kernel.shape[2] * kernel.shape[3]
            bias = np.asarray(layer.bias, np.float32) if layer.use_bias else np.zeros(outputs, np.float32)
            pending = 1.0
            if isinstance(layer, keras.layers.Dense):
                found.append(Dense(layer.name, kernel, bias))
                continue
            if not isinstance(layer, keras.layers.DepthwiseConv2D) and kernel.shape[2] != 1:
                raise ValueError(f"{layer.name} mixes channels, which a depthwise convolution cannot")
            relu = layer.activation is keras.activations.relu
            found.append(Depthwise(layer.name, kernel, bias, layer.strides[0], layer.padding.upper(), relu))
        elif isinstance(layer, keras.layers.BatchNormalization):
            found[-1] = _folded(found[-1], layer)
        elif isinstance(layer, keras.layers.ReLU):
            found[-1] = replace(found[-1], relu=True)  # type: ignore[arg-type]
        elif not isinstance(layer, (keras.layers.InputLayer, keras.layers.Dropout)):
            raise ValueError(f"{layer.name} is not a layer that can be exported")
    return found


def _folded(layer: Layer, norm: Any) -> Layer:
    """Return a layer equal to it and the normalisation after it, computed in float64."""
    if isinstance(layer, Reshape):
        raise ValueError("a normalisation needs a layer with weights before it")
    gamma, beta, mean, variance = (
        np.asarray(value, np.float64) for value in (norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance)
    )
    factor = gamma / np.sqrt(variance + norm.epsilon)
    shape = layer.kernel.shape[-2:] if isinstance(layer, Depthwise) else layer.kernel.shape[-1:]
    kernel = (layer.kernel * factor.reshape(shape)).astype(np.float32)
    bias = ((layer.bias - mean) * factor + beta).astype(np.float32)
    return replace(layer, kernel=kernel, bias=bias)


def front_scale(preprocess: str) -> float:
    """Return the factor of real features before the first layer in training."""
    return _FRONT[preprocess] / 8.0


def real(features: Any, preprocess: str) -> Any:
    """Return feature bytes int8 as real values, float32 of the same shape."""
    return (np.asarray(features, np.float32) - np.float32(ZERO_POINT)) * np.float32(SCALES[preprocess])
