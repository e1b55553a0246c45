"""Into how many shares a batch is divided, and how many threads an operation gets then."""

from __future__ import annotations

import os

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
