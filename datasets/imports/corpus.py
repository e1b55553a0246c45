"""What every importer yields: items that may become recordings, and what it leaves out, with the reason."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from asr.core.audio import SUFFIXES

OUTSIDE = "its path leads out of the folder"
NO_TRANSCRIPT = "it has no transcript"
HIDDEN = "its folder is hidden or holds noise"


class Item(NamedTuple):
    """A sound and its transcript, as the source has them.

    Attributes
    ----------
    sound : absolute path of the sound file, which need not exist.
    transcript : as it is written there.
    speaker : "" where none is named.
    place : where the source says it, such as "validated.tsv:12".
    cut : start and end in the sound, s; an end below 0 is the sound's. None: the whole sound.
    name : of a cut, unique in the source.
    size : bytes that the sound has by the source's account; None: it has none.
    """

    sound: str
    transcript: str
    speaker: str
    place: str
    cut: tuple[float, float] | None = None
    name: str = ""
    size: int | None = None


class LeftOut(NamedTuple):
    """What cannot become a recording.

    Attributes
    ----------
    place : where the source says it.
    name : of the file or utterance, as far as it is known.
    reason : the same words for all that have it.
    detail : what is particular to this one.
    """

    place: str
    name: str
    reason: str
    detail: str = ""
    transcript: str = ""


class Corpus(Protocol):
    """A kind of source. Its items are streamed; their order is that of the source.

    Attributes
    ----------
    kind : as the command names it.
    title : as messages name it.
    layout : what a source of this kind holds, for messages.
    """

    kind: str
    title: str
    layout: str

    def fits(self, source: Path) -> bool:
        """Tell, by its content, whether a file or folder looks like this kind."""
        ...

    def items(self, source: Path) -> Iterator[Item | LeftOut]:
        """Yield the items of a source; RecordingsError if a header or a file that it needs is wrong."""
        ...


def find_sound(root: str, name: str, *, absolute: bool = False) -> tuple[str, str]:
    """Return the path of a sound that a table names, and why it is refused: "" if it is not.

    Parameters
    ----------
    root : folder that names are relative to.
    absolute : the table may name files anywhere, as those of some programs do.
    """
    if not name or "\0" in name:
        return "", "it names no file"
    if (".." in name and ".." in name.split("/")) or (name[0] == "/" and not absolute):
        return "", OUTSIDE
    path = name if name[0] == "/" else f"{root}/{name}"
    # normpath takes longer than all the rest.
    return (os.path.normpath(path) if "/." in path or "//" in path else path), ""


def is_sound_name(name: str) -> bool:
    """Tell whether a file's name is that of a sound, as `asr.core.audio.is_sound` does of a path, in less time."""
    return os.path.splitext(name)[1].lower() in SUFFIXES and not name.startswith(".")


def sorted_entries(folder: str) -> list[os.DirEntry[str]]:
    """Return the entries of a folder by name; none if it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []


def walk_sounds(folder: str) -> Iterator[str]:
    """Yield the sound files in a folder and below it by path, a folder at a time; links to folders are not followed."""
    for entry in sorted_entries(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from walk_sounds(entry.path)
        elif is_sound_name(entry.name):
            yield entry.path


def has_any(found: Iterator[object]) -> bool:
    """Tell whether an iterator yields anything."""
    return next(found, None) is not None
