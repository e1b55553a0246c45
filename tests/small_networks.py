"""Small networks with seeded weights, and the same networks in Keras and TensorFlow: the references."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.layers.sentence import LSTM_NAME, Convolution, Dense, Layer, Lstm, cells, places

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

Floats = npt.NDArray[np.float32]
LABELS = 29
# What random weights write through a decoder is gibberish, but not nothing: sharp logits, a low blank.
SHARPNESS = 12.0


def small_network(
    seed: int,
    width: int = 24,
    state: int = 24,
    sharpness: float = SHARPNESS,
    convolutions: bool = False,
    context: int = 9,
) -> list[Layer]:
    """Return the DeepSpeech network, narrow; `state` is the width of its LSTM.

    It takes `context` frames on either side. With `convolutions`, a linear convolution and two with maxima come first,
    with every kind of step and clip.
    """
    generator = np.random.default_rng(seed)

    def matrix(rows: int, columns: int, scale: float = 1.0) -> Floats:
        return (generator.normal(0, scale / np.sqrt(rows), (rows, columns))).astype(np.float32)

    def vector(size: int, scale: float = 0.3) -> Floats:
        return generator.normal(0, scale, size).astype(np.float32)

    layers: list[Layer] = []
    window = 2 * context + 1
    first = window * 26
    if convolutions:
        layers += [
            Convolution("bands", matrix(26, 10, 2.0), vector(10), clip=None),
            Convolution("conv_1", matrix(4 * 10, 3 * 6, 0.5), vector(18), taps=4, pool=3, clip=4.0),
            Convolution("conv_2", matrix(3 * 6, 2 * 5), vector(10), taps=3, pool=2, step=3),
        ]
        first = 5 * len(places(layers[-1], len(places(layers[-2], window))))  # type: ignore[arg-type]
    layers += [
        Dense("layer_1", matrix(first, width, 2.0 if convolutions else 0.2), vector(width)),
        # The clip is low enough to be reached.
        Dense("layer_2", matrix(width, width), vector(width), clip=1.5),
        Dense("layer_3", matrix(width, width + 3), vector(width + 3)),
    ]
    layers.append(Lstm(LSTM_NAME, matrix(width + 3 + state, 4 * state, 2.0), vector(4 * state)))
    last = vector(LABELS, sharpness / 4)
    last[-1] -= sharpness / 3
    layers += [
        Dense("layer_5", matrix(state, width), vector(width)),
        Dense("layer_6", matrix(width, LABELS, sharpness), last, clip=None),
    ]
    return layers


def keras_probabilities(layers: Sequence[Layer], windows: Floats) -> Floats:
    """Return what Keras's own layers make of float32 [frames, window * 26] in one go: float32 [frames, 29]."""
    import keras

    current = keras.ops.convert_to_tensor(windows[np.newaxis])
    frames = None  # [1, steps, frames, width] while convolutions run over the windows
    for layer in layers:
        if isinstance(layer, Convolution):
            if frames is None:
                frames = keras.ops.reshape(current, (1, current.shape[1], -1, layer.n_in))
            expected = len(places(layer, frames.shape[2]))
            # Keras's own convolution over the frames of each step's window.
            convolution = keras.layers.Conv1D(len(layer.bias), layer.taps, strides=layer.step)
            convolution.build((1, frames.shape[2], layer.n_in))
            convolution.set_weights([layer.kernel.reshape(layer.taps, layer.n_in, -1), layer.bias])
            found = convolution(frames[0])
            assert found.shape[1] == expected
            found = keras.ops.max(keras.ops.reshape(found, (*found.shape[:2], layer.pool, -1)), axis=2)
            frames = keras.layers.ReLU(max_value=layer.clip)(found)[None] if layer.clip else found[None]
            current = keras.ops.reshape(frames, (1, current.shape[1], -1))
            continue
        if isinstance(layer, Dense):
            dense = keras.layers.Dense(len(layer.bias))
            dense.build(current.shape)
            dense.set_weights([layer.kernel, layer.bias])
            current = dense(current)
            if layer.clip is not None:
                current = keras.layers.ReLU(max_value=layer.clip)(current)
        else:
            lstm = keras.layers.LSTM(cells(layer), return_sequences=True)
            lstm.build(current.shape)
            # Keras orders its gates i, f, c, o and keeps the recurrent half apart.
            i, c, f, o = np.split(layer.kernel, 4, axis=1)
            kernel = np.concatenate([i, f, c, o], axis=1)
            inputs = current.shape[-1]
            i, c, f, o = np.split(layer.bias, 4)
            lstm.set_weights([kernel[:inputs], kernel[inputs:], np.concatenate([i, f, c, o])])
            current = lstm(current)
    return np.asarray(keras.ops.softmax(keras.ops.reshape(current, (-1, LABELS))))[: len(windows)].astype(np.float32)


class GraphRunner:
    """A GraphDef in TensorFlow's own runtime, driven as the client drives it."""

    def __init__(self, definition: Any) -> None:
        import tensorflow as tf

        with tf.Graph().as_default() as loaded:
            tf.import_graph_def(definition, name="")
        self.session = tf.compat.v1.Session(graph=loaded)
        shapes = {node.name: node.attr["shape"].shape for node in definition.node if "shape" in node.attr}
        self.node = [dimension.size for dimension in shapes["input_node"].dim]
        self.steps = self.node[1]
        self.state = shapes["previous_state_c"].dim[1].size
        self.window = shapes["input_samples"].dim[0].size

    def probabilities(self, windows: Floats) -> Floats:
        """Return float32 [frames, 29] of float32 [frames, window * 26], in runs of 16 frames with state."""
        state = {name: np.zeros((1, self.state), np.float32) for name in ("c", "h")}
        parts = []
        for first in range(0, len(windows), self.steps):
            piece = windows[first : first + self.steps]
            batch = np.zeros(self.node, np.float32)
            batch[0, : len(piece)] = piece.reshape(-1, *self.node[2:])
            logits, state["c"], state["h"] = self.session.run(
                ["logits:0", "new_state_c:0", "new_state_h:0"],
                {
                    "input_node:0": batch,
                    "input_lengths:0": [len(piece)],
                    "previous_state_c:0": state["c"],
                    "previous_state_h:0": state["h"],
                },
            )
            assert logits.shape == (self.steps, 1, LABELS)
            parts.append(logits[: len(piece), 0])
        return np.concatenate(parts)

    def features(self, samples: npt.NDArray[np.int16], step: int) -> Floats:
        """Return the features of whole windows and of one padded window after them, one run for each."""
        compute: Callable[..., Any] = self.session.make_callable("mfccs:0", feed_list=["input_samples:0"])
        floats = samples.astype(np.float32) * np.float32(1 / 32768)
        rows = []
        while len(floats) >= self.window:
            rows.append(compute(floats[: self.window]))
            floats = floats[step:]
        rows.append(compute(np.pad(floats, (0, self.window - len(floats)))))
        return np.concatenate(rows)
