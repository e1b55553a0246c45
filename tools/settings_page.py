"""docs/settings.md, made from the declarations of the settings: python -m tools.settings_page"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from asr.core.files import write_text
from asr.settings.declaration import Product
from asr.settings.presets import MANY_WORDS, PRESETS
from asr.settings.template import KEYS, summary, toml
from asr.settings.values import SECTIONS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "settings.md"
HEAD = f"""\
# Settings

<!-- Made by `python -m tools.settings_page` from asr/settings; edit the declarations there. -->

`asr.toml` in a workspace sets what you want to change. `asr init` writes the keys printed in **bold** below; you can
add any other key of this page under its section. A value comes from the first of these that sets it:

1. `asr.toml`;
2. the preset: `sentences` for more than {MANY_WORDS} different words, `words` for fewer, or the one that `train.preset`
   names. `small` ends in minutes;
3. the default.

`asr settings my-lamp` prints the values in effect and where each comes from; `--all` includes the defaults.

"Made again" names what is out of date after a change of the key, and is made again by the next `asr train` or
`asr keyword`, together with everything that is made of it. All numbers are limited to the range given, which holds for
each item of a list.
"""


def page() -> str:
    """Return the text of docs/settings.md."""
    parts = [HEAD]
    for section, kind in SECTIONS.items():
        parts += [f"## [{section}]", "", summary(section), ""]
        parts += ["| key | default | presets | range | made again | meaning |", "| --- | --- | --- | --- | --- | --- |"]
        parts += [_row(section, item) for item in dataclasses.fields(kind)]
        parts.append("")
    return "\n".join(parts)


def _row(section: str, item: dataclasses.Field[Any]) -> str:
    details = item.metadata
    values = {name: preset.get(section, {}).get(item.name) for name, preset in PRESETS.items()}
    presets = ", ".join(f"{name}: {_code(value)}" for name, value in values.items() if value is not None)
    products = (product for product in Product if product and product in details["affects"])
    affected = ", ".join(str(product.name).lower().replace("_", " ") for product in products)
    key = f"**`{item.name}`**" if item.name in KEYS.get(section, ()) else f"`{item.name}`"
    cells = (key, _code(item.default), presets, _range(details), affected, details["help"])
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _range(details: Any) -> str:
    if details["choices"]:
        return ", ".join(f"`{choice}`" for choice in details["choices"])
    low, high = details["minimum"], details["maximum"]
    limits = f"{low} to {high}" if high is not None else f"{low} or more" if low is not None else ""
    return " ".join(part for part in (limits, details["unit"]) if part)


def _code(value: Any) -> str:
    return f"`{toml(value)}`"


if __name__ == "__main__":
    write_text(PAGE, page())
