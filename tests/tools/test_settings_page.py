"""docs/settings.md is what its generator makes."""

from __future__ import annotations

import dataclasses

from asr.settings.values import SECTIONS
from tools.settings_page import PAGE, page


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tools.settings_page"


def test_the_page_lists_every_setting() -> None:
    lines = page().splitlines()
    for section, kind in SECTIONS.items():
        rows = lines[lines.index(f"## [{section}]") :]
        for item in dataclasses.fields(kind):
            row = next(line for line in rows if line.startswith((f"| `{item.name}`", f"| **`{item.name}`**")))
            assert item.metadata["help"].replace("|", "\\|") in row and item.metadata["unit"] in row
