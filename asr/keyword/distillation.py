"""Knowledge distillation: a small network learns a larger network's outputs beside the labels.

After Hinton, Vinyals and Dean, Distilling the Knowledge in a Neural Network (2015).
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import keras
from keras import ops

from asr.settings.keyword import Keyword

TAUGHT = 0.9  # share of the loss that comes from the teacher, not from the labels
TEMPERATURE = 2.0  # divides the logits of both networks where they are compared


def taught(chosen: Keyword) -> Keyword:
    """Return the settings for a network that is taught: no dropout, half the masks, half as many epochs again."""
    return replace(
        chosen,
        dropout=0.0,
        time_mask=chosen.time_mask / 2,
        frequency_mask=chosen.frequency_mask // 2,
        epochs=chosen.epochs + chosen.epochs // 2,
    )


class Distillation(keras.layers.Layer):
    """Adds the divergence of logits from a teacher's logits to the loss; gives the logits back unchanged.

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
