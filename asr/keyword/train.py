"""Training of a keyword network: epochs, choice by validation, resumption."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from scipy.special import log_softmax

from asr.core.files import fingerprint
from asr.core.progress import say, track
from asr.keyword import network
from asr.keyword.batches import Batches
from asr.keyword.calibration import class_offsets
from asr.keyword.examples import classes
from asr.keyword.frontend import SAMPLE_RATE, SLICES, STEP, WIDTHS
from asr.keyword.shards import Reader
from asr.keyword.training_layers import TAUGHT, Distillation, Masks
from asr.layers.keyword import Layer
from asr.runs import checkpoints
from asr.settings.declaration import Product, values_affecting
from asr.settings.keyword import Keyword

LEAST_GAIN = 1e-4  # of the score; a smaller gain makes no better epoch
PREDICTED = 4096  # rows of a batch without training
_SHOWN = 6  # clips of a class in TensorBoard


@dataclass(frozen=True)
class Plan:
    """The inputs of a training.

    Attributes
    ----------
    features : folder of the sets `train`, `dev-clean` and `dev-noise`.
    checkpoints, logs : folders; logs is TensorBoard's.
    """

    settings: Keyword
    features: Path
    checkpoints: Path
    logs: Path

    def mark(self) -> str:
        """Return a fingerprint of everything that the weights depend on."""
        chosen = values_affecting(self.settings, Product.KEYWORD_WEIGHTS)
        return fingerprint(chosen, len(classes(self.settings.words)), self.features / "stamp.json")


@dataclass(frozen=True)
class Trained:
    """The result of a training.

    Attributes
    ----------
    layers : the chosen weights, normalisations folded in, for features as real values.
    epochs, best : number of epochs, and which of them was chosen, from 1.
    curve : figures of each epoch; `seconds` is the duration of its training steps.
    """

    layers: list[Layer]
    epochs: int
    best: int
    curve: list[dict[str, float]]


def train(plan: Plan) -> Trained:
    """Train a network; where the settings ask for a teacher, train that first.

    Distillation regularises, so a network that is taught gets no dropout, half the masks and half as many epochs again.

    Raises
    ------
    ModelError : the features are missing.
    """
    chosen = plan.settings
    if not chosen.teacher_width:
        return Trainer(plan).run()
    larger = replace(chosen, network="separable", width=chosen.teacher_width)
    teacher = Trainer(
        replace(plan, settings=larger, checkpoints=plan.checkpoints / "teacher", logs=plan.logs / "teacher")
    )
    say(f"training the teacher, a network of {chosen.teacher_width} channels")
    teacher.run()
    say("training the small network")
    taught = replace(
        chosen,
        dropout=0.0,
        time_mask=chosen.time_mask / 2,
        frequency_mask=chosen.frequency_mask // 2,
        epochs=chosen.epochs + chosen.epochs // 2,
    )
    return Trainer(replace(plan, settings=taught), teacher.network).run()


class Trainer:
    """Trains one network.

    Parameters
    ----------
    teacher : a trained Keras model of the same inputs and outputs; None: the labels alone teach.

    Attributes
    ----------
    network : features float32 [batch, inputs] to logits [batch, outputs]; after `run` the chosen weights.
    model : the same from feature bytes int8, with masks and teacher; this is what Keras trains.

    Raises
    ------
    ModelError : the features are missing.
    """

    def __init__(self, plan: Plan, teacher: Any = None) -> None:
        self.plan, chosen = plan, plan.settings
        self.train = Reader(plan.features, "train")
        self.dev = {name: Reader(plan.features, f"dev-{name}") for name in ("clean", "noise")}
        outputs = len(classes(chosen.words))
        self.batches = Batches(self.train, chosen, outputs)
        self.scale = network.front_scale(chosen.preprocess)
        channels = WIDTHS[chosen.preprocess]
        self.network = network.build(
            chosen.network, channels, outputs, width=chosen.width, dropout=chosen.dropout, seed=chosen.seed
        )
        low = network.SCALES[chosen.preprocess] * self.scale
        rows = keras.Input((SLICES * channels,), dtype="int8")
        features = keras.layers.Rescaling(low, -network.ZERO_POINT * low)(rows)
        longest = round(chosen.time_mask * SAMPLE_RATE / STEP)
        features = Masks(SLICES, longest, chosen.frequency_mask, chosen.seed)(features)
        logits = self.network(features)
        if teacher is not None:
            logits = Distillation(teacher)(features, logits)
        self.model = keras.Model(rows, logits)
        total = self.batches.steps * chosen.epochs
        rate = keras.optimizers.schedules.CosineDecay(
            chosen.learning_rate / 10, total, warmup_target=chosen.learning_rate, warmup_steps=max(1, total // 20)
        )
        self.optimizer = keras.optimizers.AdamW(
            rate,
            weight_decay=chosen.weight_decay,
            clipnorm=5.0,
            use_ema=chosen.ema_decay > 0,
            # The mean of a short training must not reach back to its random beginning.
            ema_momentum=min(chosen.ema_decay, total / (total + 10)),
        )
        self.optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        self.optimizer.build(self.model.trainable_variables)
        # Random states too; the metrics that `compile` adds are none of a checkpoint's.
        self.variables = [*self.model.variables, *self.optimizer.variables]
        loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=chosen.label_smoothing)
        share = 1.0 if teacher is None else 1.0 - TAUGHT
        self.model.compile(self.optimizer, loss, loss_weights=[share], jit_compile=False)

    def run(self) -> Trained:
        """Train to the end, or resume where an earlier process was stopped."""
        chosen = self.plan.settings
        state = self._resume()
        epochs = _Epochs(self, state)
        if state["epoch"] < chosen.epochs and not epochs.are_enough():
            self.model.fit(
                self.batches.draw(state["epoch"]),
                steps_per_epoch=self.batches.steps,
                initial_epoch=state["epoch"],
                epochs=chosen.epochs,
                callbacks=[epochs],
                verbose=0,
            )
        self.network.set_weights(checkpoints.load(self.plan.checkpoints / "best.npz").arrays)
        self._calibrate()
        return Trained(network.as_layers(self.network, self.scale), state["epoch"], state["best"], state["curve"])

    def logits(self, rows: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
        """Return the network's logits for feature rows int8 [n, inputs]: float64 [n, outputs]."""
        starts = range(0, len(rows), PREDICTED)
        parts = [np.asarray(self.model(rows[start : start + PREDICTED], training=False)) for start in starts]
        return np.concatenate(parts).astype(np.float64)

    def validate(self) -> dict[str, float]:
        """Return dev accuracies, dev loss, and the score that chooses: classes count alike, so do clean and noise."""
        found: dict[str, float] = {}
        scores, losses = [], []
        for name, reader in self.dev.items():
            logits, labels = self.logits(reader.all()), reader.labels
            right = logits.argmax(axis=1) == labels
            found[name] = float(right.mean())
            scores.append(float(np.mean([right[labels == label].mean() for label in np.unique(labels)])))
            losses.append(-float(log_softmax(logits, axis=1)[np.arange(len(labels)), labels].mean()))
        found["dev_loss"] = float(np.mean(losses))
        # A few hundred clips give few different accuracies; the loss decides between equal ones.
        found["score"] = float(np.mean(scores)) - 0.02 * found["dev_loss"]
        return found

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Put the running mean of the weights into the network for a while."""
        kept = self.network.get_weights()
        self.optimizer.finalize_variable_values(self.model.trainable_variables)
        yield
        self.network.set_weights(kept)

    def _calibrate(self) -> None:
        """Add the offsets to the last layer's bias that make dev's classes come out as often as they occur."""
        logits = np.concatenate([self.logits(reader.all()) for reader in self.dev.values()])
        labels = np.concatenate([reader.labels for reader in self.dev.values()])
        bias = self.network.get_layer("logits").bias
        bias.assign(np.asarray(bias) + class_offsets(logits, labels))

    def _resume(self) -> dict[str, Any]:
        """Restore an earlier training of the same plan and return its state; or the state of a new one."""
        new = {"mark": self.plan.mark(), "epoch": 0, "best": 0, "score": -1e9, "curve": []}
        path = self.plan.checkpoints / "last.npz"
        if not path.is_file():
            return new
        stored = checkpoints.load(path)
        if stored.state.get("mark") != new["mark"]:
            return new
        for variable, array in zip(self.variables, stored.arrays, strict=True):
            variable.assign(array)
        say(f"training resumed after epoch {stored.state['epoch']}")
        return stored.state


class _Epochs(keras.callbacks.Callback):
    """Validates after each epoch, writes checkpoints and logs, and stops a training that no longer improves."""

    def __init__(self, trainer: Trainer, state: dict[str, Any]) -> None:
        super().__init__()
        self.trainer, self.state = trainer, state
        self.writer = tf.summary.create_file_writer(str(trainer.plan.logs))
        if not state["epoch"]:
            with self.writer.as_default(step=0):
                self._show_clips()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._began = time.monotonic()
        # Keras's own bar would go to stdout.
        self._bar = track(range(self.params["steps"]), f"epoch {epoch + 1}", self.params["steps"])

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        next(self._bar, None)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        next(self._bar, None)
        trainer, state, folder = self.trainer, self.state, self.trainer.plan.checkpoints
        row = {"epoch": epoch + 1.0, "loss": logs["loss"], "seconds": time.monotonic() - self._began}
        with trainer.averaged():
            row |= trainer.validate()
            state["epoch"] = epoch + 1
            state["curve"].append(row)
            if row["score"] > state["score"] + LEAST_GAIN:
                state["score"], state["best"] = row["score"], epoch + 1
                checkpoints.save(folder / "best.npz", trainer.network.get_weights(), {"mark": state["mark"]})
        checkpoints.save(folder / "last.npz", [np.asarray(variable) for variable in trainer.variables], state)
        with self.writer.as_default(step=epoch + 1):
            for name, value in row.items():
                tf.summary.scalar(name, value)
        self.writer.flush()
        best = " *" if state["best"] == epoch + 1 else ""
        say(
            f"epoch {epoch + 1}: loss {row['loss']:.3f}, "
            f"dev {row['clean']:.2%} clean, {row['noise']:.2%} in noise{best}"
        )
        self.model.stop_training = self.are_enough()

    def are_enough(self) -> bool:
        """Whether no epoch was better for as long as the settings wait."""
        patience, state = self.trainer.plan.settings.early_stop_patience, self.state
        return bool(patience and state["best"] and state["epoch"] - state["best"] >= patience)

    def _show_clips(self) -> None:
        """Write a few training clips of each class for TensorBoard, as the network gets them: low channels below."""
        chosen, train = self.trainer.plan.settings, self.trainer.train
        for label, word in enumerate(classes(chosen.words)):
            members = np.flatnonzero(train.labels == label)
            if len(members):
                rows = train.rows(members[np.linspace(0, len(members) - 1, _SHOWN).astype(np.int64)])
                slices = rows.reshape(_SHOWN, SLICES, WIDTHS[chosen.preprocess]).astype(np.int16) + 128
                pictures = slices.astype(np.uint8).transpose(0, 2, 1)[:, ::-1, :, np.newaxis]
                tf.summary.image(f"clips of {word}", pictures, max_outputs=_SHOWN)
