"""LibriSpeech's layout: speaker/chapter/ with sounds, and a .trans.txt that gives the transcript of each.

Panayotov et al., "LibriSpeech: an ASR corpus based on public domain audio books" (2015), https://www.openslr.org/12.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from datasets.imports.corpus import NO_TRANSCRIPT, Item, LeftOut, find_sound, has_any, is_sound_name, sorted_entries
from datasets.imports.lines import read_lines

_SUFFIX = ".trans.txt"


class LibriSpeech:
    """The importer."""

    kind = "librispeech"
    title = "LibriSpeech's layout"
    layout = "19/198/19-198.trans.txt beside 19-198-0000.flac, in the source or below it"

    def fits(self, source: Path) -> bool:
        return source.is_dir() and has_any(_chapters(str(source), deepest=4, transcribed=True))

    def items(self, source: Path) -> Iterator[Item | LeftOut]:
        root = source.absolute()
        for folder, names in _chapters(str(root), deepest=8):
            yield from _chapter(Path(folder), os.path.relpath(folder, root), names)


def _chapters(folder: str, deepest: int, transcribed: bool = False) -> Iterator[tuple[str, list[str]]]:
    """Yield each folder with sounds or transcripts, or with transcripts only, and the names of its files."""
    entries = sorted_entries(folder)
    names = [entry.name for entry in entries if not entry.is_dir(follow_symlinks=False)]
    if any(name.endswith(_SUFFIX) or (not transcribed and is_sound_name(name)) for name in names):
        yield folder, names
    if deepest:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
                yield from _chapters(entry.path, deepest - 1, transcribed)


def _chapter(folder: Path, shown: str, names: list[str]) -> Iterator[Item | LeftOut]:
    sounds = {os.path.splitext(name)[0]: name for name in names if is_sound_name(name)}
    unused = dict(sounds)
    for table in (name for name in names if name.endswith(_SUFFIX)):
        speaker = table.split("-", 1)[0] if "-" in table else folder.parent.name
        for number, text, fault in read_lines(folder / table):
            place = f"{os.path.join(shown, table)}:{number}"
            name, _, transcript = text.partition(" ")
            if fault:
                yield LeftOut(place, "", fault)
                continue
            unused.pop(name, None)
            sound, refused = find_sound(str(folder), sounds.get(name, f"{name}.flac"))
            if refused:
                yield LeftOut(place, name, refused, transcript=transcript)
            else:
                yield Item(sound, transcript, speaker, place)
    for name in unused.values():
        yield LeftOut(os.path.join(shown, name), name, NO_TRANSCRIPT)
