"""Training a keyword network: epochs, choice by validation, and going on after a kill.

A small network learns more from what a larger one makes of a clip (how much it sounds like each class) than from the
label alone: knowledge distillation (Hinton, Vinyals and Dean, Distilling the Knowledge in a Neural Network, 2015).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.core.files import fingerprint
from asr.core.progress import say, track
from asr.keyword import network
from asr.keyword.calibration import class_offsets
from asr.keyword.examples import SLICES, WIDTHS, classes
from asr.keyword.frontend import SAMPLE_RATE, STEP
from asr.keyword.masks import hide
from asr.keyword.shards import Reader
from asr.layers.keyword import Layer
from asr.runs import checkpoints
from asr.settings.declaration import Product, values_affecting
from asr.settings.keyword import Keyword

LEAST_GAIN = 1e-4  # of the score; less is no better epoch
JUDGED = 4096  # rows that go through the network at once where nothing is learnt
_SHOWN = 6  # clips of a class in TensorBoard
TAUGHT = 0.9  # share of the loss that comes from the teacher, not from the labels
TEMPERATURE = 2.0  # both networks' logits are divided by it where they are compared


@dataclass(frozen=True)
class Plan:
    """What a training is made of.

    Attributes
    ----------
    outputs : classes.
    features : folder of the sets `train`, `dev-clean` and `dev-noise`.
    checkpoints, logs : folders; logs is TensorBoard's.
    """

    settings: Keyword
    outputs: int
    features: Path
    checkpoints: Path
    logs: Path

    def mark(self) -> str:
        """Return a fingerprint of all that the weights depend on."""
        chosen = values_affecting(self.settings, Product.KEYWORD_WEIGHTS)
        return fingerprint(chosen, self.outputs, self.features / "stamp.json")


@dataclass(frozen=True)
class Trained:
    """What came of it.

    Attributes
    ----------
    layers : the weights chosen, normalisations folded in, for features as real values.
    epochs : how many were made, and `best` which was chosen, from 1.
    seconds : of an epoch, the median; 0.0 where none was made in this process.
    """

    layers: list[Layer]
    epochs: int
    best: int
    seconds: float
    curve: list[dict[str, float]]


def train(plan: Plan, tell: Callable[[dict[str, float]], None] | None = None) -> Trained:
    """Train the network of a plan, after the one that teaches it, where the settings ask for one.

    What the large network says of a clip holds the small one back from learning the clips by heart; what else the
    settings have for that leaves it too little to learn with, so that it gets less of it, and more time.

    Parameters
    ----------
    tell : called with the figures of each epoch of the network itself.

    Raises
    ------
    ModelError : the features are not there.
    """
    chosen = plan.settings
    if not chosen.teacher_width:
        return Trainer(plan).run(tell)
    larger = replace(chosen, network="separable", width=chosen.teacher_width)
    teacher = Trainer(
        replace(plan, settings=larger, checkpoints=plan.checkpoints / "teacher", logs=plan.logs / "teacher")
    )
    say(f"first the network of {chosen.teacher_width} channels that teaches the small one")
    teacher.run()
    say("now the small one")
    return Trainer(replace(plan, settings=_taught(chosen)), teacher.mean).run(tell)


def _taught(chosen: Keyword) -> Keyword:
    """Return the settings for a network that is taught: no dropout, half the masks, half as many epochs again."""
    return replace(
        chosen,
        dropout=0.0,
        time_mask=chosen.time_mask / 2,
        frequency_mask=chosen.frequency_mask // 2,
        epochs=chosen.epochs + chosen.epochs // 2,
    )


class Trainer:
    """Trains one network.

    Parameters
    ----------
    teacher : a trained Keras model of the same inputs and outputs; None: the labels alone teach.

    Raises
    ------
    ModelError : the features are not there.
    """

    def __init__(self, plan: Plan, teacher: Any = None) -> None:
        import keras
        import tensorflow as tf

        self.plan = plan
        chosen = plan.settings
        self.train = Reader(plan.features, "train")
        self.judges = {name: Reader(plan.features, f"dev-{name}") for name in ("clean", "noise")}
        # One learns; the other is the running mean of its weights, which hears better, and which is judged and kept.
        self.model, self.mean = (
            network.build(
                chosen.network,
                WIDTHS[chosen.preprocess],
                plan.outputs,
                width=chosen.width,
                dropout=chosen.dropout,
                seed=chosen.seed,
            )
            for _ in range(2)
        )
        self.scale = network.front_scale(chosen.preprocess)
        self.steps = max(1, min(len(self.train), chosen.epoch_clips) // chosen.batch_size)
        total = self.steps * chosen.epochs
        rate = keras.optimizers.schedules.CosineDecay(
            chosen.learning_rate / 10, total, warmup_target=chosen.learning_rate, warmup_steps=max(1, total // 20)
        )
        self.optimizer = keras.optimizers.AdamW(rate, weight_decay=chosen.weight_decay, clipnorm=5.0)
        self.optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        self.optimizer.build(self.model.trainable_variables)
        self.weights = class_weights(self.train.labels, plan.outputs) if chosen.class_weights else np.ones(plan.outputs)
        low = network.SCALES[chosen.preprocess] * self.scale
        smoothing, outputs = chosen.label_smoothing, plan.outputs
        weights = tf.constant(self.weights, tf.float32)
        longest, widest = round(chosen.time_mask * SAMPLE_RATE / STEP), chosen.frequency_mask

        @tf.function(jit_compile=False, reduce_retracing=True)
        def step(rows: Any, labels: Any) -> Any:
            features = (tf.cast(rows, tf.float32) + 128.0) * low
            # The count of steps is kept in the checkpoint: what is hidden does not change with a kill.
            seed = tf.stack([chosen.seed, tf.cast(self.optimizer.iterations, tf.int32)])
            features = hide(features, network.SLICES, seed, longest, widest)
            wanted = tf.one_hot(labels, outputs) * (1.0 - smoothing) + smoothing / outputs
            with tf.GradientTape() as tape:
                logits = self.model(features, training=True)
                losses = tf.nn.softmax_cross_entropy_with_logits(wanted, logits)
                loss = tf.reduce_mean(losses * tf.gather(weights, labels))
                if teacher is not None:
                    heard = tf.stop_gradient(tf.nn.log_softmax(teacher(features, training=False) / TEMPERATURE))
                    found = tf.nn.log_softmax(logits / TEMPERATURE)
                    apart = tf.reduce_mean(tf.reduce_sum(tf.exp(heard) * (heard - found), axis=-1))
                    # The gradients of softened logits are smaller by the temperature's square.
                    loss = (1.0 - TAUGHT) * loss + TAUGHT * TEMPERATURE**2 * apart
            variables = self.model.trainable_variables
            self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
            done = tf.cast(self.optimizer.iterations, tf.float32)
            # The first weights are random, and soon forgotten.
            kept = tf.minimum(chosen.ema_decay, done / (done + 10.0))
            for mean, value in zip(self.mean.weights, self.model.weights, strict=True):
                mean.assign(kept * mean + (1.0 - kept) * value)
            return loss

        @tf.function(reduce_retracing=True)
        def infer(rows: Any) -> Any:
            features = (tf.cast(rows, tf.float32) + 128.0) * low
            return self.mean(features, training=False)

        self._step, self._infer = step, infer

    def run(self, tell: Callable[[dict[str, float]], None] | None = None) -> Trained:
        """Train to the end, or from where an earlier process was stopped.

        Parameters
        ----------
        tell : called with each epoch's figures.
        """
        import tensorflow as tf

        chosen, plan = self.plan.settings, self.plan
        state = self._resume()
        writer = tf.summary.create_file_writer(str(plan.logs))
        seconds: list[float] = []
        if not state["epoch"]:
            with writer.as_default(step=0):
                self._show_clips()
        while state["epoch"] < chosen.epochs and not self._is_enough(state):
            epoch = state["epoch"] + 1
            start = time.monotonic()
            row = {"epoch": float(epoch), "loss": self._epoch(epoch)}
            seconds.append(time.monotonic() - start)
            row |= self._judge()
            state["epoch"] = epoch
            state["curve"].append(row)
            if row["score"] > state["score"] + LEAST_GAIN:
                state["score"], state["best"] = row["score"], epoch
                checkpoints.save(plan.checkpoints / "best.npz", self.mean.get_weights(), {"mark": state["mark"]})
            self._save(state)
            with writer.as_default(step=epoch):
                for name, value in row.items():
                    if name != "epoch":
                        tf.summary.scalar(name, value)
            writer.flush()
            say(
                f"epoch {epoch}: loss {row['loss']:.3f}, dev {row['clean']:.2%} clean, {row['noise']:.2%} in noise"
                + (" *" if state["best"] == epoch else "")
            )
            if tell is not None:
                tell(row)
        self.mean.set_weights(checkpoints.load(plan.checkpoints / "best.npz").arrays)
        self._correct()
        layers = network.as_layers(self.mean, self.scale)
        median = float(np.median(seconds)) if seconds else 0.0
        return Trained(layers, state["epoch"], state["best"], median, state["curve"])

    def _show_clips(self) -> None:
        """Write a few training clips of each class for TensorBoard, as the network hears them: low channels below."""
        import tensorflow as tf

        chosen = self.plan.settings
        for label, word in enumerate(classes(chosen.words)):
            there = np.flatnonzero(self.train.labels == label)
            if len(there):
                rows = self.train.rows(there[np.linspace(0, len(there) - 1, _SHOWN).astype(np.int64)])
                slices = rows.reshape(_SHOWN, SLICES, WIDTHS[chosen.preprocess]).astype(np.int16) + 128
                pictures = slices.astype(np.uint8).transpose(0, 2, 1)[:, ::-1, :, np.newaxis]
                tf.summary.image(f"clips of {word}", pictures, max_outputs=_SHOWN)

    def _epoch(self, epoch: int) -> float:
        chosen = self.plan.settings
        rng = np.random.default_rng([chosen.seed, epoch])
        order = rng.permutation(len(self.train))
        total, size = 0.0, chosen.batch_size
        for step in track(range(self.steps), f"epoch {epoch}", self.steps):
            indices = order[step * size : (step + 1) * size]
            rows = self.train.rows(indices)
            loss = self._step(rows, self.train.labels[indices].astype(np.int32))
            # Asking each step would make TensorFlow wait for it; the mean of every eighth tells as much.
            if step % 8 == 0:
                total += float(loss)
        return total / -(-self.steps // 8)

    def logits(self, rows: npt.NDArray[np.int8]) -> npt.NDArray[np.float32]:
        """Return the float network's logits for feature rows int8 [n, inputs]: float32 [n, outputs]."""
        parts = [np.asarray(self._infer(rows[i : i + JUDGED])) for i in range(0, len(rows), JUDGED)]
        return np.concatenate(parts)

    def _judge(self) -> dict[str, float]:
        """Return accuracy, loss and the score that chooses: all classes count alike, clean and noise count alike."""
        found: dict[str, float] = {}
        scores, losses = [], []
        for name, reader in self.judges.items():
            logits = self.logits(reader.all()).astype(np.float64)
            labels = reader.labels
            right = logits.argmax(axis=1) == labels
            found[name] = float(right.mean())
            recalls = [float(right[labels == label].mean()) for label in np.unique(labels)]
            high = logits.max(axis=1)
            likelihood = logits[np.arange(len(labels)), labels] - high
            losses.append(float(np.mean(np.log(np.exp(logits - high[:, None]).sum(axis=1)) - likelihood)))
            scores.append(float(np.mean(recalls)))
        found["dev_loss"] = float(np.mean(losses))
        # The loss tells equals apart: a few hundred clips give few different accuracies.
        found["score"] = float(np.mean(scores)) - 0.02 * found["dev_loss"]
        return found

    def _correct(self) -> None:
        """Add to the last layer's bias what lets dev's classes come out as often as they are there."""
        logits = np.concatenate([self.logits(reader.all()) for reader in self.judges.values()])
        labels = np.concatenate([reader.labels for reader in self.judges.values()])
        bias = self.mean.get_layer("logits").bias
        bias.assign(np.asarray(bias) + class_offsets(logits.astype(np.float64), labels))

    def _is_enough(self, state: dict[str, Any]) -> bool:
        patience = self.plan.settings.early_stop_patience
        return bool(patience and state["epoch"] - state["best"] >= patience and state["best"])

    def _save(self, state: dict[str, Any]) -> None:
        arrays = [np.asarray(variable) for variable in self._variables()]
        checkpoints.save(self.plan.checkpoints / "last.npz", arrays, state)

    def _variables(self) -> list[Any]:
        """Return everything that a training changes, the states of its random generators too."""
        return [*self.model.variables, *self.mean.weights, *self.optimizer.variables]

    def _resume(self) -> dict[str, Any]:
        """Return where an earlier training of the same plan stands, its weights put back; or a new start."""
        new = {"mark": self.plan.mark(), "epoch": 0, "best": 0, "score": -1e9, "curve": []}
        path = self.plan.checkpoints / "last.npz"
        if not path.is_file():
            return new
        stored = checkpoints.load(path)
        if stored.state.get("mark") != new["mark"]:
            return new
        for variable, array in zip(self._variables(), stored.arrays, strict=True):
            variable.assign(array)
        say(f"training goes on after epoch {stored.state['epoch']}")
        return stored.state


def class_weights(labels: npt.NDArray[np.uint8], outputs: int) -> npt.NDArray[np.float64]:
    """Return weights that let rare words count like frequent ones: float64 [outputs], 1.0 on average over clips.

    Silence and unknown keep the weight that their share gives them.
    """
    counts = np.bincount(labels, minlength=outputs).astype(np.float64)
    weights = np.ones(outputs)
    words = counts[2:]
    if words.size and words.min() > 0:
        weights[2:] = words.mean() / words
    return np.asarray(weights * (counts.sum() / float(weights @ counts)))


def write_record(path: Path, trained: Trained) -> None:
    """Write the curve of a training as JSON, for reports."""
    from asr.core.files import write_text

    record = {"epochs": trained.epochs, "best": trained.best, "seconds": trained.seconds, "curve": trained.curve}
    write_text(path, json.dumps(record, indent=1) + "\n")

