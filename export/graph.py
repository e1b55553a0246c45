"""The frozen graph that the DeepSpeech client runs: version 6 of Mozilla's model format.

The client of release 0.9.3 finds everything by name: it computes features with `input_samples -> mfccs`, one
window at a time, runs `input_node -> logits` on 16 frames at a time, and takes the size of the state, the
context and the features from the `shape` attributes of the placeholders. Its runtime has few kernels (no
Slice, StridedSlice, Split, Sigmoid or Tanh, for instance); the graph is written with those that it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError
from tensorflow.core.framework.attr_value_pb2 import AttrValue
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.types_pb2 import DT_FLOAT, DT_INT32, DT_INT64
from tensorflow.python.framework.tensor_shape import TensorShape
from tensorflow.python.framework.tensor_util import make_tensor_proto

from asr.core.alphabet import Alphabet
from asr.core.errors import ModelError
from asr.core.files import write_bytes
from asr.layers.sentence import Convolution, Dense, Layer, Lstm, cells, places
from asr.runtime.features import COEFFICIENTS, LOWEST_HZ, MEL_CHANNELS, STEP_MS, WINDOW_MS
from export.contract import STEPS, check_network, metadata_of

# TensorFlow 1.15's; any runtime of that age or younger takes it.
_PRODUCER = 134
_FLOAT, _INT32, _INT64 = (AttrValue(type=kind) for kind in (DT_FLOAT, DT_INT32, DT_INT64))


def graph_def(
    layers: Sequence[Layer], alphabet: Alphabet, sample_rate: int = 16000, beam_width: int = 500, language: str = "en"
) -> Any:
    """Return the GraphDef of a trained network.

    Parameters
    ----------
    layers : from the context windows to the labels and the blank, in order. The first weights give the width of the
        window. One is an Lstm; the last is a Dense with clip None, whose softmax the graph computes.
    alphabet : the labels; the blank comes after them.
    sample_rate : Hz of the recordings that the model takes.
    beam_width : the client's default beam width for this model.
    language : BCP 47; the client does not read it.

    Raises
    ------
    ValueError : the layers do not fit together, or to the alphabet.
    """
    window, lstm = check_network(layers, alphabet)
    writer = _Writer()
    writer.features(sample_rate)
    writer.network(layers, window, cells(lstm), alphabet.size + 1)
    for name, value in metadata_of(alphabet, sample_rate, beam_width, language).items():
        writer.constant(name, np.array([value], None if isinstance(value, bytes) else np.int32))
    writer.graph.versions.producer = _PRODUCER
    return writer.graph


def read_pb(path: Path) -> Any:
    """Return the GraphDef in a .pb; ModelError where it is damaged."""
    try:
        return GraphDef.FromString(path.read_bytes())
    except DecodeError as error:
        raise ModelError(f"not a GraphDef: {error}", path=path, fix="Export the model again") from None


def write_pb(graph: Any, path: Path | str) -> None:
    """Write a GraphDef as a .pb, atomically."""
    write_bytes(path, graph.SerializeToString(deterministic=True))


class _Writer:
    """Appends nodes to a graph; its methods return the name of what they append."""

    def __init__(self) -> None:
        self.graph = GraphDef()

    def node(self, op: str, name: str, inputs: Sequence[str] = (), **attributes: Any) -> str:
        self.graph.node.add(op=op, name=name, input=inputs, attr=attributes)
        return name

    def constant(self, name: str, value: npt.NDArray[np.generic]) -> str:
        tensor = make_tensor_proto(value)
        return self.node("Const", name, dtype=AttrValue(type=tensor.dtype), value=AttrValue(tensor=tensor))

    def integers(self, name: str, values: Any) -> str:
        return self.constant(name, np.array(values, np.int32))

    def placeholder(self, name: str, shape: Sequence[int], kind: AttrValue = _FLOAT) -> str:
        return self.node("Placeholder", name, dtype=kind, shape=AttrValue(shape=TensorShape(shape).as_proto()))

    def reshape(self, name: str, source: str, shape: Sequence[int], kind: AttrValue = _FLOAT) -> str:
        sizes = self.integers(f"{name}/shape", shape)
        return self.node("Reshape", name, [source, sizes], T=kind, Tshape=_INT32)

    def transpose(self, name: str, source: str, order: Sequence[int]) -> str:
        axes = self.integers(f"{name}/order", order)
        return self.node("Transpose", name, [source, axes], T=_FLOAT, Tperm=_INT32)

    def gather(self, name: str, source: str, indices: str) -> str:
        return self.node("GatherNd", name, [source, indices], Tparams=_FLOAT, Tindices=_INT32)

    # ---------------------------------------------------------------------------------------- the client's parts

    def features(self, sample_rate: int) -> None:
        """Append `input_samples -> mfccs`."""
        window = sample_rate * WINDOW_MS // 1000
        samples = self.placeholder("input_samples", [window])
        spectrogram = self.node(
            "AudioSpectrogram",
            "spectrogram",
            [self.reshape("input_column", samples, [-1, 1])],
            window_size=AttrValue(i=window),
            stride=AttrValue(i=sample_rate * STEP_MS // 1000),
            magnitude_squared=AttrValue(b=True),
        )
        coefficients = self.node(
            "Mfcc",
            "coefficients",
            [spectrogram, self.integers("feature_sample_rate", sample_rate)],
            upper_frequency_limit=AttrValue(f=sample_rate / 2),
            lower_frequency_limit=AttrValue(f=LOWEST_HZ),
            filterbank_channel_count=AttrValue(i=MEL_CHANNELS),
            dct_coefficient_count=AttrValue(i=COEFFICIENTS),
        )
        self.reshape("mfccs", coefficients, [-1, COEFFICIENTS])

    def network(self, layers: Sequence[Layer], frames: int, state: int, labels: int) -> None:
        """Append `input_node, input_lengths, previous_state_* -> logits, new_state_*`.

        Parameters
        ----------
        frames : of a context window.
        state : cells of the LSTM.
        labels : the blank included.
        """
        node = self.placeholder("input_node", [1, STEPS, frames, COEFFICIENTS])
        self.placeholder("input_lengths", [1], _INT32)
        self.placeholder("previous_state_c", [1, state])
        self.placeholder("previous_state_h", [1, state])
        # With a batch of one, batch-major and time-major hold the same values in the same order.
        current = self.reshape("context_windows", node, [-1, frames * COEFFICIENTS])
        window = 0  # frames of the context window that the convolutions have left
        for layer in layers:
            if isinstance(layer, Convolution):
                if not window:
                    window = frames * COEFFICIENTS // layer.n_in
                    current = self.reshape("window_frames", current, [-1, window, layer.n_in])
                    current = self.transpose("frames_of_windows", current, [1, 0, 2])
                current = self.convolution(layer, current, window)
                window = len(places(layer, window))
                width = len(layer.bias) // layer.pool * window
                continue
            if window:
                # Back to one row for each step, as the other layers take them.
                current = self.transpose("windows_of_frames", current, [1, 0, 2])
                current = self.reshape("window_rows", current, [-1, width])
                window = 0
            if isinstance(layer, Dense):
                current = self.clipped(layer, self.sum(layer, current))
            else:
                current = self.lstm(layer, current)
        probabilities = self.node("Softmax", "probabilities", [current], T=_FLOAT)
        self.reshape("logits", probabilities, [-1, 1, labels])

    def convolution(self, layer: Convolution, current: str, window: int) -> str:
        """Append a Convolution over [window, steps, width]; its output has the same order."""
        name, rows = layer.name, places(layer, window)
        # The runtime has no convolution: the frames of each place are gathered side by side.
        indices = self.integers(f"{name}/frames", rows[:, :, np.newaxis])
        current = self.gather(f"{name}/gathered", current, indices)
        current = self.transpose(f"{name}/places", current, [0, 2, 1, 3])
        current = self.reshape(f"{name}/patches", current, [-1, layer.kernel.shape[0]])
        current = self.sum(layer, current)
        n_out = len(layer.bias) // layer.pool
        if layer.pool > 1:
            parts = self.reshape(f"{name}/parts", current, [-1, layer.pool, n_out])
            axis = self.integers(f"{name}/parts_axis", [1])
            current = self.node(
                "Max", f"{name}/largest", [parts, axis], T=_FLOAT, Tidx=_INT32, keep_dims=AttrValue(b=False)
            )
        return self.reshape(f"{name}/maps", self.clipped(layer, current), [len(rows), STEPS, n_out])

    def sum(self, layer: Convolution | Dense, current: str) -> str:
        """Append the product and the bias of a layer."""
        weights = self.constant(f"{layer.name}/weights", layer.kernel)
        bias = self.constant(f"{layer.name}/bias", layer.bias)
        product = self.node("MatMul", f"{layer.name}/product", [current, weights], T=_FLOAT)
        return self.node("BiasAdd", f"{layer.name}/sum", [product, bias], T=_FLOAT)

    def clipped(self, layer: Convolution | Dense, current: str) -> str:
        """Append the clipped ReLU of a layer if it has one."""
        if layer.clip is None:
            return current
        rectified = self.node("Relu", f"{layer.name}/rectified", [current], T=_FLOAT)
        clip = self.constant(f"{layer.name}/clip", np.array(layer.clip, np.float32))
        return self.node("Minimum", f"{layer.name}/output", [rectified, clip], T=_FLOAT)

    def lstm(self, layer: Lstm, current: str) -> str:
        """Append the Lstm, and `new_state_*` after the last of `input_lengths` steps."""
        name, width = layer.name, cells(layer)
        steps = self.node("Cast", "steps", ["input_lengths"], SrcT=_INT32, DstT=_INT64)
        length = self.reshape("sequence_length", steps, [], _INT64)
        kernel = self.constant(f"{name}/kernel", layer.kernel)
        bias = self.constant(f"{name}/bias", layer.bias)
        peephole = self.constant(f"{name}/peephole", np.zeros(width, np.float32))
        rows = self.reshape(f"{name}/input", current, [-1, 1, layer.kernel.shape[0] - width])
        self.node(
            "BlockLSTM",
            f"{name}/lstm",
            [length, rows, "previous_state_c", "previous_state_h", kernel, *[peephole] * 3, bias],
            T=_FLOAT,
            forget_bias=AttrValue(f=0.0),
            cell_clip=AttrValue(f=-1.0),
            use_peephole=AttrValue(b=False),
        )
        # The state after n steps is row n of (the state before, the state after each step).
        last = self.reshape("last_step", "input_lengths", [1, 1], _INT32)
        for kind, output in (("c", f"{name}/lstm:1"), ("h", f"{name}/lstm:6")):
            start = self.reshape(f"{name}/start_{kind}", f"previous_state_{kind}", [1, 1, width])
            axis = self.integers(f"{name}/course_{kind}/axis", 0)
            course = self.node(
                "ConcatV2", f"{name}/course_{kind}", [start, output, axis], N=AttrValue(i=2), T=_FLOAT, Tidx=_INT32
            )
            end = self.gather(f"{name}/end_{kind}", course, last)
            state = self.reshape(f"{name}/new_{kind}", end, [1, width])
            self.node("Identity", f"new_state_{kind}", [state], T=_FLOAT)
        return self.reshape(f"{name}/output", f"{name}/lstm:6", [-1, width])
