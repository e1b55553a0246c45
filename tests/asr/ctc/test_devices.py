"""Into how many shares a batch is divided, how many threads an operation gets then, and in what it multiplies."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from asr.ctc import devices


@pytest.mark.parametrize(
    ("cores", "batch", "shares", "threads"),
    [(2, 16, 2, 1), (2, 8, 2, 1), (2, 4, 1, 2), (1, 16, 1, 1), (16, 8, 2, 8), (16, 64, 8, 2), (3, 1, 1, 3)],
)
def test_no_core_is_left_without_work(
    cores: int, batch: int, shares: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, int]] = []
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    monkeypatch.delenv("TF_NUM_INTEROP_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    monkeypatch.setattr(devices, "set_threads", lambda intra, inter: told.append((intra, inter)))
    cpu = tf.config.list_physical_devices("CPU")
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda *_: cpu)
    assert devices.prepare(batch) == shares
    assert told == [(threads, 0)]
    # Whoever sets threads himself, or has an accelerator, keeps whole batches.
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "2")
    assert devices.prepare(batch) == 1 and len(told) == 1


@pytest.mark.parametrize(
    ("flags", "has"),
    [
        ("flags : fpu avx512f avx512_bf16 sse4_2", True),
        ("flags : fpu amx_bf16", True),
        ("flags : fpu avx2 avx512f", False),
        ("Features : fp asimd bf16", False),
        (None, False),
    ],
)
def test_only_a_processor_with_instructions_for_bfloat16_multiplies_so(
    flags: str | None, has: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "cpuinfo"
    if flags is not None:
        told.write_text(flags + "\n")
    cpu = tf.config.list_physical_devices("CPU")
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda *_: cpu)
    assert devices.multiplies_bfloat16(told) is has
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda *_: [*cpu, tf.config.PhysicalDevice("a", "GPU")])
    assert not devices.multiplies_bfloat16(told)


def test_what_is_compiled_meanwhile_multiplies_in_bfloat16_and_nothing_else_does() -> None:
    generator = np.random.default_rng(1)
    one, other = (tf.constant(generator.normal(0, 1, (64, 64)).astype("f")) for _ in range(2))
    exact = one.numpy().astype(np.float64) @ other.numpy().astype(np.float64)

    def error(product: tf.Tensor) -> float:
        assert product.dtype == tf.float32
        return float(np.abs(product.numpy() - exact).max())

    with devices.in_bfloat16(True):
        within = error(tf.function(lambda: tf.nn.relu(tf.matmul(one, other)) - tf.nn.relu(-tf.matmul(one, other)))())
        eagerly = error(tf.matmul(one, other))
    after = error(tf.function(lambda: tf.matmul(one, other) + 0)())
    with devices.in_bfloat16(False):
        unasked = error(tf.function(lambda: tf.matmul(one, other) + 0)())
    assert max(eagerly, after, unasked) < 1e-4
    assert within < 0.5
    # Elsewhere TensorFlow leaves them as they are.
    assert within > 1e-3 or not devices.multiplies_bfloat16()
