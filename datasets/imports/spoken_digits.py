"""The Free Spoken Digit Dataset: recordings/7_jackson_32.wav, the digit, the speaker and a number.

https://github.com/Jakobovski/free-spoken-digit-dataset. Its transcripts are the English words.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from datasets.imports.corpus import NO_TRANSCRIPT, Item, LeftOut, walk_sounds

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
NAME = re.compile(r"(?P<digit>[0-9])_(?P<speaker>[^_]+)_(?P<number>[0-9]+)\.\w+")


class SpokenDigits:
    """The importer."""

    kind = "spoken-digits"
    title = "Free Spoken Digits"
    layout = "files named as 7_jackson_32.wav, in the source or its folder recordings/"

    def fits(self, source: Path) -> bool:
        return source.is_dir() and any(NAME.fullmatch(name) for name in os.listdir(_folder(source)))

    def items(self, source: Path) -> Iterator[Item | LeftOut]:
        root = str(_folder(source).absolute())
        for sound in walk_sounds(root):
            place = sound[len(root) + 1 :]
            found = NAME.fullmatch(os.path.basename(sound))
            if found is None:
                yield LeftOut(place, place, NO_TRANSCRIPT, "its name is not digit_speaker_number")
            else:
                yield Item(sound, WORDS[int(found["digit"])], found["speaker"], place)


def _folder(source: Path) -> Path:
    below = source / "recordings"
    return below if below.is_dir() else source
