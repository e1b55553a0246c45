"""Keyword networks as a frozen float graph, a float .tflite, and a .tflite that is int8 from input to output.

TensorFlow's converter writes them. Fully connected layers get one scale for all of their weights and convolutions one
per channel, which all versions of TensorFlow Lite Micro's kernels support.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.core.errors import ModelError
from asr.layers.keyword import Dense, Layer, Reshape, output_shape

Int8 = npt.NDArray[np.int8]
Float = npt.NDArray[np.float32]

ZERO_POINT = -128
# Operators that micro_speech registers with its MicroMutableOpResolver (tflite-micro, examples/micro_speech).
MICRO_SPEECH_OPS = frozenset({"RESHAPE", "FULLY_CONNECTED", "DEPTHWISE_CONV_2D", "SOFTMAX"})
_SAMPLES = 1000  # most rows of the calibration


def float_function(layers: Sequence[Layer], inputs: int) -> Any:
    """Return a TensorFlow function from features float32 [1, inputs] to probabilities [1, classes]."""
    import tensorflow as tf

    output_shape(layers, inputs)

    def apply(x: Any) -> Any:
        for layer in layers:
            if isinstance(layer, Reshape):
                x = tf.reshape(x, (1, *layer.shape))
            elif isinstance(layer, Dense):
                shape = x.shape
                x = tf.matmul(tf.reshape(x, (-1, shape[-1])), layer.kernel) + layer.bias
                x = tf.nn.relu(x) if layer.relu else x
                x = tf.reshape(x, (*shape[:-1], layer.kernel.shape[1]))
            else:
                strides = (1, layer.stride, layer.stride, 1)
                x = tf.nn.depthwise_conv2d(x, layer.kernel, strides, layer.padding) + layer.bias
                x = tf.nn.relu(x) if layer.relu else x
        return tf.nn.softmax(tf.reshape(x, (1, -1)), name="labels_softmax")

    signature = [tf.TensorSpec((1, inputs), tf.float32, name="features")]
    return tf.function(apply, input_signature=signature).get_concrete_function()


def frozen_graph(layers: Sequence[Layer], inputs: int) -> bytes:
    """Return model.pb: a GraphDef of `features` float32 [1, inputs] to the softmax, weights as constants."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    frozen = convert_variables_to_constants_v2(float_function(layers, inputs))
    data: bytes = frozen.graph.as_graph_def().SerializeToString(deterministic=True)
    return data


def float_model(layers: Sequence[Layer], inputs: int) -> bytes:
    """Return the .tflite in float32."""
    data: bytes = _converter(layers, inputs).convert()
    return data


def int8_model(layers: Sequence[Layer], rows: Int8, scale: float) -> bytes:
    """Return the .tflite with int8 input and output.

    Parameters
    ----------
    rows : int8 [n, inputs], features from training, to calibrate the ranges of activations.
    scale : of a feature byte; its zero point is -128.

    Raises
    ------
    ModelError : the converter's model has other scales, or operators that micro_speech lacks.
    """
    import tensorflow as tf

    chosen = rows[:: max(1, len(rows) // _SAMPLES)].copy()
    # One row has the full range, so that the input's scale is that of the feature bytes.
    chosen[0, :2] = (-128, 127)
    converter = _converter(layers, rows.shape[1])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    # TensorFlow Lite Micro's older kernels, and ours, need one scale for a fully connected layer.
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    converter.representative_dataset = lambda: (
        [((row.astype(np.float32) - ZERO_POINT) * np.float32(scale))[np.newaxis]] for row in chosen
    )
    with warnings.catch_warnings():
        # It warns that statistics of the input are missing, although the representative rows give them.
        warnings.simplefilter("ignore")
        data = _compact(converter.convert())
    check(data, scale)
    return data


def _compact(data: bytes) -> bytes:
    """Return an equivalent .tflite of fewer bytes, since firmware pays for each.

    Drops the names, which only help people, the converter's notes about itself, and duplicate vectors (see `pack`).
    """
    from ai_edge_litert.tools import flatbuffer_utils

    from export.tflite_graph import pack

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(data))
    flatbuffer_utils.strip_strings(model)
    model.metadata = None
    used = max(tensor.buffer for graph in model.subgraphs for tensor in graph.tensors)
    model.buffers = model.buffers[: used + 1]
    return pack(model)


def check(data: bytes, scale: float) -> None:
    """Check that an int8 model has the operators, types and scales that firmware expects; else ModelError."""
    interpreter = _interpreter(data)
    given, got = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    unknown = sorted(set(ops(data)) - MICRO_SPEECH_OPS)
    if unknown:
        raise ModelError(f"the model needs {', '.join(unknown)}, which micro_speech does not register")
    if given["dtype"] != np.int8 or got["dtype"] != np.int8:
        raise ModelError("the model is not int8 from input to output")
    found, zero = given["quantization"]
    if abs(found / scale - 1) > 1e-5 or zero != ZERO_POINT:
        raise ModelError(f"the input's scale is {found:g} and its zero point {zero}, not {scale:g} and -128")
    if got["quantization"] != (1 / 256, ZERO_POINT):
        raise ModelError(f"the output's scale and zero point are {got['quantization']}, not 1/256 and -128")


def ops(data: bytes) -> list[str]:
    """Return the names of a .tflite's operators, in order."""
    return [details["op_name"] for details in _interpreter(data)._get_ops_details() if details["op_name"] != "DELEGATE"]


def predict(data: bytes, rows: npt.NDArray[Any], *, quick: bool = False) -> npt.NDArray[Any]:
    """Return a .tflite's output for each row [n, inputs], in the model's own types, with the reference kernels.

    The default kernels (XNNPACK) round differently; these match firmware, up to one rounding of a dense layer.

    Parameters
    ----------
    quick : use TensorFlow Lite's optimised kernels, without XNNPACK; for hours of audio.
    """
    interpreter = _interpreter(data, quick=quick)
    given, got = (interpreter.get_input_details()[0], interpreter.get_output_details()[0])
    results = np.empty((len(rows), int(got["shape"][-1])), got["dtype"])
    for result, row in zip(results, rows, strict=True):
        interpreter.set_tensor(given["index"], row.reshape(given["shape"]).astype(given["dtype"], copy=False))
        interpreter.invoke()
        result[:] = interpreter.get_tensor(got["index"]).reshape(-1)
    return results


def _converter(layers: Sequence[Layer], inputs: int) -> Any:
    import tensorflow as tf

    function = float_function(layers, inputs)
    return tf.lite.TFLiteConverter.from_concrete_functions([function], function)


def _interpreter(data: bytes, *, quick: bool = False) -> Any:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kind = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES if quick else OpResolverType.BUILTIN_REF
    interpreter = Interpreter(model_content=data, experimental_op_resolver_type=kind, num_threads=1)
    interpreter.allocate_tensors()
    return interpreter
