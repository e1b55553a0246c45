"""The .tflite that Coqui's client runs: `stt` 1.4.0, and what loads the same pairs of model.tflite and alphabet.txt.

Coqui's fork of the DeepSpeech client finds tensors by the names of Mozilla's graph. It differs from the .pb (see
export.graph) in this: `logits` is [16, labels + 1]; there is no `input_lengths`, so that the state after a last
short run, which nobody reads, is that after 16 frames; and the metadata are tensors that operators put out, because
the client runs those operators to read them. The LSTM stands there step by step, in plain operators.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isinf

import numpy as np

from asr.core.alphabet import Alphabet
from asr.layers.sentence import (
    Convolution,
    Dense,
    Layer,
    Lstm,
    cells,
    check_layers,
    context_of,
    places,
)
from asr.runtime.features import COEFFICIENTS, LOWEST_HZ, MEL_CHANNELS, STEP_MS, WINDOW_MS, step_samples, window_samples
from export.flat import INT32, NONE, RELU, STRING, Graph
from export.graph import GRAPH_VERSION, STEPS

DESCRIPTION = "asr-harness: sentence network for the stt client"


def tflite(
    layers: Sequence[Layer],
    alphabet: Alphabet,
    sample_rate: int = 16000,
    beam_width: int = 500,
    language: str = "en",
    *,
    n_features: int = COEFFICIENTS,
) -> bytes:
    """Return model.tflite of a trained network; parameters and errors as export.graph.graph_def's."""
    n_context = context_of(layers, n_features)
    width = (2 * n_context + 1) * n_features
    check_layers(layers, width, alphabet.size + 1)
    writer = _Writer(layers)
    samples, coefficients = writer.features(sample_rate, n_features)
    node, states, logits, new_states = writer.network([1, STEPS, 2 * n_context + 1, n_features])
    numbers = {
        "version": GRAPH_VERSION,
        "sample_rate": sample_rate,
        "feature_win_len": WINDOW_MS,
        "feature_win_step": STEP_MS,
        "beam_width": beam_width,
    }
    told = [writer.number(f"metadata_{name}", value) for name, value in numbers.items()]
    told.append(writer.text("metadata_alphabet", alphabet.serialised()))
    told.append(writer.text("metadata_language", language.encode("utf-8")))
    inputs = [node, *states, samples]
    return writer.graph.serialised(inputs, [logits, *new_states, coefficients, *told], DESCRIPTION)


