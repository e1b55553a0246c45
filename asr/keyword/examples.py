"""The data set of a keyword model: features made by worker processes, written to disk with a table of the clips."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from asr.core import tables
from asr.core import workers as workers_
from asr.core.errors import ModelError, RecordingsError
from asr.core.progress import track
from asr.keyword.clips import ClipAugmentation, ClipFactory, Made
from asr.keyword.corpus import Corpus
from asr.keyword.frontend import SLICES, WIDTHS
from asr.keyword.jobs import Job
from asr.keyword.shards import Writer
from asr.settings.keyword import SILENCE, UNKNOWN

SETS = ("train", "dev-clean", "dev-noise", "test-clean", "test-noise")

_TASK = 32  # recordings of one task for a worker
_TABLE = "table.csv"
_COLUMNS = ("split", "name", "label", "noise")


@dataclass(frozen=True)
class EvaluationClip:
    """A row of table.csv: a clip of dev or test, and the kind of noise it meets in the noisy set."""

    split: str
    name: str
    label: int
    noise: str


def classes(words: Sequence[str]) -> tuple[str, ...]:
    """Return the names of a network's outputs, in order."""
    return (SILENCE, UNKNOWN, *words)


def read_table(folder: Path, split: str) -> list[EvaluationClip]:
    """Return the clips of a split in the order of its sets; ModelError where the table is missing."""
    rows = tables.read(folder / _TABLE, ModelError, columns=_COLUMNS)
    clips = (EvaluationClip(row["split"], row["name"], int(row["label"]), row["noise"]) for _, row in rows)
    return [clip for clip in clips if clip.split == split]


def make(
    folder: Path, found: Corpus, given: ClipAugmentation, jobs: Sequence[Job], workers: int | None = None
) -> list[str]:
    """Write the features of all jobs: the set `train`, and `dev` and `test` clean and in noise.

    Parameters
    ----------
    workers : processes; None: one a core.

    Returns
    -------
    remarks : notes on the data that belong beside every figure.

    Raises
    ------
    RecordingsError : no recording of a class could be read, or a worker died.
    """
    width = SLICES * WIDTHS[given.settings.preprocess]
    writers = {name: Writer(folder, name, width) for name in SETS}
    rejected, longer, table = list(found.rejected), 0, []
    counts: Counter[tuple[str, int]] = Counter()
    for made in track(_work(found, given, jobs, workers), "features", total=len(jobs)):
        if made.rejected:
            rejected.append((made.job.name, made.rejected))
            continue
        longer += made.longer
        for name, (rows, labels) in made.rows.items():
            writers[name].add(rows, labels)
            counts.update((name, label) for label in labels)
        if made.job.split != "train":
            name = made.job.name or SILENCE
            table += [(made.job.split, name, made.job.label, noise) for noise in made.noises]
    for writer in writers.values():
        writer.close()
    tables.write(folder / _TABLE, _COLUMNS, table)
    tables.write(folder / "rejected.csv", ("name", "reason"), rejected)
    for name in SETS:
        for label, word in enumerate(classes(given.settings.words)):
            if label != 1 and not counts[name, label]:
                raise RecordingsError(
                    f"no recording of {word!r} for {name} can be read",
                    path=folder / "rejected.csv",
                    fix="See the reasons there",
                )
    remarks = []
    if rejected:
        remarks.append(f"{len(rejected)} recordings were rejected, see {folder / 'rejected.csv'}")
    if longer:
        remarks.append(f"{longer} recordings of words hold more than a second of speech; the network hears one second")
    if not counts["train", 1]:
        remarks.append("no other words to train on: the model will take any speech for one of its words")
    return remarks


def _work(found: Corpus, given: ClipAugmentation, jobs: Sequence[Job], workers: int | None) -> Iterator[Made]:
    """Do jobs on all cores, in an order that does not depend on their number; few are held at a time."""
    count = workers or min(len(os.sched_getaffinity(0)), max(1, len(jobs) // _TASK))
    supplied = _with_data(found, jobs)
    tasks = iter(lambda: list(islice(supplied, _TASK)), [])
    if count == 1:
        factory = ClipFactory(given)
        yield from (factory.make(job) for task in tasks for job in task)
        return
    pending: deque[Future[list[Made]]] = deque()
    try:
        with workers_.pool(count, _start, (given,)) as pool:
            for task in tasks:
                pending.append(pool.submit(_do, task))
                if len(pending) >= 4 * count:
                    yield from pending.popleft().result()
            while pending:
                yield from pending.popleft().result()
    except BrokenProcessPool:
        raise RecordingsError(
            "a worker process died: out of memory, or a file crashed its decoder", fix="Run this again"
        ) from None


# What a worker process holds; set once when it starts.
_factory: ClipFactory | None = None


def _start(given: ClipAugmentation) -> None:
    global _factory
    workers_.start()
    _factory = ClipFactory(given)


def _do(task: Sequence[Job]) -> list[Made]:
    assert _factory is not None
    return [_factory.make(job) for job in task]


def _with_data(found: Corpus, jobs: Sequence[Job]) -> Iterator[Job]:
    """Yield the jobs; those of an archive in its order, with their files' content or the place where that is stored."""
    archived = {u.name for u in found.utterances if u.archived}
    waiting = {job.name: job for job in jobs if job.name in archived}
    yield from (job for job in jobs if job.name not in archived)
    if waiting:
        for name, data in found.archived(set(waiting)):
            job = waiting.pop(name, None)
            if job is not None:
                yield replace(job, data=data)
