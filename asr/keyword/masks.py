"""Masks over a keyword network's features in training, drawn anew each time a clip is seen.

After SpecAugment (Park et al., 2019): one stretch of time and one band of channels, each of random width.
asr.augment.masks does the same for the cepstra of sentences, where a band has to be masked in the spectrum behind them.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


class Masks(keras.layers.Layer):
    """Sets a stretch of slices and a band of channels to 0, which is silence; in training only.

    The random state is a variable of the layer, so that a checkpoint holds it.

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
