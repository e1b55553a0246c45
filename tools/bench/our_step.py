"""One training step of asr.ctc.train, through tf.data and Keras's fit; a process of tools/bench/step.py."""

from __future__ import annotations

import itertools
import time
from typing import Any

import keras

from asr.ctc import devices
from asr.ctc.batches import Batch
from asr.ctc.network import build
from asr.ctc.objective import Objective, optimiser_of
from asr.ctc.stepping import dataset
from asr.settings.sections import Train
from tools.bench.reference_step import LABELS, make_batch, parse, serve, threads


class Clock(keras.callbacks.Callback):
    """Records the end of each step: seconds of the clock, and of all processors."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[tuple[float, float]] = []

    def on_train_batch_end(self, index: int, logs: Any = None) -> None:
        # A training reads the loss here as well, and so waits for the step.
        float((logs or {})["loss"])
        self.ends.append((time.perf_counter(), time.process_time()))


def main() -> None:
    """Serve steps until stdin ends."""
    options = parse()
    chosen = threads(options.threads)
    shares = 1
    if chosen is None:
        shares = devices.prepare(options.batch)
    else:
        devices.set_threads(*chosen)
    settings = Train(network="deepspeech", n_hidden=options.width, batch_size=options.batch)
    objective = Objective(build(settings, LABELS), shares, settings.consistency)
    objective.compile(optimizer=optimiser_of(settings))
    batch = Batch(*make_batch(options.batch, options.frames))

    def take(count: int) -> list[tuple[float, float]]:
        clock = Clock()
        # The first step of a fit starts the pipeline, once an epoch, and is not counted.
        fed = dataset(lambda: itertools.repeat(batch, count + 1), shares)
        objective.fit(fed, steps_per_epoch=count + 1, shuffle=False, verbose=0, callbacks=[clock])
        pairs = itertools.pairwise(clock.ends)
        return [(end[0] - start[0], end[1] - start[1]) for start, end in pairs]

    serve(take)


if __name__ == "__main__":
    main()
