"""Small made-up sources for the tests of the importers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from asr.core.alphabet import Alphabet
from datasets.imports.corpus import Item, LeftOut
from datasets.imports.intake import Intake


def put(folder: Path, files: dict[str, str | bytes]) -> Path:
    """Write files below a folder, text as UTF-8, and return the folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def kept(found: Iterator[Item | LeftOut]) -> list[tuple[str, str, str]]:
    """Return file name, transcript and speaker of the items, without what is left out."""
    return [(Path(one.sound).name, one.transcript, one.speaker) for one in found if isinstance(one, Item)]


def reasons(found: Iterator[Item | LeftOut]) -> list[tuple[str, str]]:
    """Return place and reason of what is left out."""
    return [(one.place, one.reason) for one in found if isinstance(one, LeftOut)]


def take(items: Iterator[Item | LeftOut], folder: Path, *, append: bool = False) -> Intake:
    """Take items into folder/recordings.csv and folder/left_out.csv; return who did it."""
    intake = Intake(folder / "recordings.csv", folder / "left_out.csv", Alphabet(), append=append)
    intake.put(intake.stage(items))
    return intake
