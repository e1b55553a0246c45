"""The frozen graph that the DeepSpeech client runs: version 6 of Mozilla's model format.

The client of release 0.9.3 finds everything by name: it computes features with `input_samples -> mfccs`, one
window at a time, runs `input_node -> logits` on 16 frames at a time, and takes the size of the state, the
context and the features from the `shape` attributes of the placeholders. Its runtime has few kernels (no
Slice, StridedSlice, Split, Sigmoid or Tanh, for instance); the graph is written with those that it has.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from asr.core.alphabet import Alphabet
from asr.layers.sentence import (
    CLIP,
    LSTM_NAME,
    Convolution,
    Dense,
    Layer,
    Lstm,
    cells,
    check_layers,
    context_of,
    fold_normalisation,
    places,
)
from asr.runtime.features import COEFFICIENTS, LOWEST_HZ, MEL_CHANNELS, STEP_MS, WINDOW_MS, step_samples, window_samples
from export import wire
from export.tensors import FLOAT, INT32, INT64, STRING, node_def, tensor_shape
from export.weights import Network, read_layers

__all__ = [
    "CLIP",
    "GRAPH_VERSION",
    "LSTM_NAME",
    "Convolution",
    "Dense",
    "Layer",
    "Lstm",
    "Network",
    "fold_normalisation",
    "graph_def",
    "read_layers",
]

GRAPH_VERSION = 6  # of the client's contract
STEPS = 16  # frames of one run

# TensorFlow 1.15's; any runtime of that age or younger takes it.
_PRODUCER = 134


def graph_def(
    layers: Sequence[Layer],
    alphabet: Alphabet,
    sample_rate: int = 16000,
    beam_width: int = 500,
    language: str = "en",
    *,
    n_features: int = COEFFICIENTS,
    n_steps: int = STEPS,
) -> bytes:
    """Return a serialised GraphDef (output_graph.pb) of a trained network.

    Parameters
    ----------
    layers : from the context windows, as wide as the first weights say, to the labels and the blank, in order; the
        last is a Dense with clip None, whose softmax the graph computes.
    alphabet : the labels; the blank comes after them.
    sample_rate : Hz of the recordings that the model hears.
    beam_width : the width at which the client decodes unless told otherwise.
    language : BCP 47; the client does not read it.
    n_features : coefficients a frame.
    n_steps : frames of one run of the graph.

    Raises
    ------
    ValueError : the layers do not fit together, or to the alphabet.
    """
    n_context = context_of(layers, n_features)
    check_layers(layers, (2 * n_context + 1) * n_features, alphabet.size + 1)
    nodes: list[bytes] = []
    _write_features(nodes, sample_rate, n_features)
    _write_network(nodes, layers, n_steps, n_context, n_features)
    for name, value in (
        ("version", GRAPH_VERSION),
        ("sample_rate", sample_rate),
        ("feature_win_len", WINDOW_MS),
        ("feature_win_step", STEP_MS),
        ("beam_width", beam_width),
    ):
        nodes.append(_constant(f"metadata_{name}", np.array([value], dtype=np.int32)))
    nodes.append(_string_constant("metadata_alphabet", alphabet.serialised()))
    nodes.append(_string_constant("metadata_language", language.encode("utf-8")))
    versions = wire.block(4, wire.integer(1, _PRODUCER))
    return b"".join([*(wire.block(1, node) for node in nodes), versions])


def _write_features(nodes: list[bytes], sample_rate: int, n_features: int) -> None:
    """Append `input_samples -> mfccs`."""
    window = window_samples(sample_rate)
    nodes += [
        _placeholder("input_samples", FLOAT, [window]),
        _reshape(nodes, "input_column", "input_samples", [-1, 1]),
        node_def(
            "spectrogram",
            "AudioSpectrogram",
            ["input_column"],
            window_size=_int(window),
            stride=_int(step_samples(sample_rate)),
            magnitude_squared=_bool(True),
        ),
        _constant("feature_sample_rate", np.array(sample_rate, dtype=np.int32)),
        node_def(
            "coefficients",
            "Mfcc",
            ["spectrogram", "feature_sample_rate"],
            upper_frequency_limit=_float(sample_rate / 2),
            lower_frequency_limit=_float(LOWEST_HZ),
            filterbank_channel_count=_int(MEL_CHANNELS),
            dct_coefficient_count=_int(n_features),
        ),
        _reshape(nodes, "mfccs", "coefficients", [-1, n_features]),
    ]


def _write_network(
    nodes: list[bytes], layers: Sequence[Layer], n_steps: int, n_context: int, n_features: int
) -> None:
    """Append `input_node, input_lengths, previous_state_* -> logits, new_state_*`."""
    (recurrent,) = (layer for layer in layers if isinstance(layer, Lstm))
    state = cells(recurrent)
    nodes += [
        _placeholder("input_node", FLOAT, [1, n_steps, 2 * n_context + 1, n_features]),
        _placeholder("input_lengths", INT32, [1]),
        _placeholder("previous_state_c", FLOAT, [1, state]),
        _placeholder("previous_state_h", FLOAT, [1, state]),
        # With a batch of one, batch-major and time-major hold the same values in the same order.
        _reshape(nodes, "context_windows", "input_node", [-1, (2 * n_context + 1) * n_features]),
    ]
    current = "context_windows"
    nodes += [
        node_def("steps", "Cast", ["input_lengths"], SrcT=_type(INT32), DstT=_type(INT64)),
        _reshape(nodes, "sequence_length", "steps", [], INT64),
        # The state after n steps is row n of (the state before, the state after each step).
        _reshape(nodes, "last_step", "input_lengths", [1, 1], INT32),
    ]
    window = 0  # frames of the context window that convolutions have left
    for layer in layers:
        if isinstance(layer, Convolution):
            if not window:
                window = (2 * n_context + 1) * n_features // layer.n_in
                nodes.append(_reshape(nodes, "window_frames", current, [-1, window, layer.n_in]))
                current = _transposed(nodes, "frames_of_windows", "window_frames", [1, 0, 2])
            current = _write_convolution(nodes, layer, current, window, n_steps)
            window = len(places(layer, window))
            width = len(layer.bias) // layer.pool * window
            continue
        if window:
            # Back to one row for each step, as the other layers take them.
            windows = _transposed(nodes, "windows_of_frames", current, [1, 0, 2])
            nodes.append(_reshape(nodes, "window_rows", windows, [-1, width]))
            current, window = "window_rows", 0
        if isinstance(layer, Dense):
            current = _write_dense(nodes, layer, current)
        else:
            current = _write_lstm(nodes, layer, current)
    nodes.append(node_def("probabilities", "Softmax", [current], T=_type(FLOAT)))
    nodes.append(_reshape(nodes, "logits", "probabilities", [-1, 1, len(layers[-1].bias)]))
    for kind in ("c", "h"):
        nodes.append(node_def(f"new_state_{kind}", "Identity", [f"{recurrent.name}/new_{kind}"], T=_type(FLOAT)))


def _write_convolution(nodes: list[bytes], layer: Convolution, current: str, window: int, steps: int) -> str:
    """Append a Convolution over [window, steps, width]; return the name of its output, of the same order."""
    name, rows = layer.name, places(layer, window)
    # The runtime has no convolution: the frames of each place are gathered, and go side by side.
    nodes += [
        _constant(f"{name}/frames", rows[:, :, np.newaxis]),
        _gather(f"{name}/gathered", current, f"{name}/frames"),
    ]
    aligned = _transposed(nodes, f"{name}/places", f"{name}/gathered", [0, 2, 1, 3])
    nodes.append(_reshape(nodes, f"{name}/patches", aligned, [-1, layer.kernel.shape[0]]))
    current = _write_sum(nodes, layer, f"{name}/patches")
    n_out = len(layer.bias) // layer.pool
    if layer.pool > 1:
        nodes += [
            _reshape(nodes, f"{name}/parts", current, [-1, layer.pool, n_out]),
            _constant(f"{name}/parts_axis", np.array([1], dtype=np.int32)),
            node_def(
                f"{name}/largest",
                "Max",
                [f"{name}/parts", f"{name}/parts_axis"],
                T=_type(FLOAT),
                Tidx=_type(INT32),
                keep_dims=_bool(False),
            ),
        ]
        current = f"{name}/largest"
    current = _write_clip(nodes, layer, current)
    nodes.append(_reshape(nodes, f"{name}/maps", current, [len(rows), steps, n_out]))
    return f"{name}/maps"


def _write_dense(nodes: list[bytes], layer: Dense, current: str) -> str:
    """Append a Dense layer; return the name of its output."""
    return _write_clip(nodes, layer, _write_sum(nodes, layer, current))


def _write_sum(nodes: list[bytes], layer: Convolution | Dense, current: str) -> str:
    """Append the product and the bias of a layer; return the name of the sum."""
    name = layer.name
    nodes += [
        _constant(f"{name}/weights", layer.kernel),
        _constant(f"{name}/bias", layer.bias),
        node_def(f"{name}/product", "MatMul", [current, f"{name}/weights"], T=_type(FLOAT)),
        node_def(f"{name}/sum", "BiasAdd", [f"{name}/product", f"{name}/bias"], T=_type(FLOAT)),
    ]
    return f"{name}/sum"


def _write_clip(nodes: list[bytes], layer: Convolution | Dense, current: str) -> str:
    """Append the clipped ReLU of a layer if it has one; return the name of its output."""
    name = layer.name
    if layer.clip is None:
        return current
    nodes += [
        node_def(f"{name}/rectified", "Relu", [current], T=_type(FLOAT)),
        _constant(f"{name}/clip", np.array(layer.clip, dtype=np.float32)),
        node_def(f"{name}/output", "Minimum", [f"{name}/rectified", f"{name}/clip"], T=_type(FLOAT)),
    ]
    return f"{name}/output"


def _write_lstm(nodes: list[bytes], layer: Lstm, current: str) -> str:
    """Append an Lstm; return the name of its output."""
    name, width = layer.name, cells(layer)
    nodes += [
        _constant(f"{name}/kernel", layer.kernel),
        _constant(f"{name}/bias", layer.bias),
        _constant(f"{name}/peephole", np.zeros(width, dtype=np.float32)),
        _reshape(nodes, f"{name}/input", current, [-1, 1, layer.kernel.shape[0] - width]),
    ]
    before = [f"previous_state_{kind}" for kind in ("c", "h")]
    peepholes = [f"{name}/peephole"] * 3
    nodes.append(
        node_def(
            f"{name}/lstm",
            "BlockLSTM",
            ["sequence_length", f"{name}/input", *before, f"{name}/kernel", *peepholes, f"{name}/bias"],
            T=_type(FLOAT),
            forget_bias=_float(0.0),
            cell_clip=_float(-1.0),
            use_peephole=_bool(False),
        )
    )
    for kind, port, previous in (("c", 1, before[0]), ("h", 6, before[1])):
        nodes += [
            _reshape(nodes, f"{name}/start_{kind}", previous, [1, 1, width]),
            _concatenation(
                nodes, f"{name}/course_{kind}", [f"{name}/start_{kind}", f"{name}/lstm:{port}"], axis=0
            ),
            _gather(f"{name}/end_{kind}", f"{name}/course_{kind}", "last_step"),
            _reshape(nodes, f"{name}/new_{kind}", f"{name}/end_{kind}", [1, width]),
        ]
    nodes.append(_reshape(nodes, f"{name}/output", f"{name}/lstm:6", [-1, width]))
    return f"{name}/output"


def _placeholder(name: str, dtype: int, shape: Sequence[int]) -> bytes:
    return node_def(name, "Placeholder", [], dtype=_type(dtype), shape=wire.block(7, tensor_shape(shape)))


def _constant(name: str, value: npt.NDArray[np.float32] | npt.NDArray[np.int32]) -> bytes:
    dtype = INT32 if value.dtype == np.int32 else FLOAT
    content = np.ascontiguousarray(value, dtype="<i4" if dtype == INT32 else "<f4").tobytes()
    tensor = wire.block(
        8, wire.integer(1, dtype), wire.block(2, tensor_shape(value.shape)), wire.block(4, content)
    )
    return node_def(name, "Const", [], dtype=_type(dtype), value=tensor)


def _string_constant(name: str, value: bytes) -> bytes:
    tensor = wire.block(8, wire.integer(1, STRING), wire.block(2, tensor_shape([1])), wire.block(8, value))
    return node_def(name, "Const", [], dtype=_type(STRING), value=tensor)


def _reshape(nodes: list[bytes], name: str, source: str, shape: Sequence[int], dtype: int = FLOAT) -> bytes:
    nodes.append(_constant(f"{name}/shape", np.array(shape, dtype=np.int32)))
    return node_def(name, "Reshape", [source, f"{name}/shape"], T=_type(dtype), Tshape=_type(INT32))


def _transposed(nodes: list[bytes], name: str, source: str, order: Sequence[int]) -> str:
    """Append a Transpose; return its name."""
    nodes += [
        _constant(f"{name}/order", np.array(order, dtype=np.int32)),
        node_def(name, "Transpose", [source, f"{name}/order"], T=_type(FLOAT), Tperm=_type(INT32)),
    ]
    return name


def _concatenation(nodes: list[bytes], name: str, sources: Sequence[str], axis: int) -> bytes:
    nodes.append(_constant(f"{name}/axis", np.array(axis, dtype=np.int32)))
    return node_def(
        name, "ConcatV2", [*sources, f"{name}/axis"], N=_int(len(sources)), T=_type(FLOAT), Tidx=_type(INT32)
    )


def _gather(name: str, source: str, indices: str) -> bytes:
    return node_def(name, "GatherNd", [source, indices], Tparams=_type(FLOAT), Tindices=_type(INT32))


def _type(dtype: int) -> bytes:
    return wire.integer(6, dtype)


def _int(value: int) -> bytes:
    return wire.integer(3, value)


def _bool(value: bool) -> bytes:
    return wire.integer(5, value)


def _float(value: float) -> bytes:
    return wire.number(4, value)
