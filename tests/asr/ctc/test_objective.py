"""The CTC loss against the sum over every path, written out."""

from __future__ import annotations

import itertools
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
import tensorflow as tf

from asr.core.alphabet import Alphabet
from asr.ctc.network import NETWORKS, build, layers, with_intermediate
from asr.ctc.objective import Objective, ctc_losses, decode_greedily, divergences
from asr.settings.sections import Train

LABELS = 3
CASES = [(1, [0]), (2, [0, 1]), (3, [1, 1]), (4, [0, 1, 0]), (5, [2, 2]), (6, [0]), (6, [2, 0, 1])]


def collapsed(path: tuple[int, ...]) -> list[int]:
    return [label for label, _ in itertools.groupby(path) if label != LABELS]


def brute_force(logits: np.ndarray, labels: list[int]) -> float:
    """Return -log of the summed probability of all paths that write `labels`."""
    probabilities = np.exp(logits.astype(np.float64))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    total = 0.0
    for path in itertools.product(range(LABELS + 1), repeat=len(logits)):
        if collapsed(path) == labels:
            total += np.prod([probabilities[frame, label] for frame, label in enumerate(path)])
    return -np.log(total)


def batch() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    longest, most = max(frames for frames, _ in CASES), max(len(labels) for _, labels in CASES)
    logits = np.random.default_rng(1).normal(0, 2, (len(CASES), longest, LABELS + 1)).astype("f")
    written = np.full((len(CASES), most), -1, np.int32)
    for row, (_, labels) in enumerate(CASES):
        written[row, : len(labels)] = labels
    frames = np.array([frames for frames, _ in CASES], np.int32)
    return logits, frames, written, np.array([len(labels) for _, labels in CASES], np.int32)


EXPECTED = [brute_force(logits[:frames], labels) for logits, (frames, labels) in zip(batch()[0], CASES, strict=True)]


def test_the_loss_sums_all_paths() -> None:
    np.testing.assert_allclose(ctc_losses(*batch()[:3]), EXPECTED, rtol=1e-4, atol=1e-5)


def test_the_gradient_is_the_slope() -> None:
    logits, frames, labels, _ = batch()
    with tf.GradientTape() as tape:
        given = tf.constant(logits)
        tape.watch(given)
        total = tf.reduce_sum(ctc_losses(given, frames, labels))
    gradient = tape.gradient(total, given).numpy()
    for row, frame, label in ((3, 2, 1), (5, 0, 3), (6, 5, 2)):
        slope = []
        for step in (1e-3, -1e-3):
            moved = logits.astype(np.float64)
            moved[row, frame, label] += step
            count, spelt = CASES[row]
            slope.append(brute_force(moved[row, :count], spelt))
        assert gradient[row, frame, label] == pytest.approx((slope[0] - slope[1]) / 2e-3, abs=2e-4)
    # What lies beyond an utterance's end does not matter.
    assert not gradient[0, 1:].any()


def test_views_are_drawn_towards_each_other() -> None:
    logits = np.random.default_rng(2).normal(0, 2, (4, 6, LABELS + 1)).astype("f")
    frames = np.array([6, 6, 4, 4], np.int32)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    expected = []
    for row, other in ((0, 1), (1, 0), (2, 3), (3, 2)):
        one, its = probabilities[row, : frames[row]], probabilities[other, : frames[row]]
        expected.append(float(np.sum(its * np.log(its / one))))
    with tf.GradientTape() as tape:
        given = tf.constant(logits)
        tape.watch(given)
        found = divergences(given, frames)
        total = found[0] + found[2]
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    # Each goes towards the other as that is: the other does not come to meet it in the same term.
    gradient = tape.gradient(total, given).numpy()
    assert gradient[0].any() and not gradient[1].any() and not gradient[3].any()
    np.testing.assert_allclose(gradient[0], probabilities[0] - probabilities[1], atol=1e-5)
    assert not gradient[2, 4:].any()
    np.testing.assert_allclose(divergences(np.repeat(logits[:1], 2, axis=0), frames[:2]), 0, atol=1e-5)


def test_the_consistency_counts_beside_the_loss() -> None:
    logits = np.random.default_rng(3).normal(0, 2, (2, 5, LABELS + 1)).astype("f")
    frames, labels = np.array([5, 5], np.int32), np.array([[0, 1], [0, 1]], np.int32)
    given = {"features": None, "frames": frames}
    wanted = {"labels": labels, "weights": np.array([0.5, 0.25], "f")}
    network = build(Train(network="deepspeech", n_hidden=8), LABELS)
    plain, both = (
        float(Objective(network, consistency=share).compute_loss(given, wanted, logits)) for share in (0.0, 0.3)
    )
    apart = np.asarray(divergences(logits, frames))
    assert both == pytest.approx(plain + 0.3 * float(apart @ wanted["weights"]), rel=1e-5)
    assert both > plain


def test_a_transcript_that_cannot_fit_is_no_small_loss() -> None:
    """It is infinite, so that no training takes it for a perfect one."""
    logits = np.zeros((1, 2, LABELS + 1), "f")
    loss = ctc_losses(logits, np.array([2]), np.array([[0, 0]]))
    assert np.isinf(np.asarray(loss)).all()


