"""docs/architecture.md names files that exist and the floors of the import contract."""

from __future__ import annotations

import re
import sys

from tests.docs.documents import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
# What a newcomer asks first.
ASKED = ("the sentence network", "a default or a limit of a setting", "the report page", "what a verb does", "a board")


def table(heading: str) -> list[list[str]]:
    """Return the cells of the first table below a heading, without its head."""
    section = ARCHITECTURE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def test_each_change_has_one_file_and_it_exists() -> None:
    places = dict(table("Where do I change ..."))
    assert set(ASKED) <= places.keys()
    for change, place in places.items():
        path = re.fullmatch(r"`([^`]+)`", place)
        assert path is not None, f"{change}: {place} is not one file"
        assert (ROOT / path[1]).is_file(), f"{change}: there is no {path[1]}"


def test_the_floors_are_those_of_the_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    floors = [{room.strip() for room in layer.split("|")} for layer in contracts[0]["layers"]]
    section = ARCHITECTURE.split("\n## Floors\n", 1)[1].split("\nBeside Python:", 1)[0]
    told: list[set[str]] = []
    for floor, room in re.findall(r"^\| (\d*) ?\| `([a-z.]+)` \|", section, re.MULTILINE):
        if floor:
            told.append(set())
        told[-1].add(room)
    assert told == floors


def test_every_file_that_the_text_names_exists() -> None:
    for path in re.findall(r"`((?:asr|lm|datasets|export|tools|firmware)/[\w/.]+\.\w+)`", ARCHITECTURE):
        assert (ROOT / path).is_file(), path
