"""The network that is trained against the graph that is exported from it."""

from __future__ import annotations

import os
from dataclasses import replace

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest

from asr.core.alphabet import Alphabet
from asr.ctc.bands import BandConvolution, inverse_dct, unroll
from asr.ctc.network import NETWORKS, build, layers, network_of
from asr.layers.sentence import Dense, Lstm, check_layers, fold_normalisation, unfold_normalisation
from asr.runtime.features import context_windows
from asr.settings.sections import Train
from export.graph import graph_def
from tests.small_networks import GraphRunner, small_network

MEAN = np.random.default_rng(5).normal(0, 5, 26).astype("f")
SCALE = np.random.default_rng(6).uniform(0.2, 1.5, 26).astype("f")
MATRIX = (np.diag(SCALE) + np.random.default_rng(7).normal(0, 0.02, (26, 26))).astype("f")


def scale_for(name: str, scale: np.ndarray) -> np.ndarray:
    """Return a scale of cepstra as that network takes it: of mel bands for a network of bands."""
    whole = np.diag(scale) if scale.ndim == 1 else scale
    return (whole @ inverse_dct()).astype("f") if NETWORKS[name].bands else scale


def network(name: str, width: int, seed: int = 1, scale: np.ndarray = SCALE, **more: object) -> keras.Model:
    """Return a network whose outputs are neither all alike nor all certain, biases included."""
    model = build(Train(network=name, n_hidden=width, seed=seed, **more), 28, MEAN, scale_for(name, scale))
    generator = np.random.default_rng(seed)
    for layer in model.layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            sharper = 8 if layer.name == "layer_6" else 1
            layer.set_weights([kernel * sharper, bias + generator.normal(0, 0.3, bias.shape).astype("f")])
    return model


def made_features(frames: int) -> np.ndarray:
    generator = np.random.default_rng(frames)
    return (MEAN + generator.normal(0, 1, (frames, 26)) / SCALE).astype("f")


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(("width", "scale"), [(8, SCALE), (24, MATRIX), (64, SCALE)])
def test_the_exported_graph_is_the_trained_network(name, width, scale) -> None:
    model = network(name, width, scale=scale)
    runner = GraphRunner(graph_def(layers(model), Alphabet()))
    for frames in (1, 16, 61):
        features = made_features(frames)
        expected = keras.ops.convert_to_numpy(keras.ops.softmax(model(features[None], training=False)))[0]
        found = runner.probabilities(context_windows(features).astype("f"))
        assert np.abs(found - expected).max() <= 1e-5
    assert 0.1 < np.median(expected.max(axis=1)) < 0.9999
    assert expected.std(axis=0).max() > 0.01


def test_the_network_is_deepspeechs() -> None:
    found = layers(build(Train(network="deepspeech", n_hidden=128), 28))
    check_layers(found, 494, 29)
    names = [layer.name for layer in found]
    assert names == [
        "layer_1",
        "layer_2",
        "layer_3",
        "cudnn_lstm/rnn/multi_rnn_cell/cell_0/cudnn_compatible_lstm_cell",
        "layer_5",
        "layer_6",
    ]
    assert [layer.kernel.shape for layer in found] == [
        (494, 128), (128, 128), (128, 128), (256, 512), (128, 128), (128, 29),
    ]  # fmt: skip
    assert [layer.clip for layer in found if isinstance(layer, Dense)] == [20, 20, 20, 20, None]
    assert all(layer.kernel.dtype == np.float32 for layer in found)


def test_activations_are_clipped() -> None:
    model = network("deepspeech", 8)
    model.get_layer("layer_5").set_weights([np.eye(8, dtype="f") * 0, np.full(8, 100, "f")])
    kernel, bias = model.get_layer("layer_6").get_weights()
    logits = np.asarray(model(made_features(3)[None]))[0]
    np.testing.assert_allclose(logits, np.tile(20 * kernel.sum(axis=0) + bias, (3, 1)), rtol=1e-5)


