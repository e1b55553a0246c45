"""Writing asr.toml: the short one of a new workspace, and one with every value."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from asr.settings.presets import source_of
from asr.settings.values import SECTIONS, Settings

# What people change; docs/settings.md lists everything.
KEYS = {
    "recordings": ("folder",),
    "alphabet": ("language", "labels"),
    "voices": ("use",),
    "split": ("test_speakers",),
    "train": ("preset", "epochs", "start_from"),
    "augment": ("noise_folders",),
    "evaluate": ("noise_folder",),
    "keyword": ("words", "corpus", "false_accepts_per_hour"),
}
_HEAD = """\
# The settings that people change. `asr settings --all` prints all others, docs/settings.md explains them.
# Lines that begin with "# " show what the preset sets: remove "# " to set it yourself.
"""


def new_toml(settings: Settings, preset: str) -> str:
    """Return the asr.toml of a new workspace.

    Parameters
    ----------
    settings : the effective values, with train.preset as the file is to say.
    preset : the one that applies; what it sets is commented out, so that a better preset reaches this workspace.
    """
    blocks = [_HEAD]
    for name, keys in KEYS.items():
        values = getattr(settings, name)
        rows = []
        for key in keys:
            hidden = "# " if source_of(name, key, {}, preset).startswith("preset") else ""
            rows.append((f"{hidden}{key} = {toml(getattr(values, key))}", explanation(name, key)))
        width = min(40, max(len(left) for left, _ in rows))
        lines = [f"{left:<{width}}  # {right}" for left, right in rows]
        blocks.append("\n".join([f"[{name}]  # {summary(name)}", *lines, ""]))
    return "\n".join(blocks)


def render(settings: Settings) -> str:
    """Return the text of an asr.toml that sets every value."""
    lines = []
    for section in SECTIONS:
        values = getattr(settings, section)
        lines.append(f"[{section}]")
        lines += [f"{item.name} = {toml(getattr(values, item.name))}" for item in dataclasses.fields(values)]
    return "\n".join([*lines, ""])


def summary(section: str) -> str:
    """Return what a section is about, in a line."""
    return (SECTIONS[section].__doc__ or "").strip().splitlines()[0]


def explanation(section: str, key: str) -> str:
    """Return what a key does, with its unit."""
    details = SECTIONS[section].__dataclass_fields__[key].metadata
    unit = f" [{details['unit']}]" if details["unit"] else ""
    return f"{details['help']}{unit}"


def toml(value: Any) -> str:
    """Return a value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    if isinstance(value, str):
        # JSON's escapes are TOML's, but for the one control character that JSON leaves as it is.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
