"""Profile of a training step: the time of each part, with its gradients.

    python -m tools.bench step_profile [--network deepspeech-conv] [--width 134] [--threads 1/1] [--bfloat16]

Each part is a compiled function, and every round runs all of them, so that other load on the machine affects them
alike. "the whole step" is the step of a training; the sum of the parts differs a little, since some of its work
overlaps. Times are of the processor and of the clock, in ms, the median of the rounds.
"""

from __future__ import annotations

import argparse
import itertools
import os
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from tools.bench.reference_step import LABELS, make_batch, threads

WIDTHS = (134, 512)
NETWORKS = ("deepspeech", "deepspeech-conv")
Part = Callable[[], object]


def main() -> None:
    """Print a table for each width."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=NETWORKS, default=NETWORKS[0], help="train.network of asr.toml")
    parser.add_argument("--width", type=int, action="append", help=f"n_hidden; default: {WIDTHS}")
    parser.add_argument("--threads", default="default", help="default, or INTRA/INTER")
    parser.add_argument("--batch", type=int, default=32, help="utterances a step")
    parser.add_argument("--frames", type=int, default=100, help="frames of 20 ms an utterance")
    parser.add_argument("--bfloat16", action="store_true", help="multiply in 16 bits")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    from asr.ctc import devices

    widths = options.width or list(WIDTHS)
    chosen = threads(options.threads)
    if chosen is not None:
        devices.set_threads(*chosen)
    for width in widths:
        with devices.in_bfloat16(options.bfloat16):
            table = step_parts(options.network, width, options.batch, options.frames)
            times = measure(table, options.rounds)
        whole = times["the whole step"][0]
        print(f"\n{options.network}, n_hidden {width}\n  {'':36}{'processor':>10}{'share':>8}{'clock':>10}")
        for name, (processor, clock) in times.items():
            print(f"  {name:36}{processor:10.1f}{processor / whole:8.0%}{clock:10.1f}", flush=True)


def step_parts(network: str, width: int, batch: int, frames: int) -> dict[str, Part]:
    """Return each part by name, as a function to be called repeatedly."""
    import keras
    import tensorflow as tf

    from asr.ctc.batches import Batch
    from asr.ctc.network import build
    from asr.ctc.objective import Objective, ctc_losses, optimiser_of
    from asr.ctc.stepping import dataset
    from asr.settings.sections import Train

    settings = Train(network=network, n_hidden=width, batch_size=batch)
    made = make_batch(batch, frames)
    features, counts, labels, _ = (tf.constant(array) for array in made)
    model = build(settings, LABELS)
    objective = Objective(model)
    objective.compile(optimizer=optimiser_of(settings))
    objective.make_train_function()
    data = iter(dataset(lambda: itertools.repeat(Batch(*made))))
    optimiser = optimiser_of(settings)
    variables = model.trainable_variables
    optimiser.build(variables)
    gradients = [tf.random.normal(variable.shape) for variable in variables]

    # The network in pieces: below the dense layers, dense layers below the LSTM, the LSTM, dense layers above it.
    recurrence = model.get_layer("lstm")
    places = [model.input, model.get_layer("layer_1").input, recurrence.input, recurrence.output, model.output]
    first = "windows" if network == "deepspeech" else "bands and convolutions"
    names = (first, "dense layers below", "recurrence", "dense layers above")
    pieces = [keras.Model(before, after) for before, after in itertools.pairwise(places)]
    values = [features]
    for piece in pieces:
        values.append(piece(values[-1]))

    def with_gradients(call: Callable[[], Any], over: list[Any]) -> Part:
        @tf.function
        def run() -> Any:
            with tf.GradientTape() as tape:
                tape.watch(over)
                result = tf.reduce_sum(call())
            return tape.gradient(result, over)

        return lambda: [gradient.numpy() for gradient in run() if gradient is not None]

    def part(piece: Any, given: Any) -> Part:
        weights = [variable.value for variable in piece.trainable_variables]
        # Training takes no gradient of the features.
        over = weights if given is features else [given, *weights]
        if not over:
            forward = tf.function(lambda: tf.reduce_sum(piece(given)))
            return lambda: forward().numpy()
        return with_gradients(lambda: piece(given, training=True), over)

    apply = tf.function(lambda: optimiser.apply(gradients, variables))
    return {
        "the whole step": lambda: objective.train_function(data)["loss"].numpy(),
        **{name: part(piece, given) for name, piece, given in zip(names, pieces, values, strict=False)},
        "CTC loss": with_gradients(lambda: ctc_losses(values[-1], counts, labels), [values[-1]]),
        "optimiser": apply,
    }


def measure(table: dict[str, Part], rounds: int) -> dict[str, tuple[float, float]]:
    """Return ms of the processor and of the clock of each part, the median of the rounds."""
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in table}
    for number in range(-2, rounds):
        for name, part in table.items():
            clock, processor = time.perf_counter(), time.process_time()
            part()
            # The first rounds trace and fill the caches.
            if number >= 0:
                spent[name].append((time.process_time() - processor, time.perf_counter() - clock))
    return {
        name: (1000 * median(p for p, _ in each), 1000 * median(c for _, c in each)) for name, each in spent.items()
    }


if __name__ == "__main__":
    main()
