"""What the training step runs on: the devices TensorFlow sees, and how many threads a processor gets."""

from __future__ import annotations

from asr.progress import say


def prepare(width: int) -> None:
    """Choose threads."""


def set_threads(intra: int, inter: int) -> None:
    """Let one operation use `intra` threads, and `inter` operations run at a time; before anything has run."""
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(intra)
        tf.config.threading.set_inter_op_parallelism_threads(inter)
    except RuntimeError:
        say("TensorFlow has started already: its threads stay as they are")
