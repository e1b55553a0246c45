"""Where the time of one of our training steps goes, part by part, each part with its gradients.

    python -m tools.bench.parts [--width 134 --width 512] [--threads 1/1]

Every part is a compiled function of its own and all have their turn in each round, so that what else the machine
does meets all of them. "the whole step" is what training runs; the parts' sum differs from it a little, for some
work overlaps in it. Times are the processor's and the clock's, in ms, the median of the rounds.
"""

from __future__ import annotations

import argparse
import itertools
import os
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from tools.bench.reference_step import CONTEXT, LABELS, make_batch, threads

WIDTHS = (134, 512)
Part = Callable[[], object]


def main() -> None:
    """Print a table for each width."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--width", type=int, action="append", help=f"n_hidden; default: {WIDTHS}")
    parser.add_argument("--threads", default="default", help="default, or INTRA/INTER")
    parser.add_argument("--batch", type=int, default=32, help="utterances a step")
    parser.add_argument("--frames", type=int, default=100, help="frames of 20 ms an utterance")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    from asr.ctc import devices

    widths = options.width or list(WIDTHS)
    chosen = threads(options.threads)
    if chosen is not None:
        devices.set_threads(*chosen)
    for width in widths:
        times = measure(parts(width, options.batch, options.frames), options.rounds)
        whole = times["the whole step"][0]
        print(f"\nn_hidden {width}\n  {'':36}{'processor':>10}{'share':>8}{'clock':>10}")
        for name, (processor, clock) in times.items():
            print(f"  {name:36}{processor:10.1f}{processor / whole:8.0%}{clock:10.1f}", flush=True)


def parts(width: int, batch: int, frames: int) -> dict[str, Part]:
    """Return each part by name, ready to be run again and again."""
    import keras
    import tensorflow as tf

    from asr.ctc.activation import Dropout
    from asr.ctc.batches import Batch
    from asr.ctc.features import COEFFICIENTS
    from asr.ctc.network import Affine, ContextWindows, build
    from asr.ctc.objective import Objective, ctc_losses, optimiser_of
    from asr.ctc.recurrence import Recurrence
    from asr.ctc.stepping import dataset
    from asr.sections import Train

    settings = Train(network="deepspeech", n_hidden=width, batch_size=batch)
    made = make_batch(batch, frames)
    features, counts, labels, lengths = (tf.constant(array) for array in made)
    network = build(settings, LABELS)
    objective = Objective(network)
    objective.compile(optimizer=optimiser_of(settings))
    objective.make_train_function()
    data = iter(dataset(itertools.repeat(Batch(*made))))

    def dense_of(kind: Callable[..., Any]) -> Any:
        values = inputs = keras.Input((None, (2 * CONTEXT + 1) * COEFFICIENTS))
        for index in range(4):
            values = kind(values, width, f"{index}")
        return keras.Model(inputs, Affine(LABELS + 1)(values))

    def layer(values: Any, n: int, name: str) -> Any:
        return Dropout(settings.dropout, clip=True)(Affine(n, name=name)(values))

    context, dense = ContextWindows([0.0] * COEFFICIENTS, [1.0] * COEFFICIENTS), dense_of(layer)
    recurrence = Recurrence(width)
    hidden = tf.random.normal((batch, frames, width))
    recurrence.build(hidden.shape)
    windows = context(features)
    logits = network(features)
    optimiser = optimiser_of(settings)
    variables = network.trainable_variables
    optimiser.build(variables)
    gradients = [tf.random.normal(variable.shape) for variable in variables]

    def with_gradients(call: Callable[[], Any], over: list[Any]) -> Part:
        @tf.function
        def run() -> Any:
            with tf.GradientTape() as tape:
                tape.watch(over)
                result = tf.reduce_sum(call())
            return tape.gradient(result, over)

        return lambda: run()[0].numpy()

    def recurrence_loss() -> Any:
        return recurrence(hidden)

    forward = tf.function(lambda: tf.reduce_sum(recurrence(hidden)))
    apply = tf.function(lambda: optimiser.apply(gradients, variables))
    return {
        "the whole step": lambda: objective.train_function(data)["loss"].numpy(),
        "windows": tf.function(lambda: tf.reduce_sum(context(features))),
        "dense layers": with_gradients(
            lambda: dense(windows, training=True), [w.value for w in dense.trainable_variables]
        ),
        "recurrence, forward": lambda: forward().numpy(),
        "recurrence": with_gradients(recurrence_loss, [hidden, recurrence.kernel.value]),
        "CTC loss": with_gradients(lambda: ctc_losses(logits, counts, labels, lengths), [logits]),
        "optimiser": apply,
    }


def measure(table: dict[str, Part], rounds: int) -> dict[str, tuple[float, float]]:
    """Return ms of the processor and of the clock of each part, the median of the rounds."""
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in table}
    for number in range(-2, rounds):
        for name, part in table.items():
            clock, processor = time.perf_counter(), time.process_time()
            part()
            # The first rounds trace and fill caches.
            if number >= 0:
                spent[name].append((time.process_time() - processor, time.perf_counter() - clock))
    return {
        name: (1000 * median(p for p, _ in each), 1000 * median(c for _, c in each))
        for name, each in spent.items()
    }


if __name__ == "__main__":
    main()