class _Writer:
    """Appends the parts of the model to a graph."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.graph = Graph()
        self._layers = layers

    def number(self, name: str, value: int) -> int:
        """Append an output that holds one number."""
        source = self.graph.constant(f"{name}_value", np.array([value], np.int32))
        return self._reshaped(source, name, [1], INT32)

    def text(self, name: str, value: bytes) -> int:
        """Append an output that holds one string."""
        return self._reshaped(self.graph.text(f"{name}_value", value), name, [1], STRING)

    def features(self, sample_rate: int, n_features: int) -> tuple[int, int]:
        """Append `input_samples -> mfccs`; return both."""
        graph, window = self.graph, window_samples(sample_rate)
        samples = graph.tensor("input_samples", [window])
        column = self._reshaped(samples, "input_column", [window, 1])
        bins = 1 << (window - 1).bit_length() - 1
        options: dict[str, float] = {
            "window_size": window,
            "stride": step_samples(sample_rate),
            "magnitude_squared": True,
        }
        power = graph.tensor("spectrogram", [1, 1, bins + 1])
        graph.custom("AudioSpectrogram", [column], power, options)
        rate = graph.constant("feature_sample_rate", np.array(sample_rate, np.int32))
        options = {
            "upper_frequency_limit": sample_rate / 2,
            "lower_frequency_limit": LOWEST_HZ,
            "filterbank_channel_count": MEL_CHANNELS,
            "dct_coefficient_count": n_features,
        }
        found = graph.custom("Mfcc", [power, rate], graph.tensor("coefficients", [1, 1, n_features]), options)
        return samples, self._reshaped(found, "mfccs", [1, n_features])

    def network(self, shape: Sequence[int]) -> tuple[int, list[int], int, list[int]]:
        """Append the layers; return input_node, both previous states, logits and both new states."""
        graph = self.graph
        node = graph.tensor("input_node", shape)
        width = shape[2] * shape[3]
        current = self._reshaped(node, "context_windows", [STEPS, width])
        (recurrent,) = (layer for layer in self._layers if isinstance(layer, Lstm))
        states = [graph.tensor(f"previous_state_{kind}", [1, cells(recurrent)]) for kind in "ch"]
        new_states: list[int] = []
        frames = 0  # of the context window that convolutions have left
        for layer in self._layers:
            if isinstance(layer, Convolution):
                if not frames:
                    frames = width // layer.n_in
                    current = self._reshaped(current, "window_frames", [STEPS, frames, layer.n_in])
                current, frames, width = self._convolution(layer, current, frames)
                continue
            if frames:
                width, frames = width * frames, 0
                current = self._reshaped(current, "window_rows", [STEPS, width])
            if isinstance(layer, Dense):
                current, width = self._dense(layer, current, STEPS), len(layer.bias)
            else:
                current, new_states = self._lstm(layer, current, states)
                width = cells(layer)
        logits = graph.tensor("logits", [STEPS, width])
        graph.operator("SOFTMAX", [current], [logits], beta=1.0)
        return node, states, logits, new_states

    def _convolution(self, layer: Convolution, current: int, frames: int) -> tuple[int, int, int]:
        """Append a Convolution over [steps, frames, width]; return its output, and the frames and width of that."""
        graph, name, indices = self.graph, layer.name, places(layer, frames)
        n_out, count = len(layer.bias) // layer.pool, STEPS * len(indices)
        rows = graph.constant(f"{name}/frames", indices.reshape(-1))
        gathered = graph.tensor(f"{name}/gathered", [STEPS, indices.size, layer.n_in])
        graph.operator("GATHER", [current, rows], [gathered], axis=1)
        patches = self._reshaped(gathered, f"{name}/patches", [count, layer.kernel.shape[0]])
        current = self._dense(layer, patches, count)
        if layer.pool > 1:
            # A clipped ReLU of maxima is the maximum of clipped ReLUs.
            parts = self._reshaped(current, f"{name}/parts", [count, layer.pool, n_out])
            axis = graph.constant(f"{name}/parts_axis", np.array([1], np.int32))
            current = graph.tensor(f"{name}/largest", [count, n_out])
            graph.operator("REDUCE_MAX", [parts, axis], [current])
        return self._reshaped(current, f"{name}/maps", [STEPS, len(indices), n_out]), len(indices), n_out

    def _dense(self, layer: Convolution | Dense, current: int, rows: int) -> int:
        """Append the product of `rows` rows with a layer's kernel, its bias and its clipped ReLU."""
        graph, name, n_out = self.graph, layer.name, len(layer.bias)
        # The operator takes one row for each output.
        weights = graph.constant(f"{name}/weights", layer.kernel.T)
        bias = graph.constant(f"{name}/bias", layer.bias)
        found = graph.tensor(f"{name}/sum", [rows, n_out])
        if layer.clip is None:
            graph.operator("FULLY_CONNECTED", [current, weights, bias], [found])
            return found
        graph.operator("FULLY_CONNECTED", [current, weights, bias], [found], activation=RELU)
        if isinf(layer.clip):
            return found
        clip = graph.constant(f"{name}/clip", np.array(layer.clip, np.float32))
        clipped = graph.tensor(f"{name}/output", [rows, n_out])
        graph.operator("MINIMUM", [found, clip], [clipped])
        return clipped

    def _lstm(self, layer: Lstm, current: int, before: Sequence[int]) -> tuple[int, list[int]]:
        """Append an LSTM with the state `before`, [c, h]; return its output and its state after the last step."""
        graph, name, width = self.graph, layer.name, cells(layer)
        n_in = layer.kernel.shape[0] - width
        # What an input adds to the gates does not wait for the step before, so all steps' are taken at once.
        weights = graph.constant(f"{name}/input_weights", layer.kernel[:n_in].T)
        bias = graph.constant(f"{name}/bias", layer.bias)
        added = graph.tensor(f"{name}/inputs", [STEPS, 4 * width])
        graph.operator("FULLY_CONNECTED", [current, weights, bias], [added])
        rows = self._split(added, f"{name}/input", STEPS, 0, [1, 4 * width])
        recurrent = graph.constant(f"{name}/state_weights", layer.kernel[n_in:].T)
        cell, hidden = before
        course = []
        for step, row in enumerate(rows):
            prefix = f"{name}/{step}"

            def made(
                operator: str, sources: Sequence[int], label: str, size: int = width, prefix: str = prefix
            ) -> int:
                tensor = graph.tensor(f"{prefix}/{label}", [1, size])
                graph.operator(operator, sources, [tensor])
                return tensor

            fed_back = made("FULLY_CONNECTED", [hidden, recurrent, NONE], "fed_back", 4 * width)
            gates = made("ADD", [row, fed_back], "gates", 4 * width)
            take, candidate, keep, show = self._split(gates, f"{prefix}/gate", 4, 1, [1, width])
            kept = made("MUL", [made("LOGISTIC", [keep], "keep"), cell], "kept")
            taken = made("MUL", [made("LOGISTIC", [take], "take"), made("TANH", [candidate], "new")], "taken")
            names = ("new_state_c", "new_state_h") if step == STEPS - 1 else None
            cell = graph.tensor(names[0] if names else f"{prefix}/cell", [1, width])
            graph.operator("ADD", [kept, taken], [cell])
            shown, level = made("LOGISTIC", [show], "show"), made("TANH", [cell], "level")
            hidden = graph.tensor(names[1] if names else f"{prefix}/hidden", [1, width])
            graph.operator("MUL", [shown, level], [hidden])
            course.append(hidden)
        output = graph.tensor(f"{name}/output", [STEPS, width])
        graph.operator("CONCATENATION", course, [output], axis=0)
        return output, [cell, hidden]

    def _reshaped(self, source: int, name: str, shape: Sequence[int], kind: int = 0) -> int:
        sizes = self.graph.constant(f"{name}/shape", np.array(shape, np.int32))
        found = self.graph.tensor(name, shape, kind)
        self.graph.operator("RESHAPE", [source, sizes], [found])
        return found

    def _split(self, source: int, name: str, count: int, axis: int, shape: Sequence[int]) -> Sequence[int]:
        number = self.graph.constant(f"{name}/axis", np.array(axis, np.int32))
        parts = [self.graph.tensor(f"{name}/{index}", shape) for index in range(count)]
        return self.graph.operator("SPLIT", [number, source], parts, num_splits=count)