def test_the_seed_decides_the_weights_and_dropout_is_off_in_inference() -> None:
    one, same, other = (
        build(Train(network="deepspeech", n_hidden=16, seed=seed, dropout=0.5), 28) for seed in (1, 1, 2)
    )
    for first, second in zip(one.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)
    assert np.abs(one.get_weights()[0] - other.get_weights()[0]).max() > 0.01
    features = made_features(9)[None]
    awake = [np.asarray(one(features, training=True)) for _ in range(2)]
    asleep = [np.asarray(one(features, training=False)) for _ in range(2)]
    assert np.abs(awake[0] - awake[1]).max() > 0.01
    np.testing.assert_array_equal(asleep[0], asleep[1])


def test_the_blank_starts_where_it_is_told() -> None:
    bias = build(Train(n_hidden=8, blank_bias=-3.0), 4).get_layer("layer_6").get_weights()[1]
    np.testing.assert_array_equal(bias, [0, 0, 0, 0, -3])


@pytest.mark.parametrize("scale", [SCALE, MATRIX])
def test_normalisation_is_unfolded_exactly_enough(scale) -> None:
    generator = np.random.default_rng(1)
    kernel = generator.normal(0, 1, (494, 7)).astype("f")
    bias = generator.normal(0, 1, 7).astype("f")
    folded = fold_normalisation(kernel, bias, MEAN, scale)
    again_kernel, again_bias = unfold_normalisation(*folded, MEAN, scale)
    np.testing.assert_allclose(again_kernel, kernel, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(again_bias, bias, atol=1e-3)


@pytest.mark.parametrize(("bands", "channels", "filters"), [(6, 1, 2), (14, 3, 4)])
def test_a_matrix_over_all_bands_is_the_convolution(bands, channels, filters) -> None:
    """Against TensorFlow's own convolution and maxima."""
    import tensorflow as tf

    generator = np.random.default_rng(bands)
    kernel = generator.normal(0, 1, (3, 5, channels, filters)).astype("f")
    bias = generator.normal(0, 1, filters).astype("f")
    values = generator.normal(0, 1, (1, 3, bands, channels)).astype("f")
    padded = np.pad(values, [(0, 0), (0, 0), (2, 2), (0, 0)])
    expected = tf.nn.max_pool2d(tf.nn.conv2d(padded, kernel, 1, "VALID") + bias, (1, 2), (1, 2), "VALID")
    matrix, biases = unroll(kernel, bias, bands)
    found = (values.reshape(1, -1) @ matrix + biases).reshape(2, bands // 2, filters).max(axis=0)
    np.testing.assert_allclose(found, np.asarray(expected)[0, 0], atol=1e-5)


def test_only_a_matrix_that_repeats_itself_is_a_convolution() -> None:
    model = network("deepspeech-conv", 8)
    for layer in (layer for layer in model.layers if isinstance(layer, BandConvolution)):
        plain = layer.plain()
        kernel, bias = layer.weights_of(plain)
        np.testing.assert_array_equal(kernel, layer.get_weights()[0])
        np.testing.assert_array_equal(bias, layer.get_weights()[1])
        plain.kernel[0, -1] += 1
        assert layer.weights_of(plain) is None
        assert layer.weights_of(replace(plain, kernel=plain.kernel[:-1])) is None


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_recognised_from_its_layers(name) -> None:
    for width in (8, 29, 64):
        assert network_of(layers(build(Train(network=name, n_hidden=width), 28))) == (name, width)


@pytest.mark.parametrize(
    "strange",
    [
        small_network(1),  # widths differ
        small_network(1, width=24, state=27),
        [layer for layer in layers(build(Train(n_hidden=8), 28)) if not isinstance(layer, Lstm)],
        small_network(1)[1:],
        small_network(1)[-1:],
        [],
    ],
)
def test_other_networks_are_none_of_ours(strange) -> None:
    with pytest.raises(ValueError, match="no network of ours"):
        network_of(strange)
