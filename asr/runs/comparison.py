"""Two runs side by side, and which run came from which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asr.core.nested import flatten
from asr.runs.record import Run


@dataclass(frozen=True)
class Change:
    """One clip, under one condition, that two runs heard differently well.

    Where it was heard in several pieces of noise, errors are those in all of them, and the texts of the piece that
    differs most.
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
    """How run `after` differs from run `before`.

    Attributes
    ----------
    settings : key to its two values, where they differ; None: not set there.
    figures : name to its two values; None: not measured there.
    wins : clips with fewer errors in `after`, the greatest gain first.
    losses : clips with more.
    shared : how many clips and conditions both heard; only these are compared one by one.
    same_data : trained and tested on the same data.
    """

    before: Run
    after: Run
    settings: dict[str, tuple[Any, Any]]
    figures: dict[str, tuple[float | None, float | None]]
    wins: tuple[Change, ...]
    losses: tuple[Change, ...]
    shared: int
    same_data: bool


def compare(before: Run, after: Run) -> Comparison:
    """Return what differs between two runs: settings, figures, and the clips that one heard better."""
    settings = _pairs(flatten(before.settings), flatten(after.settings))
    numbers = _pairs(*(dict(_numbers({"chosen on dev": run.dev, **run.figures})) for run in (before, after)))
    heard = {_key(row): row for row in before.transcripts()}
    pairs: dict[tuple[str, str], list[tuple[Mapping[str, str], Mapping[str, str]]]] = {}
    for row in after.transcripts():
        known = heard.get(_key(row))
        if known is not None:
            pairs.setdefault((row["clip"], row.get("condition", "")), []).append((known, row))
    changes = []
    for (clip, condition), both in pairs.items():
        errors = sum(int(old["errors"]) for old, _ in both), sum(int(row["errors"]) for _, row in both)
        if errors[0] != errors[1]:
            most = max(both, key=lambda pair: abs(int(pair[1]["errors"]) - int(pair[0]["errors"])))
            texts = most[1]["transcript"], most[0]["hypothesis"], most[1]["hypothesis"]
            changes.append(Change(clip, condition, *texts, *errors))
    changes.sort(
        key=lambda change: (-abs(change.errors_after - change.errors_before), change.clip, change.condition)
    )
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


@dataclass(frozen=True)
class Ancestry:
    """One run, or a model from elsewhere, and what started from it.

    Attributes
    ----------
    name : id of the run, or path of the model.
    run : its record; None for a model from elsewhere, or a run that was deleted.
    """

    name: str
    run: Run | None
    children: tuple[Ancestry, ...]


def lineage(runs: Sequence[Run]) -> list[Ancestry]:
    """Return the trees of what was trained from what, oldest first."""
    by_id = {run.id: run for run in runs}
    children: dict[str, list[Run]] = {}
    for run in runs:
        if run.parent:
            children.setdefault(_parent(run, by_id), []).append(run)

    def grow(name: str, above: frozenset[str]) -> Ancestry:
        # A record that was edited into its own ancestor must not be followed for ever.
        below = [run for run in children.get(name, []) if run.id not in above]
        return Ancestry(name, by_id.get(name), tuple(grow(run.id, above | {run.id}) for run in below))

    strangers = [name for name in children if name not in by_id]
    roots = [run.id for run in runs if not run.parent]
    found = [grow(name, frozenset({name})) for name in [*strangers, *roots]]
    reached = set().union(*(_names(tree) for tree in found)) if found else set()
    # What is left goes round in a circle.
    for run in runs:
        if run.id not in reached:
            tree = grow(run.id, frozenset({run.id}))
            reached |= _names(tree)
            found.append(tree)
    return found


def _parent(run: Run, by_id: Mapping[str, Run]) -> str:
    """Return what a run started from: the run that its graph was exported from, if that is here; or else the graph,
    and of what it was then as much as tells it from others of its name."""
    exported, graph = run.origin.get("run", ""), run.origin.get("sha256", "")
    if exported in by_id:
        return exported
    return f"{run.parent} (SHA-256 {graph[:12]})" if graph else str(run.parent)


def _names(tree: Ancestry) -> set[str]:
    return {tree.name}.union(*(_names(child) for child in tree.children))


def _numbers(figures: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for key, value in flatten(figures).items():
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            yield key, value


def _pairs(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {key: (before.get(key), after.get(key)) for key in dict.fromkeys([*before, *after])}


def _key(row: Mapping[str, str]) -> tuple[str, str, str]:
    return row["clip"], row.get("condition", ""), row.get("draw", "1")
