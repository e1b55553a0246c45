"""The exported graph against Keras's own layers, in TensorFlow 2 and, where found, in TensorFlow 1.15.4."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from asr.core.alphabet import Alphabet
from asr.layers.sentence import LSTM_NAME, Dense, Lstm, context_of, fold_normalisation
from export.graph import graph_def, write_pb
from tests.small_networks import GraphRunner, keras_probabilities, small_network

REFERENCE = (
    Path(os.environ.get("ASR_DEPS", Path(__file__).resolve().parents[2] / ".deps")) / "reference/bin/python"
)
NETWORKS = {
    "DeepSpeech": {},
    "convolutions": {"convolutions": True},
    "a wide window": {"context": 13},
    "a narrow window": {"context": 2},
}

# Runs a graph like the client; TensorFlow 1.15, Python 3.7.
RUNNER = """
import sys, numpy as np, tensorflow as tf
graph, inputs, outputs = sys.argv[1:]
definition = tf.compat.v1.GraphDef()
definition.ParseFromString(open(graph, "rb").read())
with tf.Graph().as_default() as loaded:
    tf.import_graph_def(definition, name="")
given = np.load(inputs)
windows, state = given["windows"], int(given["state"])
c = h = np.zeros((1, state), np.float32)
parts = []
with tf.compat.v1.Session(graph=loaded) as session:
    for first in range(0, len(windows), 16):
        piece = windows[first:first + 16]
        batch = np.zeros((1, 16, piece.shape[1] // 26, 26), np.float32)
        batch[0, :len(piece)] = piece.reshape(len(piece), -1, 26)
        logits, c, h = session.run(["logits:0", "new_state_c:0", "new_state_h:0"], {
            "input_node:0": batch, "input_lengths:0": [len(piece)],
            "previous_state_c:0": c, "previous_state_h:0": h})
        parts.append(logits[:len(piece), 0])
    mfccs = [session.run("mfccs:0", {"input_samples:0": row}) for row in given["samples"]]
np.savez(outputs, probabilities=np.concatenate(parts), mfccs=np.concatenate(mfccs), version=tf.__version__)
"""


def windows(frames: int, context: int = 9) -> np.ndarray:
    width = (2 * context + 1) * 26
    return np.random.default_rng(frames).normal(0, 1.5, (frames, width)).astype(np.float32)


@pytest.mark.parametrize("frames", [1, 15, 16, 17, 70])
@pytest.mark.parametrize("network", NETWORKS)
def test_streamed_graph_is_the_trained_network(network, frames) -> None:
    layers = small_network(3, sharpness=20.0, **NETWORKS[network])
    runner = GraphRunner(graph_def(layers, Alphabet()))
    heard = windows(frames, NETWORKS[network].get("context", 9))
    found = runner.probabilities(heard)
    expected = keras_probabilities(layers, heard)
    assert np.abs(found - expected).max() <= 1e-5
    # A difference that small means something only where probabilities are neither all equal nor all certain.
    assert frames < 70 or 0.2 < np.median(expected.max(axis=1)) < 0.9999
    assert frames < 70 or expected.std(axis=0).max() > 0.05


@pytest.mark.skipif(not REFERENCE.is_file(), reason=f"no Python 3.7 with TensorFlow 1.15.4 at {REFERENCE}")
@pytest.mark.parametrize("network", ["DeepSpeech", "convolutions"])
def test_tensorflow_1_gives_the_same(network, tmp_path) -> None:
    from asr.ctc.features import exact_mfcc

    layers = small_network(3, sharpness=20.0, **NETWORKS[network])
    graph = graph_def(layers, Alphabet())
    write_pb(graph, tmp_path / "output_graph.pb")
    heard = windows(70, NETWORKS[network].get("context", 9))
    noise = np.random.default_rng(0).integers(-9000, 9000, 512 * 4).astype(np.int16)
    np.savez(
        tmp_path / "in.npz",
        windows=heard,
        state=GraphRunner(graph).state,
        samples=noise.reshape(4, 512).astype(np.float32) / 32768,
    )
    paths = [str(tmp_path / name) for name in ("output_graph.pb", "in.npz", "out.npz")]
    done = subprocess.run([str(REFERENCE), "-c", RUNNER, *paths], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    found = np.load(tmp_path / "out.npz")
    assert str(found["version"]) == "1.15.4"
    assert np.abs(found["probabilities"] - keras_probabilities(layers, heard)).max() <= 1e-5
    expected = np.concatenate([exact_mfcc(row)[:1] for row in noise.reshape(4, 512)])
    np.testing.assert_array_equal(found["mfccs"], expected)


def test_the_graph_has_what_the_client_looks_for() -> None:
    alphabet = Alphabet("ab ")
    layers = small_network(1)
    last = Dense("layer_6", layers[-1].kernel[:, :4], layers[-1].bias[:4], clip=None)
    message = graph_def([*layers[:-1], last], alphabet, 8000, beam_width=77, language="de-DE")
    nodes = {node.name: node for node in message.node}
    assert len(nodes) == len(message.node)

    def sizes(name: str) -> list[int]:
        return [dimension.size for dimension in nodes[name].attr["shape"].shape.dim]

    assert sizes("input_samples") == [256]
    assert sizes("input_node") == [1, 16, 19, 26]
    assert sizes("input_lengths") == [1]
    assert sizes("previous_state_c") == sizes("previous_state_h") == [1, 24]
    spectrogram = nodes["spectrogram"].attr
    assert (spectrogram["window_size"].i, spectrogram["stride"].i) == (256, 160)
    assert spectrogram["magnitude_squared"].b
    lstm = nodes[f"{LSTM_NAME}/lstm"].attr
    assert (lstm["cell_clip"].f, lstm["forget_bias"].f, lstm["use_peephole"].b) == (-1.0, 0.0, False)
    from tensorflow.python.framework.tensor_util import MakeNdarray

    values = {
        name: MakeNdarray(nodes[name].attr["value"].tensor) for name in nodes if name.startswith("metadata")
    }
    numbers = {
        name.removeprefix("metadata_"): value for name, value in values.items() if value.dtype == np.int32
    }
    assert {name: value.tolist() for name, value in numbers.items()} == {
        "version": [6],
        "sample_rate": [8000],
        "feature_win_len": [32],
        "feature_win_step": [20],
        "beam_width": [77],
    }
    assert values["metadata_alphabet"].tolist() == [b"\3\0\0\0\1\0a\1\0\1\0b\2\0\1\0 "]
    assert values["metadata_language"].tolist() == [b"de-DE"]
    kernel = MakeNdarray(nodes[f"{LSTM_NAME}/kernel"].attr["value"].tensor)
    np.testing.assert_array_equal(kernel, layers[3].kernel)


def test_folded_normalisation_is_normalising_after_the_context() -> None:
    generator = np.random.default_rng(2)
    kernel, bias = (
        generator.normal(size=(494, 7)).astype(np.float32),
        generator.normal(size=7).astype(np.float32),
    )
    mean, scale = generator.normal(size=26) * 5, generator.uniform(0.1, 3, 26)
    heard = windows(20)
    heard[0, :260] = 0  # context before the first frame
    expected = ((heard.astype(np.float64) - np.tile(mean, 19)) * np.tile(scale, 19)) @ kernel + bias
    folded_kernel, folded_bias = fold_normalisation(kernel, bias, mean, scale)
    assert folded_kernel.dtype == folded_bias.dtype == np.float32
    np.testing.assert_allclose(heard @ folded_kernel + folded_bias, expected, atol=2e-4)
    with pytest.raises(ValueError, match="do not divide"):
        fold_normalisation(kernel, bias, mean[:5], scale)


def broken(layers: list, index: int, **changes: object) -> list:
    index %= len(layers)
    old = layers[index]
    fields = {name: getattr(old, name) for name in old.__dataclass_fields__}
    return [*layers[:index], type(old)(**{**fields, **changes}), *layers[index + 1 :]]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda n: broken(n, 1, kernel=n[1].kernel[:-1]), "layer_2 has 23 rows where 24 belong"),
        (lambda n: broken(n, 1, bias=n[1].bias[:-1]), "24 columns and 23 biases"),
        (lambda n: broken(n, 1, name="layer_1"), "two layers are named layer_1"),
        (lambda n: broken(n, -1, clip=20.0), "the last layer"),
        (lambda n: n[:-1], "the last layer"),
        (lambda n: [], "no layer that looks at frames"),
        (lambda n: broken(n, 0, kernel=n[0].kernel[:-1]), "layer_1 has 493 rows, which are no frame with as many"),
        (lambda n: broken(n, 0, kernel=n[0].kernel[26:]), "layer_1 has 468 rows, which are no frame with as many"),
        (lambda n: [*n[:3], *n[4:]], "layer_5 has 24 rows where 27 belong"),
        (lambda n: broken(n, 3, kernel=n[3].kernel[:, :-1], bias=n[3].bias[:-1]), "four times its cells"),
        (lambda n: broken(n, -1, kernel=n[-1].kernel[:, :-1], bias=n[-1].bias[:-1]), "28 outputs"),
        (lambda n: [Dense("a", np.ones((494, 29), "f"), np.ones(29, "f"), None)], "0 LSTM layers"),
        (lambda n: [*n[:4], Lstm("again", np.ones((48, 96), "f"), np.ones(96, "f")), *n[4:]], "2 LSTM layers"),
    ],
)
def test_layers_that_do_not_fit_are_refused(change, complaint) -> None:
    with pytest.raises(ValueError, match=complaint):
        graph_def(change(small_network(1)), Alphabet())


def test_the_first_layer_says_how_wide_the_window_is() -> None:
    for context in (0, 1, 9, 13):
        assert context_of(small_network(1, context=context), 26) == context
    for context in (3, 6, 9, 12):
        assert context_of(small_network(1, convolutions=True, context=context), 26) == context
    # Places three frames apart may leave two frames over.
    for context in (4, 5):
        with pytest.raises(ValueError, match="the layers fit windows of 9 or 11 frames"):
            context_of(small_network(1, convolutions=True, context=context), 26)
