"""What a conversion writes, read as a workspace reads it."""

from __future__ import annotations

from pathlib import Path

from asr.core.alphabet import Alphabet
from lm.conversion import Conversion
from lm.sentences import Templates

ENGLISH = Alphabet()


def read(folder: Path, conversion: Conversion) -> Templates:
    """Read what a conversion writes, as a workspace does."""
    (folder / "out").mkdir(exist_ok=True)
    for name, content in conversion.files.items():
        (folder / "out" / name).write_text(content)
    (folder / "out/sentences.txt").write_text(conversion.text)
    return Templates.read(folder / "out/sentences.txt", ENGLISH)
