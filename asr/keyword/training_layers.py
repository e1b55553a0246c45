"""Layers that act on a keyword network in training only: masks over its features, and distillation."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
from keras import ops

TAUGHT = 0.9  # share of the loss that comes from the teacher, not from the labels
TEMPERATURE = 2.0  # divides the logits of both networks where they are compared


class Masks(keras.layers.Layer):
    """Sets a stretch of slices and a band of channels to 0, which is silence, drawn anew at each call.

    After SpecAugment (Park et al., 2019). asr.augment.masks does the same for the cepstra of sentences, where a band
    has to be masked in the spectrum behind them. A checkpoint holds the random state, a variable of the layer.

    Parameters
    ----------
    slices : slices of a clip.
    longest, widest : most slices and most channels masked; 0 masks none.
    seed : of the draws.
    """

    def __init__(self, slices: int, longest: int, widest: int, seed: int) -> None:
        super().__init__(name="masks")
        self.slices, self.longest, self.widest = slices, longest, widest
        self.random = keras.random.SeedGenerator(seed)

    def call(self, features: Any, training: bool = False) -> Any:
        """Return features of the same shape, float32 [batch, slices * channels]."""
        if not training:
            return features
        count, channels = ops.shape(features)[0], features.shape[1] // self.slices
        draws = keras.random.uniform((4, count, 1), seed=self.random)

        def kept(size: int, most: int, length: Any, place: Any) -> Any:
            """Return 0 where an axis is masked and 1 elsewhere, float32 [batch, size]."""
            length = ops.floor(length * (most + 1))
            start = ops.floor(place * (size - length + 1))
            index = ops.arange(size, dtype="float32")[None]
            return 1.0 - ops.cast((index >= start) & (index < start + length), "float32")

        shaped = ops.reshape(features, (-1, self.slices, channels))
        shaped *= kept(self.slices, self.longest, draws[0], draws[1])[:, :, None]
        shaped *= kept(channels, self.widest, draws[2], draws[3])[:, None, :]
        return ops.reshape(shaped, (-1, self.slices * channels))


class Distillation(keras.layers.Layer):
    """Adds the divergence of logits from a teacher's logits to the loss; returns the logits unchanged.

    After Hinton, Vinyals and Dean, Distilling the Knowledge in a Neural Network (2015).

    Parameters
    ----------
    teacher : a trained model from features [batch, inputs] to logits [batch, outputs].
    """

    def __init__(self, teacher: Any) -> None:
        super().__init__(name="distillation")
        # A partial hides the teacher from Keras, which would count its weights as this layer's.
        self.teach = partial(teacher, training=False)

    def call(self, features: Any, logits: Any, training: bool = False) -> Any:
        if training:
            wanted = ops.log_softmax(self.teach(features) / TEMPERATURE)
            found = ops.log_softmax(logits / TEMPERATURE)
            divergence = ops.mean(ops.sum(ops.exp(wanted) * (wanted - found), axis=-1))
            # The gradients of softened logits are smaller by the temperature's square.
            self.add_loss(TAUGHT * TEMPERATURE**2 * divergence)
        return logits
