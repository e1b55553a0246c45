"""The clipped ReLU and dropout, in few passes over memory.

At small widths a training step spends as long on these as on a layer's product.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from asr.layers.sentence import CLIP

_WORD = 1 << 16


class Dropout(keras.layers.Dropout):
    """Dropout, after a clipped ReLU if `clip` is set: float32 [...] -> the same shape.

    Parameters
    ----------
    rate : share of the values that training sets to 0, rounded to a multiple of 1 / 65536; the others are scaled up, so
        that the mean stays.
    clip : take min(max(x, 0), 20) first, in training and outside it.
    seed : of the values dropped.
    """

    def __init__(self, rate: float, *, clip: bool = False, seed: int | None = None, **arguments: Any) -> None:
        super().__init__(rate, seed=seed, **arguments)
        self.clip = clip

    def call(self, values: Any, training: bool = False) -> Any:
        drops = training and self.rate > 0
        # Each random number decides for two values, 16 bits each.
        threshold = min(round(self.rate * _WORD), _WORD - 1) if drops else 0
        keep = _random_words(values, self.seed_generator) >= threshold if drops else None
        scale = _WORD / (_WORD - threshold)
        if self.clip:
            return _clip(values, keep, scale)
        return values if keep is None else values * (tf.cast(keep, tf.float32) * scale)


def _random_words(values: Any, generator: keras.random.SeedGenerator) -> Any:
    """Return a random uint16 for each value."""
    size = tf.size(values)
    seed = tf.cast(generator.next(), tf.int32)
    numbers = tf.random.stateless_uniform([(size + 1) // 2], seed, minval=None, maxval=None, dtype=tf.int32)
    return tf.reshape(tf.reshape(tf.bitcast(numbers, tf.uint16), [-1])[:size], tf.shape(values))


def _clip(values: Any, keep: Any | None, scale: float) -> Any:
    """Return the clipped ReLU of the values to keep, scaled, and 0 for the others."""
    limit = float(np.float32(CLIP) * np.float32(scale))

    @tf.custom_gradient
    def run(values: Any) -> Any:
        result = tf.minimum(tf.nn.relu(values), CLIP)
        if keep is not None:
            result = result * (tf.cast(keep, tf.float32) * scale)

        def gradient(above: Any) -> Any:
            # The result decides what passes: a dropped value is 0, a clipped one at the limit.
            above = tf.raw_ops.ReluGrad(gradients=above, features=result)
            passes = tf.cast(result < limit, tf.float32)
            return above * (passes * scale if keep is not None else passes)

        return result, gradient

    return run(values)
