"""Small int8 networks as .tflite bytes for tests of the runner: random weights, calibrated on random inputs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

SLICES, CHANNELS = 49, 40
INPUT_RANGE = 26.0

Bytes = NDArray[np.int8]


def tiny_conv(classes: int = 4, softmax: bool = True) -> Any:
    """TensorFlow's tiny_conv of speech_commands: one convolution of 10 x 8 with a stride of 2, one layer behind it."""
    import keras

    return keras.Sequential([
        keras.Input((SLICES * CHANNELS,), batch_size=1),
        keras.layers.Reshape((SLICES, CHANNELS, 1)),
        keras.layers.Conv2D(8, (10, 8), strides=2, padding="same", activation="relu"),
        keras.layers.Flatten(),
        keras.layers.Dense(classes),
        *([keras.layers.Softmax()] if softmax else []),
    ])  # fmt: skip


def separable(classes: int = 6, softmax: bool = True) -> Any:
    """A depthwise separable network: every kind of layer of the runner, odd sizes, both paddings, RELU6."""
    import keras

    layers = keras.layers
    return keras.Sequential([
        keras.Input((SLICES * CHANNELS,), batch_size=1),
        layers.Reshape((SLICES, CHANNELS, 1)),
        layers.Conv2D(13, (7, 5), strides=(2, 2), padding="same", activation="relu6"),
        layers.DepthwiseConv2D((3, 3), padding="same", activation="relu"),
        layers.Conv2D(18, 1, activation="relu"),
        layers.MaxPooling2D((3, 2), strides=2, padding="same"),
        layers.DepthwiseConv2D((4, 3), strides=(2, 2), padding="valid"),
        layers.Conv2D(11, 1, activation="relu6"),
        layers.AveragePooling2D((2, 2), strides=1, padding="same"),
        layers.Conv2D(9, (2, 3), strides=(1, 2), padding="valid"),
        layers.AveragePooling2D((4, 1)),
        layers.Flatten(),
        layers.Dense(10, activation="relu", use_bias=False),
        layers.Dense(classes),
        *([layers.Softmax()] if softmax else []),
    ])  # fmt: skip


NETWORKS: dict[str, Callable[[], Any]] = {"tiny_conv": tiny_conv, "separable": separable}
NETWORKS |= {f"{name}_logits": functools.partial(make, softmax=False) for name, make in NETWORKS.items()}


def level_logits(model: Any, sounds: NDArray[np.float32]) -> None:
    """Scale the last layer with weights so that its outputs spread alike: no class is always the likeliest."""
    import keras

    last = next(layer for layer in reversed(model.layers) if layer.get_weights())
    kernel, bias = last.get_weights()
    before = keras.Model(model.inputs[0], last.output)
    outputs = np.concatenate([np.asarray(before(sound[None])) for sound in sounds])
    spread = outputs.std(0) + 1e-3
    last.set_weights([kernel * 2 / spread, (bias - outputs.mean(0)) * 2 / spread])


@functools.cache
def int8_network(name: str) -> bytes:
    """Return one of NETWORKS as int8 .tflite bytes; per-tensor weights where layers are fully connected."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(7)
    model = NETWORKS[name]()
    rng = np.random.default_rng(7)
    sounds = [rng.gamma(1.0, 3.0, (1, SLICES * CHANNELS)).clip(0, INPUT_RANGE).astype(np.float32) for _ in range(50)]
    for layer in model.layers:
        # Biases that matter, and no layer that saturates everywhere.
        layer.set_weights([
            value if value.ndim > 1 else rng.normal(0, 0.3, value.shape).astype(np.float32)
            for value in layer.get_weights()
        ])  # fmt: skip
    level_logits(model, np.concatenate(sounds))

    def examples() -> Iterator[list[NDArray[np.float32]]]:
        yield from ([sound] for sound in sounds)
        # The widest inputs, so that the input's scale is that of the features.
        yield [np.full((1, SLICES * CHANNELS), INPUT_RANGE, np.float32)]

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = examples
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    content = converter.convert()
    assert isinstance(content, bytes)
    return content


def reference_outputs(tflite: bytes, inputs: Bytes) -> Bytes:
    """Return the outputs of TensorFlow Lite's reference kernels: int8 [examples, classes]."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(model_content=tflite, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    rows = []
    for example in inputs:
        interpreter.set_tensor(source["index"], example.reshape(source["shape"]))
        interpreter.invoke()
        rows.append(interpreter.get_tensor(target["index"]).ravel())
    return np.stack(rows)


def reference_tensors(tflite: bytes, inputs: Bytes) -> tuple[list[dict[str, Any]], list[list[Any]]]:
    """Return the fully connected operations, and the tensors of each example by number.

    An operation is the interpreter's details of its input, weights and output, and the number of its biases.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=tflite,
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]
    details = interpreter.get_tensor_details()
    rows = []
    for example in inputs:
        interpreter.set_tensor(source["index"], example.reshape(source["shape"]))
        interpreter.invoke()
        rows.append([interpreter.get_tensor(detail["index"]) for detail in details])
    connected = [operation for operation in interpreter._get_ops_details() if operation["op_name"] == "FULLY_CONNECTED"]
    found = [
        {
            "input": details[operation["inputs"][0]], "weights": details[operation["inputs"][1]],
            "biases": operation["inputs"][2] if len(operation["inputs"]) > 2 else -1,
            "output": details[operation["outputs"][0]],
        }
        for operation in connected
    ]  # fmt: skip
    return found, rows


def extreme_inputs(rng: np.random.Generator, count: int) -> Bytes:
    """Return int8 [count, 1960]: constants, the two ends in every pattern, stripes, lone values, random bytes."""
    size = SLICES * CHANNELS
    rows = [np.full(size, value) for value in (-128, -127, -1, 0, 1, 126, 127)]
    for period in (1, 2, 3, 4, 8, 40, 80):
        rows.append(np.where(np.arange(size) // period % 2, 127, -128))
        rows.append(np.where(np.arange(size) // period % 2, -128, 127))
    while len(rows) < count:
        kind = rng.integers(4)
        if kind == 0:
            rows.append(rng.integers(-128, 128, size))
        elif kind == 1:
            rows.append(rng.choice([-128, 127], size, p=(p := rng.uniform(), 1 - p)))
        elif kind == 2:
            low = rng.integers(-128, 128)
            rows.append(np.where(rng.uniform(size=size) < 0.01, rng.integers(-128, 128, size), low))
        else:
            rows.append((rng.gamma(1.0, rng.uniform(0.5, 8.0), size) * 256 / 26 - 128).clip(-128, 127))
    return np.stack(rows[:count]).astype(np.int8)
