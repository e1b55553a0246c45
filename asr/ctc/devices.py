"""The devices of a training step: threads, shares of a batch, several accelerators, and products in bfloat16."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tensorflow as tf

from asr.core.progress import say

# Least utterances in a share: on two cores four shares of 4 took 1.08 times as long as two of 8 (n_hidden 320).
LEAST = 4
MOST = 8  # shares; each is a copy of the network in the graph


def prepare(batch: int) -> int:
    """Set TensorFlow's threads, before it has run anything, and return the number of shares to divide a batch into.

    Threads that share an LSTM's thin products wait for each other more than shares of the batch do, each on a core of
    its own through the whole network (SPEED.md). With more cores than shares, an operation gets the remaining ones. On
    accelerators, and where TF_NUM_INTRAOP_THREADS or TF_NUM_INTEROP_THREADS is set, batches stay whole and threads as
    TensorFlow chooses.

    Parameters
    ----------
    batch : utterances a step.
    """
    chosen = os.environ.get("TF_NUM_INTRAOP_THREADS") or os.environ.get("TF_NUM_INTEROP_THREADS")
    if chosen or _accelerated():
        return 1
    cores = len(os.sched_getaffinity(0))
    shares = max(1, min(cores, batch // LEAST, MOST))
    set_threads(cores // shares, 0)
    return shares


def set_threads(intra: int, inter: int) -> None:
    """Let one operation use `intra` threads, and `inter` operations run at a time; 0: TensorFlow's choice."""
    try:
        tf.config.threading.set_intra_op_parallelism_threads(intra)
        tf.config.threading.set_inter_op_parallelism_threads(inter)
    except RuntimeError:
        say("TensorFlow is running already: its threads stay unchanged")


def strategy() -> Any:
    """Return the tf.distribute strategy for this machine: mirrored where it has several GPUs."""
    if len(tf.config.list_logical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def multiplies_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Return whether steps run on a processor with instructions for bfloat16 products; False if not on Linux."""
    try:
        flags = cpuinfo.read_text(encoding="utf-8").split()
    except OSError:
        return False
    return not _accelerated() and not {"avx512_bf16", "amx_bf16"}.isdisjoint(flags)


@contextmanager
def in_bfloat16(enabled: bool) -> Iterator[None]:
    """Have TensorFlow multiply in bfloat16 in the functions that it optimises in this block, if enabled.

    TensorFlow's rewriter rounds the inputs of products to 8 bits of mantissa, and all that follows up to an operation
    without such a kernel, such as BlockLSTM and the CTC loss. Variables stay float32, and so do eager calls, such as
    the dev loss (Kalamkar et al., A Study of BFLOAT16 for Deep Learning Training, 2019).
    """
    option = "auto_mixed_precision_onednn_bfloat16"
    before = tf.config.optimizer.get_experimental_options().get(option, False)
    tf.config.optimizer.set_experimental_options({option: enabled or before})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({option: before})


def _accelerated() -> bool:
    """Return whether TensorFlow sees a device other than a processor."""
    return any(device.device_type != "CPU" for device in tf.config.list_physical_devices())
