"""The steps of an epoch: batches as a tf.data.Dataset, the learning rate before each, a bar, and the devices."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import numpy as np

from asr.core.progress import shows_bars
from asr.ctc.batches import Batch
from asr.ctc.schedule import Pace
from asr.settings.sections import Train


class Steps(keras.callbacks.Callback):
    """Sets the rate before each step, adds up the loss, and shows a bar with the time left."""

    def __init__(self, pace: Pace, settings: Train, epoch: int, count: int) -> None:
        super().__init__()
        self._pace, self._settings, self._epoch, self._count = pace, settings, epoch, count
        self._bar: Any = None
        self._task: Any = None
        self.loss = math.nan

    def on_train_begin(self, logs: Any = None) -> None:
        if shows_bars():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
            )
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            label = f"epoch {self._epoch + 1}/{self._settings.epochs}"
            self._task = self._bar.add_task(label, total=self._count)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        progress = (self._epoch + batch / self._count) / self._settings.epochs
        self.model.optimizer.learning_rate.assign(self._pace.rate(self._settings, progress))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        # Keras hands down the mean over the epoch so far.
        self.loss = float((logs or {}).get("loss", math.nan))
        if self._bar is not None:
            self._bar.update(self._task, advance=1)

    def on_train_end(self, logs: Any = None) -> None:
        if self._bar is not None:
            self._bar.stop()


class Restartable:
    """Batches that start from the first whenever they are gone through: with several devices Keras looks at one,
    and then begins again."""

    def __init__(self, start: Callable[[], Iterator[Batch]]) -> None:
        self._start = start

    def __iter__(self) -> Iterator[Batch]:
        return self._start()


def dataset(
    batches: Iterable[Batch], devices: int = 1, failures: list[Exception] | None = None, competitors: int = 0
) -> Any:
    """Return a tf.data.Dataset of the batches, prepared ahead of the step.

    Parameters
    ----------
    devices : and cores that share a batch: it is filled up, with utterances that do not count, until they all get one.
    failures : takes what `batches` raised.
    competitors : of each utterance in the batches.
    """
    import tensorflow as tf

    signature = (
        {
            "features": tf.TensorSpec((None, None, None), tf.float32),
            "frames": tf.TensorSpec((None,), tf.int32),
        },
        {
            "labels": tf.TensorSpec((None, None), tf.int32),
            "label_lengths": tf.TensorSpec((None,), tf.int32),
            "weights": tf.TensorSpec((None,), tf.float32),
            "competitors": tf.TensorSpec((None, competitors, None), tf.int32),
        },
    )

    def rows() -> Iterator[Any]:
        try:
            for batch in batches:
                size = len(batch.frames)
                filled = np.arange(-(-size // devices) * devices) % size
                weights = 1 / (np.maximum(batch.label_lengths, 1) * size)
                none = np.zeros((size, 0, 1), np.int32)
                counts = np.where(np.arange(len(filled)) < size, weights[filled], 0).astype(np.float32)
                yield (
                    {"features": batch.features[filled], "frames": batch.frames[filled]},
                    {
                        "labels": batch.labels[filled],
                        "label_lengths": batch.label_lengths[filled],
                        "weights": counts,
                        "competitors": (none if batch.competitors is None else batch.competitors)[filled],
                    },
                )
        except Exception as error:
            if failures is not None:
                failures.append(error)
            raise

    options = tf.data.Options()
    # There is nothing to tune, and the thread that would do it is waited for at the end of an epoch: it looks after
    # 10, 20, 41 s and so on, and hears of the end only then (TensorFlow 2.21; SPEED.md).
    options.autotune.enabled = False
    return tf.data.Dataset.from_generator(rows, output_signature=signature).prefetch(2).with_options(options)


def strategy() -> Any:
    """Return the tf.distribute strategy for the devices there are."""
    import tensorflow as tf

    if os.environ.get("TF_CONFIG"):
        return tf.distribute.MultiWorkerMirroredStrategy()
    if len(tf.config.list_logical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()
