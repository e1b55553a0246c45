"""One training step of asr.ctc.train, through tf.data and Keras's fit; a process of tools/bench/step.py."""

from __future__ import annotations

import itertools
import os
import time
from typing import TYPE_CHECKING, Any

from tools.bench.reference_step import LABELS, make_batch, parse, serve, threads

if TYPE_CHECKING:
    from asr.ctc.batches import Batch
    from asr.ctc.objective import Objective


def main() -> None:
    """Serve steps until stdin ends."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    options = parse()
    from asr.ctc import devices
    from asr.ctc.batches import Batch
    from asr.settings.sections import Train

    chosen = threads(options.threads)
    shares = 1
    if chosen is None:
        shares = devices.prepare(options.batch)
    else:
        devices.set_threads(*chosen)
    objective = compiled(Train(network="deepspeech", n_hidden=options.width, batch_size=options.batch), shares)
    batch = Batch(*make_batch(options.batch, options.frames))
    serve(lambda count: take(objective, batch, count))


def compiled(settings: Any, shares: int) -> Objective:
    """Return an untrained network of these settings, compiled."""
    from asr.ctc.network import build
    from asr.ctc.objective import Objective, optimiser_of

    objective = Objective(build(settings, LABELS), shares, settings.consistency)
    objective.compile(optimizer=optimiser_of(settings))
    return objective


def take(objective: Objective, batch: Batch, count: int) -> list[tuple[float, float]]:
    """Take `count` steps and return the seconds of each: of the clock, and of all processors."""
    import keras

    from asr.ctc.stepping import dataset

    class Clock(keras.callbacks.Callback):
        """Records the end of each step."""

        def __init__(self) -> None:
            super().__init__()
            self.ends: list[tuple[float, float]] = []

        def on_train_batch_end(self, index: int, logs: Any = None) -> None:
            # A training reads the loss here as well, and so waits for the step.
            float((logs or {})["loss"])
            self.ends.append((time.perf_counter(), time.process_time()))

    clock = Clock()
    # The first step of a fit starts the pipeline, once an epoch, and is not counted.
    fed = dataset(itertools.repeat(batch, count + 1), objective.shares)
    objective.fit(fed, epochs=1, steps_per_epoch=count + 1, shuffle=False, verbose=0, callbacks=[clock])
    pairs = itertools.pairwise(clock.ends)
    return [(end[0] - start[0], end[1] - start[1]) for start, end in pairs]


if __name__ == "__main__":
    main()
