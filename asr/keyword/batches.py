"""Batches of training clips, in another order in each epoch, weighted by class."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from asr.keyword.shards import Int8, Reader
from asr.settings.keyword import Keyword

Float = npt.NDArray[np.float32]


class Batches:
    """Draws the batches of a training.

    Parameters
    ----------
    clips : the set `train`.
    outputs : number of classes.

    Attributes
    ----------
    steps : batches of an epoch.
    """

    def __init__(self, clips: Reader, settings: Keyword, outputs: int) -> None:
        self.clips, self.settings, self.outputs = clips, settings, outputs
        self.steps = max(1, min(len(clips), settings.epoch_clips) // settings.batch_size)
        self.weights = class_weights(clips.labels, outputs) if settings.class_weights else np.ones(outputs)

    def draw(self, epoch: int) -> Iterator[tuple[Int8, Float, Float]]:
        """Yield feature rows int8 [batch, inputs], labels as one-hot [batch, outputs] and class weights [batch].

        Parameters
        ----------
        epoch : the first one, from 0.
        """
        size, targets = self.settings.batch_size, np.eye(self.outputs, dtype=np.float32)
        for number in range(epoch, self.settings.epochs):
            order = np.random.default_rng([self.settings.seed, number + 1]).permutation(len(self.clips))
            for step in range(self.steps):
                indices = order[step * size : (step + 1) * size]
                labels = self.clips.labels[indices]
                yield self.clips.rows(indices), targets[labels], self.weights[labels].astype(np.float32)


def class_weights(labels: npt.NDArray[np.uint8], outputs: int) -> npt.NDArray[np.float64]:
    """Return weights that make rare words count like frequent ones: float64 [outputs], 1.0 on average over clips.

    Silence and unknown keep the weight of their share.
    """
    counts = np.bincount(labels, minlength=outputs).astype(np.float64)
    weights = np.ones(outputs)
    words = counts[2:]
    if words.size and words.min() > 0:
        weights[2:] = words.mean() / words
    return np.asarray(weights * (counts.sum() / float(weights @ counts)))