def test_the_objective_weighs_characters_not_utterances() -> None:
    objective = Objective(build(Train(n_hidden=8), LABELS))
    _, frames, labels, lengths = batch()
    features = np.random.default_rng(2).normal(0, 1, (len(CASES), int(frames.max()), 26)).astype("f")
    weights = (1 / (lengths * len(CASES))).astype("f")
    x = {"features": features, "frames": frames}
    y = {"labels": labels, "weights": weights}
    logits = objective(x)
    found = float(objective.compute_loss(x=x, y=y, y_pred=logits))
    expected = [
        brute_force(np.asarray(one)[:count], spelt) / len(spelt)
        for one, (count, spelt) in zip(logits, CASES, strict=True)
    ]
    assert found == pytest.approx(np.mean(expected), rel=1e-4)
    halves = []
    for part in (slice(0, 3), slice(3, None)):
        here = {key: value[part] for key, value in y.items()}
        there = {key: value[part] for key, value in x.items()}
        halves.append(float(objective.compute_loss(x=there, y=here, y_pred=logits[part])))
    assert sum(halves) == pytest.approx(found, rel=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_intermediate_loss_trains_the_layers_below_the_lstm(name: str) -> None:
    settings = Train(network=name, n_hidden=8, dropout=0.0)
    plain = build(settings, LABELS)
    network = with_intermediate(plain, settings)
    _, frames, labels, _ = batch()
    features = np.random.default_rng(2).normal(0, 1, (len(CASES), int(frames.max()), 26)).astype("f")
    x = {"features": features, "frames": frames}
    y = {"labels": labels, "weights": np.full(len(CASES), 0.1, "f")}
    objective = Objective(network, intermediate=0.3)
    with tf.GradientTape() as tape:
        logits, lower = objective(x, training=True)
        loss = objective.compute_loss(x=x, y=y, y_pred=[tf.stop_gradient(logits), lower])
    np.testing.assert_allclose(logits, plain(features), rtol=1e-5, atol=1e-6)
    upper_loss, lower_loss = (
        sum(brute_force(np.asarray(one)[:count], spelt) for one, (count, spelt) in zip(output, CASES, strict=True))
        for output in (logits, lower)
    )
    assert float(loss) == pytest.approx(0.1 * (upper_loss + 0.3 * lower_loss), rel=1e-4)
    # It reaches what is below the LSTM, and its own layer, and nothing above.
    gradients = tape.gradient(loss, network.trainable_variables)
    reached = {
        variable.path.split("/")[0]
        for variable, gradient in zip(network.trainable_variables, gradients, strict=True)
        if gradient is not None and np.abs(np.asarray(gradient)).max() > 0
    }
    assert {"layer_1", "intermediate"} <= reached and not reached & {"lstm", "layer_5", "layer_6"}
    # What is exported does not know of it.
    assert len(layers(plain)) == len(layers(build(settings, LABELS)))


@pytest.mark.parametrize("intermediate", [0.0, 0.3])
def test_shares_of_a_batch_add_up_to_it(intermediate: float) -> None:
    settings = Train(n_hidden=8, dropout=0.0)
    network = build(settings, LABELS)
    network = with_intermediate(network, settings) if intermediate else network
    _, frames, labels, _ = batch()
    count = len(frames) // 2 * 2
    features = np.random.default_rng(2).normal(0, 1, (count, int(frames.max()), 26)).astype("f")
    x = {"features": features, "frames": frames[:count]}
    y = {"labels": labels[:count], "weights": np.full(count, 0.1, "f")}
    found = []
    for shares in (1, 2):
        objective = Objective(network, shares, intermediate=intermediate)
        with tf.GradientTape() as tape:
            loss = objective.compute_loss(x=x, y=y, y_pred=objective(x, training=True))
        found.append([np.asarray(value) for value in tape.gradient(loss, network.trainable_variables)])
    for one, two in zip(*found, strict=True):
        assert np.abs(one).max() > 0
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


def test_greedy_reading() -> None:
    alphabet = Alphabet("ab ")
    spelt = ["aa-ab", "---", "b bb-", "a", "abba"]
    logits = np.zeros((len(spelt), 5, 4), "f")
    for row, text in enumerate(spelt):
        # Beyond the end stands something else, which must not be read.
        for frame, label in enumerate(text.ljust(5, "b")):
            logits[row, frame, "ab -".index(label)] = 1
    frames = np.array([len(text) for text in spelt], np.int32)
    assert decode_greedily(logits, frames, alphabet) == ["aab", "", "b b", "a", "aba"]
    assert decode_greedily(logits[:1], np.array([0], np.int32), alphabet) == [""]


def test_noise_has_the_loss_of_blanks_throughout() -> None:
    rng = np.random.default_rng(11)
    logits = rng.normal(size=(3, 7, 5)).astype(np.float32)
    frames = np.array([7, 4, 6])
    losses = np.asarray(ctc_losses(logits, frames, np.array([[-1, -1], [1, 2], [-1, -1]])))
    shifted = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    assert losses[0] == pytest.approx(-shifted[0, :7, -1].sum(), rel=1e-5)
    assert losses[2] == pytest.approx(-shifted[2, :6, -1].sum(), rel=1e-5)
    alone = np.asarray(ctc_losses(logits[1:2], frames[1:2], np.array([[1, 2]])))
    assert losses[1] == pytest.approx(alone[0], rel=1e-5)
