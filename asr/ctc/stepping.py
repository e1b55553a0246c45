"""The steps of an epoch: batches as a tf.data.Dataset, the learning rate of each step, and a progress bar."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from asr.core.progress import shows_bars
from asr.ctc.batches import Batch
from asr.ctc.schedule import LearningRateSchedule
from asr.settings.sections import Train

_FRAMES_PER_LETTER = 4  # of 20 ms


class StepCallback(keras.callbacks.Callback):
    """Sets the learning rate before each step, keeps the loss, and shows a bar with the time left."""

    def __init__(self, schedule: LearningRateSchedule, settings: Train, epoch: int, count: int) -> None:
        super().__init__()
        self._schedule, self._settings, self._epoch, self._count = schedule, settings, epoch, count
        self._bar: Any = None
        self._task: Any = None
        self.loss = math.nan

    def on_train_begin(self, logs: Any = None) -> None:
        if shows_bars():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            label = f"epoch {self._epoch + 1}/{self._settings.epochs}"
            self._task = self._bar.add_task(label, total=self._count)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        progress = (self._epoch + batch / self._count) / self._settings.epochs
        self.model.optimizer.learning_rate.assign(self._schedule.rate(self._settings, progress))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        # Keras passes the mean over the epoch so far.
        self.loss = float((logs or {}).get("loss", math.nan))
        if self._bar is not None:
            self._bar.update(self._task, advance=1)

    def on_train_end(self, logs: Any = None) -> None:
        if self._bar is not None:
            self._bar.stop()


def dataset(start: Callable[[], Iterable[Batch]], parts: int = 1, failures: list[Exception] | None = None) -> Any:
    """Return a tf.data.Dataset of batches, prefetched.

    Parameters
    ----------
    start : returns the batches from the first on; with several devices Keras reads one batch, then starts again.
    parts : equal parts into which a step divides a batch: it is filled up to a multiple, with utterances of weight 0.
    failures : takes the exceptions that the batches raised.
    """
    signature = (
        {"features": tf.TensorSpec((None, None, None), tf.float32), "frames": tf.TensorSpec((None,), tf.int32)},
        {"labels": tf.TensorSpec((None, None), tf.int32), "weights": tf.TensorSpec((None,), tf.float32)},
    )

    def rows() -> Iterator[Any]:
        try:
            for batch in start():
                size = len(batch.frames)
                filled = np.arange(-(-size // parts) * parts) % size
                # Noise counts as speech of its length would.
                lengths = np.where(batch.label_lengths, batch.label_lengths, batch.frames / _FRAMES_PER_LETTER)
                weights = 1 / (np.maximum(lengths, 1) * size)
                counts = np.where(np.arange(len(filled)) < size, weights[filled], 0).astype(np.float32)
                yield (
                    {"features": batch.features[filled], "frames": batch.frames[filled]},
                    {"labels": batch.labels[filled], "weights": counts},
                )
        except Exception as error:
            if failures is not None:
                failures.append(error)
            raise

    options = tf.data.Options()
    # There is nothing to tune, and the end of an epoch would wait for the tuner's thread, which wakes after 10, 20,
    # 41 s and so on (TensorFlow 2.21; SPEED.md).
    options.autotune.enabled = False
    return tf.data.Dataset.from_generator(rows, output_signature=signature).prefetch(2).with_options(options)
