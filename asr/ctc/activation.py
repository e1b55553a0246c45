"""The clipped ReLU and dropout, in few passes over memory where TensorFlow is the backend.

At small widths a training step spends as long on these as on a layer's product.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from asr.layers.sentence import CLIP

_WORD = 1 << 16


def clipped_relu(values: Any) -> Any:
    """min(max(x, 0), 20)."""
    return ops.minimum(ops.relu(values), CLIP)


class Dropout(keras.layers.Dropout):
    """Dropout, after a clipped ReLU if `clip` is set: [...] -> the same shape.

    Parameters
    ----------
    rate : share of the values that training sets to 0; the others are scaled up, so that the mean stays.
        With TensorFlow it is rounded to a multiple of 1 / 65536.
    clip : take min(max(x, 0), 20) first, in training and outside it.
    seed : of the values chosen.
    """

    def __init__(self, rate: float, *, clip: bool = False, seed: int | None = None, **arguments: Any) -> None:
        super().__init__(rate, seed=seed, **arguments)
        self.clip = clip

    def call(self, values: Any, training: bool = False) -> Any:
        quick = keras.backend.backend() == "tensorflow" and self.compute_dtype == "float32"
        drops = training and self.rate > 0
        if quick and (drops or self.clip):
            # Two decisions of 16 bits are made of each random number.
            threshold = min(round(self.rate * _WORD), _WORD - 1) if drops else 0
            keep = _random_words(values, self.seed_generator) >= threshold if drops else None
            scale = _WORD / (_WORD - threshold)
            return _clip(values, keep, scale) if self.clip else _drop(values, keep, scale)
        if self.clip:
            values = clipped_relu(values)
        return super().call(values, training=training)


def _random_words(values: Any, generator: keras.random.SeedGenerator) -> Any:
    """Return a random uint16 for each value."""
    import tensorflow as tf

    size = tf.size(values)
    seed = tf.cast(generator.next(), tf.int32)
    numbers = tf.random.stateless_uniform([(size + 1) // 2], seed, minval=None, maxval=None, dtype=tf.int32)
    return tf.reshape(tf.reshape(tf.bitcast(numbers, tf.uint16), [-1])[:size], tf.shape(values))


def _drop(values: Any, keep: Any, scale: float) -> Any:
    import tensorflow as tf

    return values * (tf.cast(keep, tf.float32) * scale)


def _clip(values: Any, keep: Any | None, scale: float) -> Any:
    """Return the clipped ReLU of the values to keep, scaled, and 0 for the others."""
    import tensorflow as tf

    limit = float(np.float32(CLIP) * np.float32(scale))

    @tf.custom_gradient
    def run(values: Any) -> Any:
        result = tf.minimum(tf.nn.relu(values), CLIP)
        if keep is not None:
            result = result * (tf.cast(keep, tf.float32) * scale)

        def gradient(above: Any) -> Any:
            # The result alone tells what passes: what was dropped is 0, what was clipped is at the limit.
            above = tf.raw_ops.ReluGrad(gradients=above, features=result)
            passes = tf.cast(result < limit, tf.float32)
            return above * (passes * scale if keep is not None else passes)

        return result, gradient

    return run(values)
