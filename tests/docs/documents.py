"""The documents as their reader meets them: blocks of commands, files to write, links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# In the order a reader would take them: what a later one uses, an earlier one has made.
DOCUMENTS = (
    ROOT / "docs" / "first.md",
    ROOT / "README.md",
    *sorted(set((ROOT / "docs").glob("*.md")) - {ROOT / "docs" / "first.md"}),
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "firmware" / "README.md",
    ROOT / "firmware" / "qemu" / "README.md",
    *sorted((ROOT / "docs" / "experiments").glob("*.md")),
    ROOT / "SPEED.md",
)
# What a block may need that no test has: such commands are looked at, not run.
NEEDS = ("board", "docker", "microphone", "long")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes
    ----------
    document : where it stands.
    line : of its first line, 1-based.
    kind : the first word after the fence.
    given : the second word: what it needs, or the file that it is.
    text : its lines.
    """

    document: Path
    line: int
    kind: str
    given: str
    text: str

    @property
    def place(self) -> str:
        return f"{name(self.document)}:{self.line}"


def name(document: Path) -> str:
    """Return a document's path inside the checkout."""
    return str(document.relative_to(ROOT))


def blocks(document: Path) -> Iterator[Block]:
    """Give a document's fenced blocks in their order."""
    inside: list[str] | None = None
    kind, start = "", 0
    for number, line in enumerate(document.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("```"):
            if inside is None:
                inside, kind, start = [], line[3:].strip(), number + 1
            else:
                first, _, given = kind.partition(" ")
                yield Block(document, start, first, given.strip(), "\n".join(inside) + "\n")
                inside = None
        elif inside is not None:
            inside.append(line)
    assert inside is None, f"{document}:{start}: the block has no end"


def commands(block: Block) -> list[str]:
    """Return a block's commands, without comments, with continued lines joined."""
    joined = block.text.replace("\\\n", " ")
    lines = [re.sub(r"\s+#.*$", "", line).strip() for line in joined.splitlines()]
    return [re.sub(r"\s+", " ", line) for line in lines if line and not line.startswith("#")]


def links(document: Path) -> Iterator[tuple[int, str]]:
    """Give a document's links, outside of blocks of code: line and target."""
    code = False
    for number, line in enumerate(document.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("```"):
            code = not code
        elif not code:
            for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", line)):
                yield number, target


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def mentioned(document: Path) -> list[str]:
    """Return the commands of ours that a document's text names between backticks."""
    code = re.findall(r"`((?:make|asr) [^`]+)`", document.read_text(encoding="utf-8"))
    return [command for command in code if len(command.split()) > 1]
