"""Compare two runs, and find the ancestry of runs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asr.core.nested import flatten
from asr.runs.record import Run


@dataclass(frozen=True)
class Change:
    """A clip and condition with different numbers of errors in two runs.

    Errors are summed over the pieces of noise; the texts are those of the piece that differs most.
    """

    clip: str
    condition: str
    transcript: str
    before: str
    after: str
    errors_before: int
    errors_after: int


@dataclass(frozen=True)
class Comparison:
    """How run `after` differs from run `before`."""

    before: Run
    after: Run
    settings: dict[str, tuple[Any, Any]]  # key to two different values; None: not set
    figures: dict[str, tuple[float | None, float | None]]  # name to its two values; None: not measured
    wins: tuple[Change, ...]  # clips with fewer errors in `after`, greatest difference first
    losses: tuple[Change, ...]  # clips with more errors in `after`, greatest difference first
    shared: int  # number of clips and conditions that both runs transcribed; only these are compared
    same_data: bool  # both runs were trained and tested on the same data


def compare(before: Run, after: Run) -> Comparison:
    """Return the differences between two runs: settings, figures, and clips with fewer or more errors."""
    settings = _pairs(flatten(before.settings), flatten(after.settings))
    numbers = _pairs(*(dict(_numbers({"chosen on dev": run.dev, **run.figures})) for run in (before, after)))
    rows = {_key(row): row for row in before.transcripts()}
    pairs: dict[tuple[str, str], list[tuple[Mapping[str, str], Mapping[str, str]]]] = {}
    for row in after.transcripts():
        known = rows.get(_key(row))
        if known is not None:
            pairs.setdefault((row["clip"], row["condition"]), []).append((known, row))
    changes = []
    for (clip, condition), both in pairs.items():
        errors = sum(int(old["errors"]) for old, _ in both), sum(int(row["errors"]) for _, row in both)
        if errors[0] != errors[1]:
            most = max(both, key=lambda pair: abs(int(pair[1]["errors"]) - int(pair[0]["errors"])))
            texts = most[1]["transcript"], most[0]["hypothesis"], most[1]["hypothesis"]
            changes.append(Change(clip, condition, *texts, *errors))
    changes.sort(key=lambda one: (-abs(one.errors_after - one.errors_before), one.clip, one.condition))
    return Comparison(
        before,
        after,
        {key: pair for key, pair in settings.items() if pair[0] != pair[1]},
        numbers,
        tuple(change for change in changes if change.errors_after < change.errors_before),
        tuple(change for change in changes if change.errors_after > change.errors_before),
        len(pairs),
        before.data == after.data,
    )


def by_parent(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Return the runs by the run or model that they were initialised from; "" for none."""
    ids = {run.id for run in runs}
    children: dict[str, list[Run]] = {}
    for run in runs:
        children.setdefault(_parent(run, ids) if run.parent else "", []).append(run)
    return children


def _parent(run: Run, ids: Collection[str]) -> str:
    """Return the run that the initial weights were exported from, or else the model's name with its SHA-256."""
    exported, graph = run.origin.get("run", ""), run.origin.get("sha256", "")
    if exported in ids:
        return exported
    return f"{run.parent} (SHA-256 {graph[:12]})" if graph else str(run.parent)


def _numbers(figures: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for key, value in flatten(figures).items():
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            yield key, value


def _pairs(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {key: (before.get(key), after.get(key)) for key in dict.fromkeys([*before, *after])}


def _key(row: Mapping[str, str]) -> tuple[str, str, str]:
    return row["clip"], row["condition"], row["draw"]
