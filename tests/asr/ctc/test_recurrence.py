"""Our LSTM against Keras's and against TensorFlow's BlockLSTM, forwards and backwards."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
import tensorflow as tf

from asr.ctc.recurrence import Recurrence

SHAPES = [(1, 1, 1, 1), (2, 7, 5, 8), (3, 25, 12, 6)]  # batch, frames, inputs, units


def made(inputs: int, units: int, seed: int) -> Recurrence:
    layer = Recurrence(units, seed=seed)
    layer.build((None, None, inputs))
    generator = np.random.default_rng(seed)
    layer.set_weights([generator.normal(0, 0.7, weight.shape).astype("f") for weight in layer.get_weights()])
    return layer


def reordered(array: np.ndarray) -> np.ndarray:
    """Turn i, c, f, o into Keras's i, f, c, o; and back."""
    i, c, f, o = np.split(array, 4, axis=-1)
    return np.concatenate([i, f, c, o], axis=-1)


def with_gradients(run, values: np.ndarray, weights: list, above: np.ndarray) -> list[np.ndarray]:
    values = tf.constant(values)
    with tf.GradientTape() as tape:
        tape.watch(values)
        outputs = run(values)
        loss = tf.reduce_sum(outputs * above)
    return [np.asarray(one) for one in [outputs, *tape.gradient(loss, [values, *weights])]]


def drawn(batch: int, frames: int, inputs: int, units: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(frames)
    return (
        generator.normal(0, 1, (batch, frames, inputs)).astype("f"),
        generator.normal(0, 1, (batch, frames, units)).astype("f"),
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_keras_computes_the_same(shape) -> None:
    _, _, inputs, units = shape
    values, above = drawn(*shape)
    ours = made(inputs, units, 1)
    kernel, bias = ours.get_weights()
    theirs = keras.layers.LSTM(units, return_sequences=True)
    theirs.build((None, None, inputs))
    theirs.set_weights([reordered(kernel[:inputs]), reordered(kernel[inputs:]), reordered(bias)])
    found = with_gradients(ours, values, [weight.value for weight in ours.weights], above)
    expected = with_gradients(theirs, values, [weight.value for weight in theirs.weights], above)
    outputs, d_values, d_inputs, d_states, d_bias = expected
    expected = [outputs, d_values, reordered(np.concatenate([d_inputs, d_states])), reordered(d_bias)]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
    assert np.abs(outputs).max() > 0.1


@pytest.mark.parametrize("shape", SHAPES)
def test_the_clients_operation_computes_the_same(shape) -> None:
    batch, frames, inputs, units = shape
    values, above = drawn(*shape)
    ours = made(inputs, units, 2)

    def block_lstm(values: tf.Tensor) -> tf.Tensor:
        nothing = tf.zeros((batch, units))
        result = tf.raw_ops.BlockLSTM(
            seq_len_max=tf.constant(frames, tf.int64),
            x=tf.transpose(values, [1, 0, 2]),
            cs_prev=nothing,
            h_prev=nothing,
            w=kernel,
            wci=tf.zeros(units),
            wcf=tf.zeros(units),
            wco=tf.zeros(units),
            b=bias,
            forget_bias=0.0,
            cell_clip=-1.0,
            use_peephole=False,
        )
        return tf.transpose(result.h, [1, 0, 2])

    kernel, bias = (tf.Variable(weight) for weight in ours.get_weights())
    found = with_gradients(ours, values, [weight.value for weight in ours.weights], above)
    expected = with_gradients(block_lstm, values, [kernel, bias], above)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_one_traced_function_takes_any_length() -> None:
    ours = made(4, 6, 3)
    traces = []

    @tf.function(input_signature=[tf.TensorSpec((None, None, 4)), tf.TensorSpec((None, None, 6))])
    def traced(values: tf.Tensor, above: tf.Tensor) -> list[tf.Tensor]:
        traces.append(1)
        with tf.GradientTape() as tape:
            outputs = ours(values)
            loss = tf.reduce_sum(outputs * above)
        return [outputs, *tape.gradient(loss, [weight.value for weight in ours.weights])]

    for batch, frames in ((1, 1), (4, 3), (2, 30)):
        values, above = drawn(batch, frames, 4, 6)
        expected = with_gradients(ours, values, [weight.value for weight in ours.weights], above)
        for one, other in zip(traced(values, above), [expected[0], *expected[2:]], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
    assert len(traces) == 1


def test_weights_come_from_the_seed() -> None:
    layers = [Recurrence(8, seed=seed) for seed in (1, 1, 2)]
    for layer in layers:
        layer.build((None, None, 5))
    kernels = [layer.get_weights()[0] for layer in layers]
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert np.abs(kernels[0] - kernels[2]).max() > 0.01
    # Each gate's state products are orthogonal, and differ; the forget gate starts open.
    gates = np.split(kernels[0][5:], 4, axis=1)
    for gate in gates:
        np.testing.assert_allclose(gate @ gate.T, np.eye(8), atol=1e-5)
    assert np.abs(gates[0] - gates[1]).max() > 0.01
    np.testing.assert_array_equal(layers[0].get_weights()[1], np.repeat([0, 0, 1, 0], 8))
    assert layers[0].compute_output_shape((None, None, 5)) == (None, None, 8)
