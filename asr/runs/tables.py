"""Runs for the terminal: the list, two side by side, and the tree of their parents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from asr.runs.comparison import Ancestry, Change, Comparison, lineage
from asr.runs.record import Run

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

SHARES = ("wer", "cer", "sentence_accuracy", "acceptance")
MOST_CHANGES = 10


def runs_table(runs: Sequence[Run]) -> Table:
    """Return one row a run and kind of speech, oldest first: what it is, how far it came, what dev says of it, and its
    clean test figures if it has any. Names are whole in a terminal of 80 columns."""
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
    heard = f"test figures: {next(iter(kinds))} speech, clean" if len(kinds) == 1 else ""
    table = Table(box=None, pad_edge=False, collapse_padding=True, caption=heard or None, caption_justify="left")
    for name in names:
        right = name not in ("run", "engine", "status", "speech", "from")
        # Names are typed again: they must be whole.
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
    """Return two runs side by side: settings that differ, figures, and the clips that one heard better."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    names = (_short(found.before.id), _short(found.after.id))
    parts: list[Any] = [Text(f"{found.before.id} and {found.after.id}", style="bold")]
    if not found.same_data:
        parts.append(Text("Mind: they were not trained and tested on the same data."))
    settings = Table("setting", *names, box=None, pad_edge=False)
    for key, pair in found.settings.items():
        settings.add_row(Text(key), *(Text("-" if value is None else str(value)) for value in pair))
    parts.append(settings if found.settings else Text("Their settings are the same."))
    figures = Table("figure", box=None, pad_edge=False)
    for name in (*names, "change"):
        figures.add_column(name, justify="right")
    for key, (before, after) in found.figures.items():
        change = "" if before is None or after is None else _figure(key, after - before, sign=True)
        figures.add_row(Text(key), _figure(key, before), _figure(key, after), change)
    if found.figures:
        parts += [Text(""), figures]
    parts += [Text(""), Text(f"Of {found.shared} clips and conditions that both heard:")]
    for title, changes in (("better", found.wins), ("worse", found.losses)):
        parts.append(Text(f"{len(changes)} {title}" + (f", the first {MOST_CHANGES}:" if changes else "")))
        parts += [Text(line) for change in changes[:MOST_CHANGES] for line in _change(change)]
    return Group(*parts)


def lineage_tree(runs: Sequence[Run]) -> Group:
    """Return what was trained from what as trees."""
    from rich.console import Group
    from rich.text import Text
    from rich.tree import Tree

    def label(node: Ancestry) -> Text:
        if node.run is None:
            return Text(f"{node.name}  (not a run of this workspace)", style="dim")
        figures = headline(node.run)
        return Text(f"{node.name}  {node.run.status}" + (f"  {figures}" if figures else ""))

    def grow(node: Ancestry, tree: Tree | None) -> Tree:
        branch = Tree(label(node)) if tree is None else tree.add(label(node))
        for child in node.children:
            grow(child, branch)
        return branch

    return Group(*(grow(node, None) for node in lineage(runs)))


def figures_table(run: Run) -> Group:
    """Return a run's test figures, a row a condition, and what has to be said beside them."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for name in ("speech", "condition", "heard", "commands right", "sentences right", "WER", "CER"):
        table.add_column(name, justify="left" if name in ("speech", "condition") else "right")
    for kind, conditions in _figures(run).items():
        for name, found in conditions.items():
            shares = (_figure(key, found.get(key)) for key in ("acceptance", "sentence_accuracy", "wer", "cer"))
            table.add_row(*(Text(cell) for cell in (kind, name, str(found.get("utterances", "")), *shares)))
    return Group(table, *(Text(f"Mind: {remark}") for remark in run.remarks))


def headline(run: Run) -> str:
    """Return the run's clean test figures in a few words; empty where there are none."""
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
    """Return the figures of clean test clips by the kind of speech; of the first condition where no clip was clean."""
    return {
        kind: conditions.get("clean") or next(iter(conditions.values())) for kind, conditions in _figures(run).items()
    }


def _figures(run: Run) -> dict[str, dict[str, dict[str, float | None]]]:
    """Return the test figures by the kind of speech and the condition."""
    # The record of a run keeps the test split's figures by the kind of speech.
    kinds = run.figures.get("test", run.figures)
    return {kind: kinds[kind] for kind in ("real", "synthetic") if kinds.get(kind)}


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
    """Return who trained it; records of before there was a choice do not say."""
    return str(run.settings.get("train", {}).get("engine", "asr"))


def _short(name: str) -> str:
    """Return the hash of a run's id, or a file's name."""
    start, dash, end = name.partition("-")
    return end if dash and len(start) == 16 and start[:8].isdigit() else name.rpartition("/")[2]


def _spent(run: Run) -> str:
    """Return how long its finished sessions lasted."""
    seconds = 0.0
    for session in run.sessions:
        if session["started"] and session["ended"]:
            seconds += (
                datetime.fromisoformat(session["ended"]) - datetime.fromisoformat(session["started"])
            ).total_seconds()
    return f"{seconds / 60:.0f} min" if seconds >= 60 else (f"{seconds:.0f} s" if seconds else "")
