"""What training minimises, and what it looks at: the CTC loss and the greedy reading of the logits."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from asr.core.alphabet import Alphabet
from asr.settings.sections import Train


def ctc_losses(logits: Any, frames: Any, labels: Any, label_lengths: Any) -> Any:
    """Return the CTC loss of each utterance, float32 [batch], in nats.

    Graves et al., Connectionist Temporal Classification, 2006.

    Parameters
    ----------
    logits : float32 [batch, frames, labels + 1], blank last.
    frames : int32 [batch], the frames that count.
    labels : int32 [batch, n], -1 beyond the end.
    label_lengths : int32 [batch].

    An utterance with fewer frames than its labels need has no path; its loss is infinite, or TensorFlow's
    kernel fails. `batches.check_length` is there to keep such utterances out.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        # With sparse labels TensorFlow takes its one-pass kernel: a whole step at n_hidden 134 took 0.6 of the time.
        labels = tf.cast(labels, tf.int32)
        places = tf.where(labels >= 0)
        sparse = tf.SparseTensor(places, tf.gather_nd(labels, places), tf.shape(labels, out_type=tf.int64))
        losses = tf.nn.ctc_loss(
            labels=sparse,
            logits=tf.transpose(tf.cast(logits, tf.float32), [1, 0, 2]),
            label_length=None,
            logit_length=tf.cast(frames, tf.int32),
            blank_index=-1,
        )
        return losses
    blank = logits.shape[-1] - 1
    spelt = ops.where(labels < 0, blank, labels)
    return ops.ctc_loss(spelt, logits, label_lengths, frames, mask_index=blank)


def divergences(logits: Any, frames: Any) -> Any:
    """Return how far each row's view is from the other of its pair, float32 [rows]: the sum over its frames of the
    Kullback-Leibler divergence from the other, which is taken as it is, in nats.

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


def confusions(losses: Any, others: Any) -> Any:
    """Return how much likelier than its own sentence alone each utterance's sentence and its competitors are together,
    float32 [batch], in nats: 0 where it could be no other.

    It is minus the log of the sentence's probability among these, which training for maximum mutual information
    raises (Bahl et al., Maximum mutual information estimation of hidden Markov model parameters, 1986).

    Parameters
    ----------
    losses : float32 [batch], CTC losses of the utterances' own sentences, nats.
    others : float32 [batch, count], those of the competitors; infinite where there is none.
    """
    behind = losses[:, None] - others
    return ops.logsumexp(ops.concatenate([ops.zeros_like(behind[:, :1]), behind], axis=1), axis=1)


class Objective(keras.Model):
    """A network with its loss: CTC per character, so that long utterances do not outweigh short ones.

    It is trained on pairs of dictionaries, {"features", "frames"} and {"labels", "label_lengths", "weights"}, with
    "competitors" in the second one where there are such. Weights say what each utterance's loss counts in the whole
    batch, and the losses are added up: the sum over devices is then the batch's loss, however the batch was divided
    among them.

    Where each utterance is there in two views, one row after the other, their distributions over the labels in each
    frame are drawn towards each other, each towards what the other is at that step (Yao et al., CR-CTC: Consistency
    regularization on CTC, 2024): noise and masks must not decide what is heard.

    Where the network tells the labels twice (`network.with_intermediate`), the layers below the LSTM also learn to tell
    them by themselves (Lee and Watanabe, Intermediate loss regularization for CTC-based speech recognition, 2021).

    Parameters
    ----------
    network : float32 [batch, frames, 26] -> logits, or two of them.
    shares : parts of equal size that a batch goes through the network in, side by side where there are cores for it;
        it must be a multiple of them (`stepping.dataset` fills it up).
    consistency : what the difference between views counts beside the CTC loss; 0: there is one view of each utterance.
    competition : what `confusions` with competitors count beside it; 0: there are none.
    intermediate : what the CTC loss of the network's second output counts beside it; 0: it has one.
    """

    def __init__(
        self,
        network: keras.Model,
        shares: int = 1,
        consistency: float = 0.0,
        competition: float = 0.0,
        intermediate: float = 0.0,
    ) -> None:
        super().__init__()
        self.network = network
        self.intermediate = intermediate
        self.shares = shares
        self.consistency = consistency
        self.competition = competition

    def call(self, inputs: Any, training: bool = False) -> Any:
        if self.shares == 1:
            return self.network(inputs["features"], training=training)
        parts = ops.split(inputs["features"], self.shares, axis=0)
        made = [self.network(part, training=training) for part in parts]
        if not self.intermediate:
            return ops.concatenate(made, axis=0)
        return [ops.concatenate(outputs, axis=0) for outputs in zip(*made, strict=True)]

    def _ctc_losses(self, *arguments: Any) -> Any:
        """Return `ctc_losses` of a batch, computed in shares as well: TensorFlow takes one core for one call."""
        if self.shares == 1:
            return ctc_losses(*arguments)
        parts = zip(*(ops.split(argument, self.shares, axis=0) for argument in arguments), strict=True)
        return ops.concatenate([ctc_losses(*part) for part in parts], axis=0)

    def _losses_of_others(self, logits: Any, frames: Any, competitors: Any) -> Any:
        """Return the CTC losses of competitors, float32 [batch, count]; infinite where one is missing."""
        count = competitors.shape[1]
        missing = competitors[:, :, 0] < 0
        # CTC has to be given something that it can write.
        width = ops.shape(competitors)[2]
        first = ops.logical_and(missing[:, :, None], ops.arange(width) == 0)
        spelt = ops.reshape(ops.where(first, 0, competitors), (-1, width))
        # Not ops.repeat: its gradient transposes integers, and TensorFlow reports that it has no quick way to do so.
        repeated = (
            ops.reshape(ops.stack([value] * count, axis=1), (-1, *ops.shape(value)[1:])) for value in (logits, frames)
        )
        lengths = ops.sum(ops.cast(spelt >= 0, "int32"), axis=1)
        losses = ops.reshape(self._ctc_losses(*repeated, spelt, lengths), (-1, count))
        return ops.where(missing, math.inf, losses)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        spelt = (x["frames"], y["labels"], y["label_lengths"])
        logits, lower = y_pred if self.intermediate else (y_pred, None)
        own = self._ctc_losses(logits, *spelt)
        losses = own
        if lower is not None:
            losses = losses + self.intermediate * self._ctc_losses(lower, *spelt)
        if self.competition:
            others = self._losses_of_others(logits, x["frames"], y["competitors"])
            losses = losses + self.competition * confusions(own, others)
        if self.consistency:
            losses = losses + self.consistency * divergences(logits, x["frames"])
        return ops.sum(losses * y["weights"])


def optimiser_of(settings: Train) -> Any:
    """Return the optimiser that section [train] describes: AdamW (Loshchilov and Hutter, 2019)."""
    optimiser = keras.optimizers.AdamW(
        settings.learning_rate, weight_decay=settings.weight_decay, global_clipnorm=settings.gradient_norm
    )
    # Decay pulls towards zero, which is no better place for a bias than any other.
    optimiser.exclude_from_weight_decay(var_names=["bias"])
    return optimiser


def read_greedily(
    logits: npt.NDArray[np.float32], frames: npt.NDArray[np.int32], alphabet: Alphabet
) -> list[str]:
    """Return the best label of each frame, repeats and blanks taken out, as text.

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
