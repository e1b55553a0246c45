"""The .tflite for Coqui's client, `stt` 1.4.0, and for others that load its pairs of model.tflite and alphabet.txt.

Coqui's fork of the DeepSpeech client finds tensors by the names of Mozilla's graph. The differences from the .pb (see
export.graph): `logits` is [16, labels + 1]; there is no `input_lengths`, so the state after a shorter last run, which
nothing reads, is the one after 16 frames; and the metadata are outputs of operators, because the client runs those
operators to read them. The LSTM is unrolled step by step, in plain operators.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isinf

import numpy as np
from ai_edge_litert.schema_py_generated import ActivationFunctionType

from asr.core.alphabet import Alphabet
from asr.layers.sentence import Convolution, Dense, Layer, Lstm, cells, places
from asr.runtime.features import COEFFICIENTS, LOWEST_HZ, MEL_CHANNELS, STEP_MS, WINDOW_MS
from export.contract import STEPS, check_network, metadata_of
from export.tflite_graph import INT32, NONE, STRING, Graph

DESCRIPTION = "asr-harness: sentence network for the stt client"


def tflite(
    layers: Sequence[Layer], alphabet: Alphabet, sample_rate: int = 16000, beam_width: int = 500, language: str = "en"
) -> bytes:
    """Return model.tflite of a trained network; parameters and errors as export.graph.graph_def's."""
    window, lstm = check_network(layers, alphabet)
    writer = _Writer()
    samples, coefficients = writer.features(sample_rate)
    node, states, logits, new_states = writer.network(layers, [1, STEPS, window, COEFFICIENTS], cells(lstm))
    described = metadata_of(alphabet, sample_rate, beam_width, language)
    told = [writer.metadata(name, value) for name, value in described.items()]
    inputs = [node, *states, samples]
    return writer.graph.serialised(inputs, [logits, *new_states, coefficients, *told], DESCRIPTION)


