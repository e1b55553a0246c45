"""A folder for each speaker, and in it one for each sentence: anna/turn_on_the_light/1.wav."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from datasets.imports.corpus import HIDDEN, NO_TRANSCRIPT, Item, LeftOut, is_sound_name, sorted_entries, walk_sounds
from datasets.recordings import CUSTOM, NOISES

_SKIPPED = (CUSTOM, *NOISES)


class SpeakerFolders:
    """The importer."""

    kind = "speaker-folders"
    title = "a folder per speaker"
    layout = "speaker/sentence/1.wav, such as anna/turn_on_the_light/1.wav"

    def fits(self, source: Path) -> bool:
        return any(
            is_sound_name(file.name) and file.is_file()
            for speaker in _folders(str(source))
            for sentence in _folders(speaker.path)
            for file in sorted_entries(sentence.path)
        )

    def items(self, source: Path) -> Iterator[Item | LeftOut]:
        root = str(source.absolute())
        yield from _loose(root, root)
        for speaker in _folders(root, hidden=True):
            if _is_skipped(speaker.name):
                yield from _skipped(root, speaker.path)
                continue
            yield from _loose(root, speaker.path)
            for sentence in _folders(speaker.path, hidden=True):
                if _is_skipped(sentence.name):
                    yield from _skipped(root, sentence.path)
                    continue
                transcript = sentence.name.replace("_", " ")
                for sound in walk_sounds(sentence.path):
                    yield Item(sound, transcript, speaker.name, sound[len(root) + 1 :])


def _folders(folder: str, hidden: bool = False) -> list[os.DirEntry[str]]:
    return [entry for entry in sorted_entries(folder) if entry.is_dir() and (hidden or not _is_skipped(entry.name))]


def _is_skipped(name: str) -> bool:
    return name.startswith((".", "_")) or name in _SKIPPED


def _loose(root: str, folder: str) -> Iterator[LeftOut]:
    """Yield the sounds of a folder that lie in no sentence's folder."""
    for entry in sorted_entries(folder):
        if is_sound_name(entry.name) and not entry.is_dir():
            place = entry.path[len(root) + 1 :]
            yield LeftOut(place, place, NO_TRANSCRIPT, "it lies in no sentence's folder")


def _skipped(root: str, folder: str) -> Iterator[LeftOut]:
    for sound in walk_sounds(folder):
        place = sound[len(root) + 1 :]
        yield LeftOut(place, place, HIDDEN)
