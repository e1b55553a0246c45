"""Layers that are faster than Keras's own, against Keras and TensorFlow."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from asr.ctc.activation import Dropout
from asr.ctc.bands import Windows
from asr.ctc.network import Affine, build
from asr.ctc.objective import Objective
from asr.settings.sections import Train


def clipped_relu(values: Any) -> Any:
    return tf.clip_by_value(values, 0.0, 20.0)


def normal(*shape: int, seed: int = 0) -> Any:
    return tf.constant(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def gradients(call: Any, *over: Any) -> list[Any]:
    """Return outputs, and the gradients of a loss that weighs each output differently."""

    @tf.function
    def run(*over: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(over)
            outputs = call(*over)
            loss = tf.reduce_sum(outputs * normal(*outputs.shape, seed=9))
        return [outputs, *tape.gradient(loss, over)]

    return [np.asarray(each) for each in run(*over)]


def test_the_clipped_relu_and_its_gradient_are_tensorflows() -> None:
    values = normal(6, 40) * 20
    layer = Dropout(0.0, clip=True)
    assert np.abs(values).max() > 20
    for mine, theirs in zip(gradients(layer, values), gradients(clipped_relu, values), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_array_equal(Dropout(0.5, clip=True)(values), clipped_relu(values))


@pytest.mark.parametrize("clip", [False, True])
def test_dropout_drops_its_share_at_random_and_scales_up_the_rest(clip: bool) -> None:
    rate, values = 0.15, normal(200, 501) * 15
    layer = Dropout(rate, clip=clip, seed=3)
    first, gradient = gradients(lambda values: layer(values, training=True), values)
    whole, slope = gradients(clipped_relu if clip else tf.identity, values)
    counted = whole != 0
    dropped = (first == 0) & counted
    # Five standard deviations of a binomial share.
    n = counted.sum()
    assert abs(dropped.sum() / n - rate) < 5 * np.sqrt(rate * (1 - rate) / n)
    kept = counted & ~dropped
    np.testing.assert_allclose(first[kept], whole[kept] / (1 - rate), rtol=1e-4)
    np.testing.assert_allclose(gradient[kept], slope[kept] / (1 - rate), rtol=1e-4)
    assert not gradient[dropped].any()
    second, _ = gradients(lambda values: layer(values, training=True), values)
    assert abs(((second == 0) & dropped).sum() / dropped.sum() - rate) < 0.05
    again = Dropout(rate, clip=clip, seed=3)(values, training=True)
    np.testing.assert_array_equal(again, first)
    # Neighbours share a random number; their fates must not be shared.
    if not clip:
        left, right = dropped.ravel()[:-1:2], dropped.ravel()[1::2]
        assert abs(np.corrcoef(left, right)[0, 1]) < 5 / np.sqrt(left.size)


@pytest.mark.parametrize("frames", [1, 6, 7, 11])
def test_windows_and_their_gradient_are_those_of_slices(frames: int) -> None:
    values, features = normal(2, frames + 10, 3, 4), normal(2, frames, 26)
    layer = Windows(10, 2)

    def slices(values: Any) -> Any:
        flat = tf.reshape(values, (2, frames + 10, 12))
        return tf.concat([flat[:, i : i + frames] for i in range(0, 11, 2)], axis=-1)

    found = gradients(lambda values: layer(values, features), values)
    assert found[0].shape == (2, frames, 72)
    for mine, theirs in zip(found, gradients(slices, values), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)


def test_a_dense_layer_over_frames_is_keras_dense() -> None:
    values, layer, theirs = normal(3, 7, 5), Affine(4), keras.layers.Dense(4)
    layer.build(values.shape)
    theirs.build(values.shape)
    theirs.set_weights(layer.get_weights())
    np.testing.assert_allclose(layer(values), theirs(values), atol=1e-6)
    assert layer(values).shape == (3, 7, 4)


def test_keras_leaves_xla_alone_where_the_kernels_are_tensorflows() -> None:
    from keras.src.trainers.trainer import model_supports_jit

    assert not model_supports_jit(Objective(build(Train(n_hidden=8), 28)))
