"""How many threads the training step gets where a processor takes it."""

from __future__ import annotations

import os

from asr.progress import say

# Below this width a product is too small to share: two threads took 1.4 times one thread's time at 134, and less
# than it at 512 (SPEED.md). The cores left over prepare batches.
WIDTH_TO_SHARE = 256


def prepare(width: int) -> None:
    """Choose threads for a network of this n_hidden; before TensorFlow has run anything.

    TensorFlow's own choice stays for wide networks, on accelerators, and where TF_NUM_INTRAOP_THREADS or
    TF_NUM_INTEROP_THREADS is set.
    """
    import tensorflow as tf

    told = os.environ.get("TF_NUM_INTRAOP_THREADS") or os.environ.get("TF_NUM_INTEROP_THREADS")
    accelerated = any(device.device_type != "CPU" for device in tf.config.list_physical_devices())
    if width < WIDTH_TO_SHARE and not told and not accelerated:
        # Independent operations still run side by side: that is a fifth of the step.
        set_threads(1, 0)


def set_threads(intra: int, inter: int) -> None:
    """Let one operation use `intra` threads, and `inter` operations run at a time; 0: as TensorFlow chooses."""
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(intra)
        tf.config.threading.set_inter_op_parallelism_threads(inter)
    except RuntimeError:
        say("TensorFlow has started already: its threads stay as they are")
