"""Pretrained weights: of our runs, our exports, and a graph frozen by TensorFlow 1.15."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest

from asr.core.alphabet import ENGLISH, Alphabet
from asr.core.errors import ModelError
from asr.ctc.bands import inverse_dct
from asr.ctc.network import NETWORKS, build, layers, normalisation
from asr.ctc.train import Trainer, read_layers
from asr.ctc.transfer import PretrainedWeights
from asr.layers.sentence import LSTM_NAME
from asr.runs import checkpoints
from asr.settings.sections import Train
from export.graph import graph_def, write_pb
from export.pbmm import write_pbmm
from export.weights import read_layers as read_graph
from tests.tone_training import ALPHABET, Log, make_plan

REFERENCE = (
    Path(os.environ.get("ASR_DEPS", Path(__file__).resolve().parents[3] / ".deps")) / "reference/bin/python"
)
MEAN = np.random.default_rng(5).normal(0, 3, 26).astype("f")
SCALE = np.random.default_rng(6).uniform(0.3, 1.5, 26).astype("f")
FEATURES = np.random.default_rng(7).normal(0, 3, (40, 26)).astype("f")


def network(name: str = "deepspeech", width: int = 24, labels: int = 28, seed: int = 1, **more: Any) -> keras.Model:
    return build(Train(network=name, n_hidden=width, seed=seed), labels, **more)


def start(found: list, **changes: Any) -> PretrainedWeights:
    given = {"alphabet": Alphabet(), "target": Alphabet(), "freeze": (), "drop_layers": 0, "name": "model.pb"}
    return PretrainedWeights(found, **{**given, **changes})


def logits(model: keras.Model) -> np.ndarray:
    return np.asarray(model(FEATURES[None], training=False))[0]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("form", ["npz", "pb", "pbmm"])
def test_a_network_of_ours_keeps_its_outputs(name, form, tmp_path) -> None:
    """Though the new training has another mean and scale of its features."""
    bands = inverse_dct() if NETWORKS[name].bands else np.eye(26)
    old = network(name, mean=MEAN, scale=np.diag(SCALE) @ bands)
    path = tmp_path / f"model.{form}"
    if form == "npz":
        checkpoints.save(path, old.get_weights(), normalisation(old))
        found = read_layers(path, Train(network=name, n_hidden=24), Alphabet())
    else:
        graph = graph_def(layers(old), Alphabet())
        write_pb(graph, path)
        if form == "pbmm":
            write_pbmm(graph, path)
        found = read_graph(path).layers
    new = network(name, seed=2, mean=-MEAN, scale=np.diag(1 / SCALE) @ bands)
    assert np.abs(logits(new) - logits(old)).max() > 0.1
    start(found).apply(new)
    np.testing.assert_allclose(logits(new), logits(old), atol=2e-4)


@pytest.mark.skipif(not REFERENCE.is_file(), reason=f"no Python 3.7 with TensorFlow 1.15.4 at {REFERENCE}")
def test_a_graph_frozen_by_tensorflow_1_keeps_its_outputs(tmp_path) -> None:
    from tests.export.test_model_files import TRAINER

    graph, weights = tmp_path / "output_graph.pb", tmp_path / "weights.npz"
    done = subprocess.run(
        [str(REFERENCE), "-c", TRAINER, str(graph), str(weights)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    values = np.load(weights)
    found = read_graph(graph)
    new = network(width=40, mean=MEAN, scale=SCALE)
    start(found.layers, alphabet=found.metadata.alphabet).apply(new)
    # The reference has outputs of these windows; our network cuts its own, so its upper part is called with them.
    given = values["given"][0].reshape(16, 494)
    context = new.get_layer("context")
    normalised = ((given.reshape(16, 19, 26) - context.mean) @ context.scale).reshape(16, 494)
    rest = keras.Model(context.output, new.output)
    probabilities = keras.ops.convert_to_numpy(keras.ops.softmax(rest(normalised[None].astype("f"))))[0]
    np.testing.assert_allclose(probabilities, values["logits"].reshape(16, 29), atol=1e-4)
    assert values["logits"].max() > 0.2


def test_labels_that_both_alphabets_have_keep_their_weights() -> None:
    old = network()
    target = Alphabet("\u00e4z ba")
    new = network(labels=target.size, seed=2)
    before = [np.array(value) for value in new.get_layer("layer_6").get_weights()]
    start(layers(old), target=target).apply(new)
    old_kernel, old_bias = old.get_layer("layer_6").get_weights()
    kernel, bias = new.get_layer("layer_6").get_weights()
    for index, label in enumerate([*target.labels[1:], "blank"], start=1):
        from_ = 28 if label == "blank" else ENGLISH.index(label)
        np.testing.assert_array_equal(kernel[:, index], old_kernel[:, from_])
        assert bias[index] == old_bias[from_]
    np.testing.assert_array_equal(kernel[:, 0], before[0][:, 0])
    assert bias[0] == before[1][0]
    np.testing.assert_array_equal(new.get_layer("layer_5").get_weights()[0], old.get_layer("layer_5").get_weights()[0])


@pytest.mark.parametrize("dropped", range(7))
def test_dropped_layers_start_anew(dropped) -> None:
    old, new, fresh = network(), network(seed=2), network(seed=2)
    start(layers(old), drop_layers=dropped).apply(new)
    names = ["layer_1", "layer_2", "layer_3", "lstm", "layer_5", "layer_6"]
    for index, name in enumerate(names):
        source = old if index < 6 - dropped else fresh
        pairs = zip(new.get_layer(name).get_weights(), source.get_layer(name).get_weights(), strict=True)
        for found, expected in pairs:
            np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "frozen", "lstm", "moving"),
    [
        ("deepspeech", ("layer_1", "layer_3"), LSTM_NAME, ("layer_2", "layer_5", "layer_6")),
        ("deepspeech-conv", ("conv_1", "layer_2"), "lstm", ("conv_2", "layer_1", "layer_5", "layer_6")),
    ],
)
def test_frozen_layers_stay_and_the_others_move(name, frozen, lstm, moving, tmp_path) -> None:
    source = build(Train(network=name, n_hidden=32, seed=9), ALPHABET.size)
    plan = make_plan(
        tmp_path, "run", epochs=2, weight_decay=0.5, network=name,
        pretrained=PretrainedWeights(layers(source), ALPHABET, ALPHABET, (*frozen, lstm), 0, "run"),
    )  # fmt: skip
    trainer = Trainer(plan)
    before = {layer.name: layer.get_weights() for layer in trainer.network.layers}
    trainer.run(Log())
    for layer in (*frozen, "lstm", *moving):
        moved = [
            np.abs(new - old).max()
            for new, old in zip(trainer.network.get_layer(layer).get_weights(), before[layer], strict=True)
        ]
        assert (max(moved) == 0) == (layer not in moving), layer
    # Its checkpoint has the order of a network that nothing is frozen in.
    stored = read_layers(trainer.best, plan.settings, ALPHABET)
    for found, expected in zip(stored, layers(trainer.network), strict=True):
        np.testing.assert_array_equal(found.kernel, expected.kernel)
    # A resumed training has the same layers frozen.
    again = Trainer(make_plan(tmp_path, "run", epochs=3, weight_decay=0.5, network=name, pretrained=plan.pretrained))
    assert again.state.epoch == 2
    again.run(Log())
    for layer in frozen:
        np.testing.assert_array_equal(again.network.get_layer(layer).get_weights()[0], before[layer][0])


def test_layers_of_another_network_are_refused() -> None:
    complaint = r'the weights have a layer bands, and deepspeech has none.* Set train\.network to "deepspeech-conv"'
    with pytest.raises(ModelError, match=complaint):
        start(layers(network("deepspeech-conv"))).apply(network("deepspeech"))


def test_what_does_not_fit_is_named() -> None:
    fits = 'Set train.network to "deepspeech" and train.n_hidden to 24'
    with pytest.raises(ModelError, match=rf"layer_1 is \[494, 24\] there and \[494, 16\] here.*{fits}"):
        start(layers(network(width=24))).apply(network(width=16))
    told = r"no layer is called 'layer_9'\. The layers are (layer_1, .*)$"
    with pytest.raises(ModelError, match=told) as caught:
        start(layers(network()), freeze=("layer_9",)).apply(network())
    # A setting takes each of these names, and those that a training starts with are the same.
    names = str(caught.value).partition("The layers are ")[2].split(", ")
    assert names[3] == "lstm"
    pretrained = start(layers(network()), freeze=tuple(names))
    assert pretrained.describe() == f"starting from model.pb: {', '.join(names)}"
    frozen = network()
    pretrained.apply(frozen)
    assert not frozen.trainable_variables
