"""The loss that training minimises (CTC and its regularisers), the optimiser, and greedy decoding."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras import ops

from asr.core.alphabet import Alphabet
from asr.settings.sections import Train


def ctc_losses(logits: Any, frames: Any, labels: Any) -> Any:
    """Return the CTC loss of each utterance, float32 [batch], in nats.

    Graves et al., Connectionist Temporal Classification, 2006.

    Parameters
    ----------
    logits : float32 [batch, frames, labels + 1], blank last.
    frames : int32 [batch], the frames that count.
    labels : int32 [batch, n], -1 beyond the end; n at least 1. An utterance without any is noise or silence.

    The loss of an utterance with fewer frames than its labels need is infinite, or TensorFlow's kernel fails;
    `batches.check_length` keeps such utterances out.
    """
    # With sparse labels TensorFlow takes its one-pass kernel: a whole step at n_hidden 134 took 0.6 of the time.
    labels = tf.cast(labels, tf.int32)
    # The kernel refuses a row without labels, of which only one path is right: blanks throughout.
    silent = labels[:, 0] < 0
    labels = tf.concat([tf.maximum(labels[:, :1], 0), labels[:, 1:]], axis=1)
    places = tf.where(labels >= 0)
    sparse = tf.SparseTensor(places, tf.gather_nd(labels, places), tf.shape(labels, out_type=tf.int64))
    logits, frames = tf.cast(logits, tf.float32), tf.cast(frames, tf.int32)
    losses = tf.nn.ctc_loss(
        labels=sparse,
        logits=tf.transpose(logits, [1, 0, 2]),
        label_length=None,
        logit_length=frames,
        blank_index=-1,
    )
    counts = tf.sequence_mask(frames, tf.shape(logits)[1], tf.float32)
    blanks = tf.reduce_sum((tf.reduce_logsumexp(logits, axis=2) - logits[:, :, -1]) * counts, axis=1)
    return tf.where(silent, blanks, losses)


def divergences(logits: Any, frames: Any) -> Any:
    """Return the Kullback-Leibler divergence of each row from the other row of its pair, float32 [rows], in nats.

    It is summed over the frames. No gradient flows into the other row.

    Parameters
    ----------
    logits : float32 [rows, frames, labels + 1]; rows 0 and 1 are a pair, 2 and 3 are the next.
    frames : int32 [rows], the frames that count.
    """
    shape = ops.shape(logits)
    own = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
    pairs = ops.reshape(own, (-1, 2, shape[1], shape[2]))
    other = ops.stop_gradient(ops.reshape(ops.flip(pairs, axis=1), shape))
    apart = ops.sum(ops.exp(other) * (other - own), axis=-1)
    counts = ops.arange(shape[1])[None, :] < frames[:, None]
    return ops.sum(ops.where(counts, apart, 0.0), axis=-1)


class Objective(keras.Model):
    """A network with its loss: CTC per character, so that long utterances do not outweigh short ones.

    It is trained on pairs of dictionaries, {"features", "frames"} and {"labels", "weights"}. The weights are each
    utterance's share in the loss of the whole batch, and the losses are summed: the sum over devices is then the
    batch's loss, however the batch was divided among them.

    With a consistency weight, a batch holds two views of each utterance in neighbouring rows. Their distributions over
    the labels are drawn together frame by frame, so that noise and masks change the output less (Yao et al., CR-CTC:
    Consistency regularization on CTC, 2024).

    With an intermediate weight, the network has a second output (`network.with_intermediate`), so that the layers below
    the LSTM are trained by a CTC loss of their own (Lee and Watanabe, Intermediate loss regularization for CTC-based
    speech recognition, 2021).

    Parameters
    ----------
    network : float32 [batch, frames, 26] -> logits, or two of them.
    shares : parts of equal size into which a batch is divided, to be computed in parallel; the batch must be a multiple
        of them (`stepping.dataset` fills it up).
    consistency : weight of the divergence between views; 0: one view of each utterance.
    intermediate : weight of the second output's CTC loss; 0: the network has one output.
    """

    def __init__(
        self, network: keras.Model, shares: int = 1, consistency: float = 0.0, intermediate: float = 0.0
    ) -> None:
        super().__init__()
        self.network = network
        self.shares = shares
        self.consistency = consistency
        self.intermediate = intermediate

    def call(self, inputs: Any, training: bool = False) -> Any:
        if self.shares == 1:
            return self.network(inputs["features"], training=training)
        parts = ops.split(inputs["features"], self.shares, axis=0)
        made = [self.network(part, training=training) for part in parts]
        if not self.intermediate:
            return ops.concatenate(made, axis=0)
        return [ops.concatenate(outputs, axis=0) for outputs in zip(*made, strict=True)]

    def _ctc_losses(self, *arguments: Any) -> Any:
        """Return `ctc_losses` of a batch, in shares as well: TensorFlow runs each call on one core."""
        if self.shares == 1:
            return ctc_losses(*arguments)
        parts = zip(*(ops.split(argument, self.shares, axis=0) for argument in arguments), strict=True)
        return ops.concatenate([ctc_losses(*part) for part in parts], axis=0)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        logits, lower = y_pred if self.intermediate else (y_pred, None)
        losses = self._ctc_losses(logits, x["frames"], y["labels"])
        if lower is not None:
            losses = losses + self.intermediate * self._ctc_losses(lower, x["frames"], y["labels"])
        if self.consistency:
            losses = losses + self.consistency * divergences(logits, x["frames"])
        return ops.sum(losses * y["weights"])


def optimiser_of(settings: Train) -> Any:
    """Return the optimiser of section [train]: AdamW (Loshchilov and Hutter, 2019)."""
    optimiser = keras.optimizers.AdamW(
        settings.learning_rate, weight_decay=settings.weight_decay, global_clipnorm=settings.gradient_norm
    )
    optimiser.exclude_from_weight_decay(var_names=["bias"])
    return optimiser


def decode_greedily(logits: npt.NDArray[np.float32], frames: npt.NDArray[np.int32], alphabet: Alphabet) -> list[str]:
    """Return the text of the best label of each frame, repeats and blanks removed.

    Parameters
    ----------
    logits : float32 [batch, frames, labels + 1].
    frames : int32 [batch].
    """
    best = logits.argmax(axis=-1)
    texts = []
    for row, count in zip(best, frames, strict=True):
        row = row[:count]
        changed = np.concatenate([[True], row[1:] != row[:-1]]) if len(row) else np.zeros(0, bool)
        texts.append(alphabet.decode(row[changed & (row != alphabet.blank)]))
    return texts
