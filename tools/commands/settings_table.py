"""Effective settings and where each comes from, for the terminal."""

from __future__ import annotations

import dataclasses
import sys

from asr.settings.asr_toml import read
from asr.settings.presets import source_of
from asr.settings.template import explanation, toml
from asr.settings.values import SECTIONS
from asr.settings.workspace import Workspace


def print_settings(ws: Workspace, everything: bool) -> None:
    """Print a table on a terminal; elsewhere TOML, with each value's source as a comment.

    Parameters
    ----------
    everything : include the settings at their default.
    """
    given, preset = read(ws.toml).given, ws.settings.train.preset
    rows = []
    for section in SECTIONS:
        values = getattr(ws.settings, section)
        for item in dataclasses.fields(values):
            source = source_of(section, item.name, given, preset)
            if everything or source != "default":
                value = toml(getattr(values, item.name))
                rows.append((f"{section}.{item.name}", value, source, explanation(section, item.name)))
    if not sys.stdout.isatty():
        for key, value, source, _ in rows:
            print(f"{key} = {value}  # {source}")
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("setting", "value", "from", "meaning", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)
