"""How a training step is shared out where a processor takes it, and in what numbers it multiplies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from asr.core.progress import say

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
    told = os.environ.get("TF_NUM_INTRAOP_THREADS") or os.environ.get("TF_NUM_INTEROP_THREADS")
    if told or _accelerated():
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


def multiplies_bfloat16(told: Path = Path("/proc/cpuinfo")) -> bool:
    """Tell whether the steps are a processor's that has instructions for products of bfloat16; known on Linux alone."""
    try:
        flags = told.read_text(encoding="utf-8").split()
    except OSError:
        return False
    return not _accelerated() and not {"avx512_bf16", "amx_bf16"}.isdisjoint(flags)


@contextmanager
def in_bfloat16(asked: bool) -> Iterator[None]:
    """Have TensorFlow multiply in bfloat16 in the functions that it optimises meanwhile, if asked to.

    TensorFlow's rewriter rounds what products are given to 8 bits of mantissa, and what follows them up to an
    operation that has no such kernel, as BlockLSTM and the CTC loss have none. Variables stay float32, and so does
    what is called eagerly, as dev's loss is (Kalamkar et al., A Study of BFLOAT16 for Deep Learning Training, 2019).
    """
    import tensorflow as tf

    option = "auto_mixed_precision_onednn_bfloat16"
    before = tf.config.optimizer.get_experimental_options().get(option, False)
    tf.config.optimizer.set_experimental_options({option: asked or before})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({option: before})


def _accelerated() -> bool:
    """Tell whether there is a device that is no processor."""
    import tensorflow as tf

    return any(device.device_type != "CPU" for device in tf.config.list_physical_devices())