class _Writer:
    """Appends the parts of the model to a graph."""

    def __init__(self) -> None:
        self.graph = Graph()

    def metadata(self, name: str, value: int | bytes) -> int:
        """Append an output that holds one number or one string."""
        content = value if isinstance(value, bytes) else np.array([value], np.int32)
        constant = self.graph.constant(f"{name}_value", content)
        return self.graph.reshape(constant, name, [1], STRING if isinstance(value, bytes) else INT32)

    def features(self, sample_rate: int) -> tuple[int, int]:
        """Append `input_samples -> mfccs`; return both."""
        graph, window = self.graph, sample_rate * WINDOW_MS // 1000
        samples = graph.tensor("input_samples", [window])
        bins = 1 << (window - 1).bit_length() - 1
        power = graph.operator(
            "AudioSpectrogram",
            [graph.reshape(samples, "input_column", [window, 1])],
            "spectrogram",
            [1, 1, bins + 1],
            window_size=window,
            stride=sample_rate * STEP_MS // 1000,
            magnitude_squared=True,
        )
        coefficients = graph.operator(
            "Mfcc",
            [power, graph.constant("feature_sample_rate", np.array(sample_rate, np.int32))],
            "coefficients",
            [1, 1, COEFFICIENTS],
            upper_frequency_limit=sample_rate / 2,
            lower_frequency_limit=LOWEST_HZ,
            filterbank_channel_count=MEL_CHANNELS,
            dct_coefficient_count=COEFFICIENTS,
        )
        return samples, graph.reshape(coefficients, "mfccs", [1, COEFFICIENTS])

    def network(
        self, layers: Sequence[Layer], shape: Sequence[int], state: int
    ) -> tuple[int, list[int], int, Sequence[int]]:
        """Append the layers; return input_node, both previous states, logits and both new states."""
        graph = self.graph
        node = graph.tensor("input_node", shape)
        width = shape[2] * shape[3]
        current = graph.reshape(node, "context_windows", [STEPS, width])
        states = [graph.tensor(f"previous_state_{kind}", [1, state]) for kind in "ch"]
        new_states: Sequence[int] = ()
        frames = 0  # of the context window that the convolutions have left
        for layer in layers:
            if isinstance(layer, Convolution):
                if not frames:
                    frames = width // layer.n_in
                    current = graph.reshape(current, "window_frames", [STEPS, frames, layer.n_in])
                current, frames, width = self._convolution(layer, current, frames)
                continue
            if frames:
                width, frames = width * frames, 0
                current = graph.reshape(current, "window_rows", [STEPS, width])
            if isinstance(layer, Dense):
                current, width = self._dense(layer, current, STEPS), len(layer.bias)
            else:
                current, new_states = self._lstm(layer, current, states)
                width = state
        logits = graph.operator("SOFTMAX", [current], "logits", [STEPS, width], beta=1.0)
        return node, states, logits, new_states

    def _convolution(self, layer: Convolution, current: int, frames: int) -> tuple[int, int, int]:
        """Append a Convolution over [steps, frames, width]; return its output, and the frames and width of that."""
        graph, name, indices = self.graph, layer.name, places(layer, frames)
        n_out, count = len(layer.bias) // layer.pool, STEPS * len(indices)
        rows = graph.constant(f"{name}/frames", indices.reshape(-1))
        sizes = [STEPS, indices.size, layer.n_in]
        gathered = graph.operator("GATHER", [current, rows], f"{name}/gathered", sizes, axis=1)
        patches = graph.reshape(gathered, f"{name}/patches", [count, layer.kernel.shape[0]])
        current = self._dense(layer, patches, count)
        if layer.pool > 1:
            # A clipped ReLU of maxima is the maximum of clipped ReLUs.
            parts = graph.reshape(current, f"{name}/parts", [count, layer.pool, n_out])
            axis = graph.constant(f"{name}/parts_axis", np.array([1], np.int32))
            current = graph.operator("REDUCE_MAX", [parts, axis], f"{name}/largest", [count, n_out])
        return graph.reshape(current, f"{name}/maps", [STEPS, len(indices), n_out]), len(indices), n_out

    def _dense(self, layer: Convolution | Dense, current: int, rows: int) -> int:
        """Append the product of `rows` rows with a layer's kernel, its bias and its clipped ReLU."""
        graph, name, n_out = self.graph, layer.name, len(layer.bias)
        # The operator takes one row for each output.
        weights = graph.constant(f"{name}/weights", layer.kernel.T)
        bias = graph.constant(f"{name}/bias", layer.bias)
        activation = ActivationFunctionType.NONE if layer.clip is None else ActivationFunctionType.RELU
        found = graph.operator(
            "FULLY_CONNECTED",
            [current, weights, bias],
            f"{name}/sum",
            [rows, n_out],
            fusedActivationFunction=activation,
        )
        if layer.clip is None or isinf(layer.clip):
            return found
        clip = graph.constant(f"{name}/clip", np.array(layer.clip, np.float32))
        return graph.operator("MINIMUM", [found, clip], f"{name}/output", [rows, n_out])

    def _lstm(self, layer: Lstm, current: int, before: Sequence[int]) -> tuple[int, Sequence[int]]:
        """Append the Lstm; return its output and its new states, (c, h), by the client's names."""
        graph, name, width = self.graph, layer.name, cells(layer)
        n_in = layer.kernel.shape[0] - width
        # What an input adds to the gates does not wait for the step before, so all steps' are taken at once.
        weights = graph.constant(f"{name}/input_weights", layer.kernel[:n_in].T)
        bias = graph.constant(f"{name}/bias", layer.bias)
        sums = graph.operator("FULLY_CONNECTED", [current, weights, bias], f"{name}/inputs", [STEPS, 4 * width])
        rows = graph.split(sums, f"{name}/input", STEPS, 0, [1, 4 * width])
        recurrent = graph.constant(f"{name}/state_weights", layer.kernel[n_in:].T)
        cell, hidden = before
        course = []
        for step, row in enumerate(rows):
            prefix, last = f"{name}/{step}", step == STEPS - 1

            def add(op: str, inputs: Sequence[int], label: str, prefix: str = prefix) -> int:
                return graph.operator(op, inputs, f"{prefix}/{label}", [1, width])

            sizes = [1, 4 * width]
            fed_back = graph.operator("FULLY_CONNECTED", [hidden, recurrent, NONE], f"{prefix}/fed_back", sizes)
            gates = graph.operator("ADD", [row, fed_back], f"{prefix}/gates", sizes)
            take, candidate, keep, show = graph.split(gates, f"{prefix}/gate", 4, 1, [1, width])
            kept = add("MUL", [add("LOGISTIC", [keep], "keep"), cell], "kept")
            taken = add("MUL", [add("LOGISTIC", [take], "take"), add("TANH", [candidate], "new")], "taken")
            cell = graph.operator("ADD", [kept, taken], "new_state_c" if last else f"{prefix}/cell", [1, width])
            shown, level = add("LOGISTIC", [show], "show"), add("TANH", [cell], "level")
            hidden = graph.operator("MUL", [shown, level], "new_state_h" if last else f"{prefix}/hidden", [1, width])
            course.append(hidden)
        output = graph.operator("CONCATENATION", course, f"{name}/output", [STEPS, width], axis=0)
        return output, (cell, hidden)
