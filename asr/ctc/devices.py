"""How a training step is shared out where a processor takes it."""

from __future__ import annotations

import os

from asr.progress import say

# Utterances of a share, at least: on two cores four shares of 4 took 1.08 times as long as two of 8 (n_hidden 320).
LEAST = 4
MOST = 8  # shares; each is a copy of the network in the graph


def prepare(batch: int) -> int:
    """Choose threads, before TensorFlow has run anything, and return into how many shares to divide a batch.

    Where several threads share an LSTM's thin products, they wait for each other more than two halves of a batch do,
    each on a core of its own through the whole network (SPEED.md). With more cores than shares, an operation gets
    what is left. TensorFlow's own choice and whole batches stay on accelerators, and where TF_NUM_INTRAOP_THREADS or
    TF_NUM_INTEROP_THREADS is set.

    Parameters
    ----------
    batch : utterances a step.
    """
    import tensorflow as tf

    told = os.environ.get("TF_NUM_INTRAOP_THREADS") or os.environ.get("TF_NUM_INTEROP_THREADS")
    accelerated = any(device.device_type != "CPU" for device in tf.config.list_physical_devices())
    if told or accelerated:
        return 1
    cores = len(os.sched_getaffinity(0))
    shares = max(1, min(cores, batch // LEAST, MOST))
    set_threads(cores // shares, 0)
    return shares


def set_threads(intra: int, inter: int) -> None:
    """Let one operation use `intra` threads, and `inter` operations run at a time; 0: as TensorFlow chooses."""
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(intra)
        tf.config.threading.set_inter_op_parallelism_threads(inter)
    except RuntimeError:
        say("TensorFlow has started already: its threads stay as they are")
