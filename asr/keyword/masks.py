"""Stretches of features hidden from a keyword network in training, other ones each time it hears a clip.

After SpecAugment (Park et al., 2019): one stretch of time and one band of channels, each as wide as a draw says. For a
whole batch at once and within the training step; asr.augment.masks does it for one utterance of cepstra, where a band
has to be hidden in the spectrum that they stand for.
"""

from __future__ import annotations

from typing import Any


def hide(features: Any, slices: int, seed: Any, longest: int, widest: int) -> Any:
    """Return features with a stretch of slices and a band of channels set to 0, which is silence.

    Parameters
    ----------
    features : float32 [batch, slices * channels].
    seed : int32 [2]; the same one hides the same.
    longest, widest : most slices and channels hidden; 0 hides none.

    Returns
    -------
    tf.Tensor : float32 of the same shape.
    """
    import tensorflow as tf

    count = tf.shape(features)[0]
    channels = features.shape[1] // slices
    draws = tf.random.stateless_uniform((4, count, 1), seed)

    def seen(size: int, most: int, long: Any, place: Any) -> Any:
        """Return 1 where an axis is heard and 0 where not, float32 [batch, size]."""
        length = tf.floor(long * (most + 1))
        start = tf.floor(place * (size - length + 1))
        index = tf.range(size, dtype=tf.float32)[None]
        return 1.0 - tf.cast((index >= start) & (index < start + length), tf.float32)

    kept = tf.reshape(features, (-1, slices, channels))
    kept *= seen(slices, longest, draws[0], draws[1])[:, :, None]
    kept *= seen(channels, widest, draws[2], draws[3])[:, None, :]
    return tf.reshape(kept, (-1, slices * channels))
