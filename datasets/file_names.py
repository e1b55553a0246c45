"""Files that a table names: found in either Unicode form, and a hint where there is none."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path


class FileNames:
    """Finds the files that a table in a folder names.

    Parameters
    ----------
    folder : absolute; names are relative to it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._listed: dict[str, dict[str, list[str]]] = {}

    def locate(self, name: str) -> Path:
        """Return the path of a name; a file need not be there.

        Spaces around the name are ignored, unless a file has them. Where there is no file of that name, one whose name
        is the same in Unicode's form NFC is taken: macOS writes `ü` as two characters.
        """
        for written in dict.fromkeys((name.strip(), name)):
            path = Path(os.path.normpath(self._folder / written))
            if os.path.isfile(path):
                return path
        path = Path(os.path.normpath(self._folder / name.strip()))
        if name.isascii():
            return path
        return self._search(Path(path.anchor), path.parts[1:]) or path

    def _search(self, folder: Path, parts: Sequence[str]) -> Path | None:
        """Return the file below a folder whose path has these parts in any Unicode form; None if there is none."""
        if not parts:
            return folder if os.path.isfile(folder) else None
        if parts[0].isascii() or not os.path.isdir(folder):
            return self._search(folder / parts[0], parts[1:])
        for name in self._names(folder, _composed).get(_composed(parts[0]), ()):
            if (found := self._search(folder / name, parts[1:])) is not None:
                return found
        return None

    def hint(self, name: str) -> str:
        """Return what to do about a name that there is no file for."""
        if "\\" in name and os.path.isfile(self.locate(name.replace("\\", "/"))):
            return f"Write {name.replace(chr(92), '/')!r}, with /"
        path = Path(os.path.normpath(self._folder / name))
        if os.path.isdir(path):
            return "It is a folder: name each file in it"
        bare = name.strip("'\"`\u2018\u2019\u201c\u201d\u201e ")
        if bare != name and bare and os.path.isfile(self.locate(bare)):
            return f"Write {bare!r}, without the quotes"
        if near := self._names(path.parent, _folded).get(_folded(path.name)):
            return f"Did you mean {near[0]!r}? Capitals count"
        if near := self._names(path.parent, _stem).get(_stem(path.name)):
            return f"Did you mean {near[0]!r}?"
        return f"File names are relative to {self._folder}"

    def _names(self, folder: Path, form: Callable[[str], str]) -> dict[str, list[str]]:
        """Return the names in a folder by a form of them."""
        key = f"{form.__name__} {folder}"
        if key not in self._listed:
            try:
                names = sorted(os.listdir(folder))
            except OSError:
                names = []
            listed: dict[str, list[str]] = {}
            for name in names:
                listed.setdefault(form(name), []).append(name)
            self._listed[key] = listed
        return self._listed[key]


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _folded(name: str) -> str:
    return _composed(name).casefold()


def _stem(name: str) -> str:
    return Path(_folded(name)).stem
