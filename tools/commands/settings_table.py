"""Effective settings and where each comes from, for the terminal."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from asr.settings.asr_toml import read
from asr.settings.presets import source_of
from asr.settings.template import explanation, toml
from asr.settings.values import SECTIONS
from asr.settings.workspace import Workspace


@dataclass(frozen=True)
class Setting:
    """An effective value, as TOML writes it, and its source: "default", "preset NAME" or "file"."""

    key: str
    value: str
    source: str
    explanation: str


def settings_of(ws: Workspace, everything: bool) -> list[Setting]:
    """Return the workspace's settings; without `everything` only those that the file or the preset sets."""
    given, preset = read(ws.toml).given, ws.settings.train.preset
    found = []
    for section in SECTIONS:
        values = getattr(ws.settings, section)
        for item in dataclasses.fields(values):
            source = source_of(section, item.name, given, preset)
            if everything or source != "default":
                value = toml(getattr(values, item.name))
                found.append(Setting(f"{section}.{item.name}", value, source, explanation(section, item.name)))
    return found


def print_settings(settings: Sequence[Setting]) -> None:
    """Print a table on a terminal; elsewhere TOML, with the source as a comment."""
    if not sys.stdout.isatty():
        for one in settings:
            print(f"{one.key} = {one.value}  # {one.source}")
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("setting", "value", "from", "meaning", box=None, pad_edge=False)
    for one in settings:
        table.add_row(*(Text(text) for text in (one.key, one.value, one.source, one.explanation)))
    Console().print(table)
