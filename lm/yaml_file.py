"""YAML as lists, dictionaries and scalars that know their line; nothing is constructed from tags.

Hostile files are bounded: bytes, depth and nodes. An alias is its anchor's object, not a copy of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asr.core.errors import SentenceError, SetupError
from lm.foreign import read_file
from lm.remarks import shown

MOST_NODES = 200_000
DEEPEST = 30


@dataclass(frozen=True, eq=False)
class Scalar:
    """A scalar as it stands in the file: `on` and `5` are text, too.

    Attributes
    ----------
    text : its content.
    line : its line, from 1.
    plain : it has no quotes.
    """

    text: str
    line: int
    plain: bool

    @property
    def is_null(self) -> bool:
        """Tell whether it stands for nothing."""
        return self.plain and self.text in ("", "~", "null", "Null", "NULL")

    @property
    def is_true(self) -> bool:
        """Tell whether it is one of YAML's words for true."""
        return self.plain and self.text.lower() in ("true", "yes", "on")


@dataclass(frozen=True, eq=False)
class Items:
    """A sequence."""

    line: int
    values: list[Node] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Mapping:
    """A mapping; of equal keys the last counts."""

    line: int
    values: dict[str, Node] = field(default_factory=dict)


Node = Scalar | Items | Mapping


def read_yaml(path: Path) -> Node:
    """Return the content of a file, its first document.

    Raises
    ------
    SentenceError : it cannot be read, is no YAML, or is larger than sentences are.
    SetupError : PyYAML is not installed.
    """
    return parse_yaml(read_file(path), path)


def parse_yaml(text: str, path: Path) -> Node:
    """Return the content of a file; `path` is for messages. Raises as `read_yaml` does."""
    try:
        import yaml
    except ImportError:
        raise SetupError("the package PyYAML is not installed", fix="Run `make setup`") from None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _compose(yaml.parse(text, Loader=loader), path)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
        raise SentenceError(
            f"this is no YAML: {shown(str(problem), 200)}",
            path=path,
            line=mark.line + 1 if mark else None,
            column=mark.column + 1 if mark else None,
            fix="Check its indentation and quotes",
        ) from None


def _compose(events: Iterator[Any], path: Path) -> Node:
    """Return the first document of a stream of events, without recursion."""
    anchors: dict[str, Node] = {}
    open_: list[tuple[Items | Mapping, list[str]]] = []  # with the key that waits for its value
    root: Node | None = None
    count = 0
    for event in events:
        kind = type(event).__name__
        line = event.start_mark.line + 1
        node: Node | None = None
        if kind == "ScalarEvent":
            node = Scalar(event.value, line, event.style in (None, ""))
        elif kind == "AliasEvent":
            node = anchors.get(event.anchor)
            if node is None or any(node is holder for holder, _ in open_):
                raise SentenceError(
                    f"the alias *{shown(event.anchor)} stands before the end of its anchor", path=path, line=line,
                    fix="Write out what it stands for",
                )  # fmt: skip
        elif kind in ("SequenceStartEvent", "MappingStartEvent"):
            node = Items(line) if kind == "SequenceStartEvent" else Mapping(line)
        elif kind in ("SequenceEndEvent", "MappingEndEvent"):
            open_.pop()
        elif kind == "DocumentEndEvent" and root is not None:
            return root
        if node is None:
            continue
        count += 1
        if count > MOST_NODES or len(open_) >= DEEPEST:
            what = f"it has more than {MOST_NODES} parts" if count > MOST_NODES else f"it is more than {DEEPEST} deep"
            raise SentenceError(what, path=path, line=line, fix="Split it, or nest less")
        if getattr(event, "anchor", None) and kind != "AliasEvent":
            anchors[event.anchor] = node
        if not open_:
            root = node
        else:
            _put(*open_[-1], node)
        if kind.endswith("StartEvent"):
            assert not isinstance(node, Scalar)
            open_.append((node, []))
    return root if root is not None else Mapping(1)


def _put(holder: Items | Mapping, waiting: list[str], node: Node) -> None:
    if isinstance(holder, Items):
        holder.values.append(node)
    elif not waiting:
        waiting.append(node.text if isinstance(node, Scalar) else "")
    else:
        holder.values[waiting.pop()] = node
