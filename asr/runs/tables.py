"""Runs on the terminal: list, comparison, ancestry and figures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from asr.runs.comparison import Change, Comparison, by_parent
from asr.runs.record import Run

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

SHARES = ("wer", "cer", "sentence_accuracy", "acceptance")
MOST_CHANGES = 10


def runs_table(runs: Sequence[Run]) -> Table:
    """Return a row for each run and kind of speech, oldest first, with dev WER and clean test figures.

    Ids are not truncated in a terminal of 80 columns.
    """
    from rich.table import Table
    from rich.text import Text

    kinds = {kind for run in runs for kind in tested(run)}
    commands = any(figures.get("acceptance") is not None for run in runs for figures in tested(run).values())
    optional = {
        "engine": any(_engine(run) != "asr" for run in runs),
        "speech": len(kinds) > 1,
        "commands": commands,
        "sentences": not commands,
        "from": any(run.parent for run in runs),
    }
    every = ("run", "engine", "status", "epochs", "time", "dev WER", "speech", "commands", "sentences", "WER", "from")
    names = [name for name in every if optional.get(name, True)]
    caption = f"test figures: {next(iter(kinds))} speech, clean" if len(kinds) == 1 else None
    table = Table(box=None, pad_edge=False, collapse_padding=True, caption=caption, caption_justify="left")
    for name in names:
        right = name not in ("run", "engine", "status", "speech", "from")
        # Ids are copied into commands.
        whole = max((len(run.id) for run in runs), default=0) if name == "run" else None
        head = name.replace(" ", "\n")
        table.add_column(head, justify="right" if right else "left", no_wrap=True, min_width=whole)
    for run in runs:
        cells = {
            "run": run.id,
            "engine": _engine(run),
            "status": run.status,
            "epochs": str(len(run.curves)),
            "time": _spent(run),
            "dev WER": _figure("wer", run.dev.get("wer")),
            "from": _short(run.parent) if run.parent else "",
        }
        for kind, figures in (tested(run) or {"": {}}).items():
            cells |= {"speech": kind} | {
                name: _figure(key, figures.get(key))
                for key, name in (("acceptance", "commands"), ("sentence_accuracy", "sentences"), ("wer", "WER"))
            }
            table.add_row(*(Text(cells[name]) for name in names))
            cells = dict.fromkeys(cells, "")
    return table


def comparison_tables(found: Comparison) -> Group:
    """Return two runs side by side: different settings, figures, and clips with fewer or more errors."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    names = (_short(found.before.id), _short(found.after.id))
    parts: list[Any] = [Text(f"{found.before.id} and {found.after.id}", style="bold")]
    if not found.same_data:
        parts.append(Text("warning: they were not trained and tested on the same data"))
    settings = Table("setting", *names, box=None, pad_edge=False)
    for key, pair in found.settings.items():
        settings.add_row(Text(key), *(Text("-" if value is None else str(value)) for value in pair))
    parts.append(settings if found.settings else Text("The settings are the same."))
    figures = Table("figure", box=None, pad_edge=False)
    for name in (*names, "change"):
        figures.add_column(name, justify="right")
    for key, (before, after) in found.figures.items():
        change = "" if before is None or after is None else _figure(key, after - before, sign=True)
        figures.add_row(Text(key), _figure(key, before), _figure(key, after), change)
    if found.figures:
        parts += [Text(""), figures]
    parts += [Text(""), Text(f"Of {found.shared} clips and conditions in both runs:")]
    for title, changes in (("better", found.wins), ("worse", found.losses)):
        parts.append(Text(f"{len(changes)} {title}" + (f", the first {MOST_CHANGES}:" if changes else "")))
        parts += [Text(line) for change in changes[:MOST_CHANGES] for line in _change(change)]
    return Group(*parts)


def lineage_tree(runs: Sequence[Run]) -> Group:
    """Return the ancestry of runs as trees."""
    from rich.console import Group
    from rich.text import Text
    from rich.tree import Tree

    by_id = {run.id: run for run in runs}
    children = by_parent(runs)

    def grow(name: str, above: Tree | None = None) -> Tree:
        if run := by_id.get(name):
            figures = headline(run)
            label = Text(f"{name}  {run.status}" + (f"  {figures}" if figures else ""))
        else:
            label = Text(f"{name}  (not a run of this workspace)", style="dim")
        branch = Tree(label) if above is None else above.add(label)
        for child in children.get(name, []):
            grow(child.id, branch)
        return branch

    external = [name for name in children if name and name not in by_id]
    return Group(*(grow(name) for name in [*external, *(run.id for run in children.get("", []))]))


def figures_table(run: Run) -> Group:
    """Return a run's test figures, a row for each condition, and its remarks."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for name in ("speech", "condition", "clips", "commands right", "sentences right", "WER", "CER"):
        table.add_column(name, justify="left" if name in ("speech", "condition") else "right")
    for kind, conditions in _figures(run).items():
        for name, found in conditions.items():
            shares = (_figure(key, found.get(key)) for key in ("acceptance", "sentence_accuracy", "wer", "cer"))
            table.add_row(*(Text(cell) for cell in (kind, name, str(found.get("utterances", "")), *shares)))
    return Group(table, *(Text(f"warning: {remark}") for remark in run.remarks))


def headline(run: Run) -> str:
    """Return the run's clean test figures in one line; "" if there are none."""
    found = []
    for kind, figures in tested(run).items():
        words = [
            f"{name} {_figure(key, figures[key])}"
            for key, name in (("acceptance", "commands"), ("sentence_accuracy", "sentences"), ("wer", "WER"))
            if figures.get(key) is not None
        ]
        if words:
            found.append(f"{kind}: {', '.join(words)}")
    return "; ".join(found)


def tested(run: Run) -> dict[str, dict[str, float | None]]:
    """Return the clean test figures by kind of speech; of the first condition where none is clean."""
    return {
        kind: conditions.get("clean") or next(iter(conditions.values())) for kind, conditions in _figures(run).items()
    }


def _figures(run: Run) -> dict[str, dict[str, dict[str, float | None]]]:
    """Return the test figures by kind of speech and condition."""
    return {kind: run.figures[kind] for kind in ("real", "synthetic") if run.figures.get(kind)}


def _change(change: Change) -> list[str]:
    return [
        f"  {change.clip} ({change.condition}), {change.errors_before} to {change.errors_after} errors",
        f"    said    {change.transcript}",
        f"    before  {change.before}",
        f"    after   {change.after}",
    ]


def _figure(key: str, value: float | None, *, sign: bool = False) -> str:
    if value is None:
        return "-"
    plus = "+" if sign else ""
    if key.rpartition(".")[2] in SHARES:
        return f"{100 * value:{plus}.1f} %"
    return f"{value:{plus}g}" if isinstance(value, int) else f"{value:{plus}.3f}"


def _engine(run: Run) -> str:
    """Return the engine that trained the run."""
    return str(run.settings.get("train", {}).get("engine", "asr"))


def _short(name: str) -> str:
    """Return the hash of a run's id, or the name of a file."""
    start, dash, end = name.partition("-")
    return end if dash and len(start) == 16 and start[:8].isdigit() else name.rpartition("/")[2]


def _spent(run: Run) -> str:
    """Return the duration of the finished sessions."""
    times = [(session["started"], session["ended"]) for session in run.sessions]
    spans = (datetime.fromisoformat(end) - datetime.fromisoformat(start) for start, end in times if start and end)
    seconds = sum(span.total_seconds() for span in spans)
    return f"{seconds / 60:.0f} min" if seconds >= 60 else (f"{seconds:.0f} s" if seconds else "")
