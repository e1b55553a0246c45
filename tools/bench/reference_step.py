"""One training step as Mozilla's trainer v0.9.3 takes it, in TensorFlow 1.15; and what both sides share.

As a script it runs under Python 3.7 (`make reference`), which has nothing of this project: it may import NumPy
and TensorFlow only. It then reads numbers of steps from stdin, and answers each with a line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

COEFFICIENTS = 26
CONTEXT = 9  # frames on either side
LABELS = 28  # of English; the blank comes after them
CLIP = 20.0
DROPOUT = 0.05  # the trainer's own default
LEARNING_RATE = 0.001


def parse() -> argparse.Namespace:
    """Return the options that both sides take."""
    parser = argparse.ArgumentParser(description="Take training steps on demand.")
    parser.add_argument("--width", type=int, default=134, help="n_hidden")
    parser.add_argument("--batch", type=int, default=32, help="utterances a step")
    parser.add_argument("--frames", type=int, default=100, help="frames of 20 ms an utterance")
    parser.add_argument("--threads", default="default", help="default, or INTRA/INTER, as in 1/1")
    return parser.parse_args()


def threads(text: str) -> tuple[int, int] | None:
    """Return the intra-op and inter-op threads of "INTRA/INTER", or None for "default"."""
    if text == "default":
        return None
    intra, inter = text.split("/")
    return int(intra), int(inter)


def make_batch(batch: int, frames: int) -> tuple[Any, Any, Any, Any]:
    """Return features float32 [batch, frames, 26], frames int32 [batch], labels int32 [batch, n], lengths.

    The features are noise: the time of a step depends on the lengths only.
    """
    rng = np.random.RandomState(0)
    features = rng.standard_normal((batch, frames, COEFFICIENTS)).astype(np.float32)
    lengths = rng.randint(max(1, frames // 8), max(2, frames // 4), size=batch).astype(np.int32)
    labels = np.full((batch, int(lengths.max())), -1, np.int32)
    for row, length in enumerate(lengths):
        labels[row, :length] = rng.randint(0, LABELS, size=length)
    return features, np.full(batch, frames, np.int32), labels, lengths


def serve(run: Callable[[int], list[tuple[float, float]]]) -> None:
    """Answer each number of steps on stdin with a line of JSON: the seconds they took, and the peak memory.

    `run` takes that many steps and returns the seconds of each: those of the clock and those of all processors.
    """
    answers = os.fdopen(os.dup(1), "w")
    # Whatever a library prints must not come between the answers.
    os.dup2(2, 1)
    for line in sys.stdin:
        taken = run(int(line))
        clock, processor = [each[0] for each in taken], [each[1] for each in taken]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # MiB
        answers.write(json.dumps({"clock": clock, "processor": processor, "peak": peak}) + "\n")
        answers.flush()


def logits_of(features: Any, batch: int, width: int) -> Any:
    """Return the network's logits [frames, batch, labels + 1] of features [batch, frames, 26]."""
    import tensorflow as tf

    v1 = tf.compat.v1
    windows = 2 * CONTEXT + 1
    inputs = windows * COEFFICIENTS
    # Overlapping windows by a convolution with an identity filter, in two dimensions of which one is 1.
    identity = tf.constant(np.eye(inputs, dtype=np.float32).reshape(1, windows, COEFFICIENTS, inputs))
    values = tf.nn.conv2d(features[:, None], identity, strides=[1, 1, 1, 1], padding="SAME")
    values = tf.reshape(tf.transpose(values[:, 0], [1, 0, 2]), [-1, inputs])

    def affine(values: Any, name: str, n_in: int, n_out: int) -> Any:
        start = v1.keras.initializers.VarianceScaling(scale=1.0, mode="fan_avg", distribution="uniform")
        weights = v1.get_variable(f"{name}/weights", [n_in, n_out], initializer=start)
        bias = v1.get_variable(f"{name}/bias", [n_out], initializer=v1.zeros_initializer())
        return tf.nn.bias_add(tf.matmul(values, weights), bias)

    def clipped(values: Any, name: str, n_in: int) -> Any:
        values = tf.minimum(tf.nn.relu(affine(values, name, n_in, width)), CLIP)
        return tf.nn.dropout(values, rate=DROPOUT)

    values = clipped(values, "layer_1", inputs)
    values = clipped(values, "layer_2", width)
    values = clipped(values, "layer_3", width)
    cell = tf.contrib.rnn.LSTMBlockFusedCell(width, forget_bias=0)
    lengths = tf.fill([batch], tf.shape(features)[1])
    output, _ = cell(tf.reshape(values, [-1, batch, width]), dtype=tf.float32, sequence_length=lengths)
    values = clipped(tf.reshape(output, [-1, width]), "layer_5", width)
    return tf.reshape(affine(values, "layer_6", width, LABELS + 1), [-1, batch, LABELS + 1])


def main() -> None:
    """Serve steps until stdin ends."""
    options = parse()
    import tensorflow as tf

    v1 = tf.compat.v1
    v1.logging.set_verbosity(v1.logging.ERROR)
    made = make_batch(options.batch, options.frames)

    def rows() -> Iterator[Any]:
        while True:
            yield made

    shapes = tuple(array.shape for array in made)
    dataset = tf.data.Dataset.from_generator(rows, (tf.float32, tf.int32, tf.int32, tf.int32), shapes)
    features, frames, labels, _ = v1.data.make_one_shot_iterator(dataset.prefetch(2)).get_next()
    places = tf.where(labels >= 0)
    sparse = tf.SparseTensor(places, tf.gather_nd(labels, places), tf.shape(labels, out_type=tf.int64))
    losses = v1.nn.ctc_loss(sparse, logits_of(features, options.batch, options.width), frames)
    loss = tf.reduce_mean(losses)
    optimiser = v1.train.AdamOptimizer(LEARNING_RATE, beta1=0.9, beta2=0.999, epsilon=1e-8)
    step = optimiser.apply_gradients(optimiser.compute_gradients(loss))
    intra, inter = threads(options.threads) or (0, 0)
    config = v1.ConfigProto(intra_op_parallelism_threads=intra, inter_op_parallelism_threads=inter)
    with v1.Session(config=config) as session:
        session.run(v1.global_variables_initializer())

        def run(count: int) -> list[tuple[float, float]]:
            seconds = []
            for _ in range(count):
                start, busy = time.perf_counter(), time.process_time()
                session.run([step, loss])
                seconds.append((time.perf_counter() - start, time.process_time() - busy))
            return seconds

        serve(run)


if __name__ == "__main__":
    main()
