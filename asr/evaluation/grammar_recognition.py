"""Answers of the runtime for small devices, on all cores: a device folder's network and grammar."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from asr.augment.evaluation_noise import Noise
from asr.core import workers as workers_
from asr.core.progress import track
from asr.evaluation.conditions import Condition
from asr.evaluation.recognition import Utterance, samples_of
from asr.evaluation.side_by_side import RUNTIME, Answer
from asr.runtime.grammar import Meaning
from asr.runtime.recogniser import Recogniser, Recognition


def answer(
    device: Path,
    utterances: Sequence[Utterance],
    conditions: Sequence[Condition],
    noise: Noise | None,
    meaning: Callable[[str], Meaning | None],
    *,
    workers: int | None = None,
) -> list[Answer]:
    """Have the runtime recognise every utterance under every condition; conditions in order, then utterances.

    Parameters
    ----------
    device : folder with network and grammar.
    meaning : gives intent and slots of a transcript; None: it is no sentence of the list.
    workers : processes; None: one a core. The result does not depend on it.

    Raises
    ------
    ValueError, OSError : the folder is no whole one, as `Recogniser.open` says.
    AudioError : as the clips raise it.
    """
    # Utterances without a source recording are left out of the raw condition.
    jobs = [
        (utterance, condition)
        for condition in conditions
        for utterance in utterances
        if not condition.raw or utterance.source is not None
    ]
    # A damaged folder is reported by this process.
    Recogniser.open(device)
    if not jobs:
        return []
    count = min(workers or len(os.sched_getaffinity(0)), len(jobs))
    chunk = max(1, min(16, len(jobs) // (4 * count)))
    with workers_.pool(count, _start_worker, (device, noise)) as pool:
        try:
            found = list(track(pool.map(_recognise, jobs, chunksize=chunk), "grammar", len(jobs)))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return [
        Answer(
            RUNTIME, utterance.speaker, utterance.transcript, heard.text, condition, utterance.synthetic,
            meaning(utterance.transcript), Meaning(heard.text, heard.intent, heard.slots), heard.accepted,
            heard.confidence,
        )
        for (utterance, condition), heard in zip(jobs, found, strict=True)
    ]  # fmt: skip


# What a worker process holds; set once when it starts.
_worker: tuple[Recogniser, Noise | None] | None = None


def _start_worker(device: Path, noise: Noise | None) -> None:
    global _worker
    workers_.start()
    _worker = (Recogniser.open(device), noise)


def _recognise(job: tuple[Utterance, Condition]) -> Recognition:
    assert _worker is not None
    recogniser, noise = _worker
    return recogniser.recognise(samples_of(*job, noise))
