"""How a training step is shared out where a processor takes it."""

from __future__ import annotations

import os

from asr.progress import say

# A share of fewer utterances than this has products too thin to be quick, and more shares than this help nobody.
LEAST = 4
MOST = 8


def prepare(batch: int) -> int:
    """Choose threads, before TensorFlow has run anything, and return into how many shares to divide a batch.

    On a processor an LSTM's products are too small for two threads to share: a step of n_hidden 320 takes as long
    with two as with one (SPEED.md). So each core takes a share of the batch through the whole network instead.
    TensorFlow's own choice and whole batches stay on accelerators, and where TF_NUM_INTRAOP_THREADS or
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
    set_threads(1, 0)
    return max(1, min(len(os.sched_getaffinity(0)), batch // LEAST, MOST))


def set_threads(intra: int, inter: int) -> None:
    """Let one operation use `intra` threads, and `inter` operations run at a time; 0: as TensorFlow chooses."""
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(intra)
        tf.config.threading.set_inter_op_parallelism_threads(inter)
    except RuntimeError:
        say("TensorFlow has started already: its threads stay as they are")
