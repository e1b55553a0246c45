"""All files in a folder and below it, through links to other folders, with what could not be entered."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Item:
    """A file, or a folder that was not entered."""

    path: Path  # as it was reached, links not resolved
    fault: str = ""  # why it cannot be read; "" for a file
    is_folder: bool = False


class RealPaths:
    """Real paths of many files, each folder resolved once."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}

    def of(self, path: Path | str) -> str:
        """Return the path with all links resolved, as os.path.realpath does."""
        folder, name = os.path.split(path)
        if os.path.islink(path) or name in ("", ".", ".."):
            return os.path.realpath(path)
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        return os.path.join(self._folders[folder], name)


def walk(folder: Path, besides: Collection[Path] = ()) -> Iterator[Item]:
    """Yield every file in a folder and below it, each real folder once.

    Links to folders are followed after all real folders, so that a file is reached by its own name where it has one.

    Parameters
    ----------
    besides : folders that are not entered.

    Yields
    ------
    Files in no order. An item with a fault is a link that leads nowhere or back, a folder that cannot be read, or a
    device.
    """
    entered = {os.path.realpath(folder)}
    waiting, links = [folder], list[Path]()
    while waiting or links:
        place = waiting.pop(0) if waiting else links.pop(0)
        if os.path.islink(place) and place != folder:
            real = os.path.realpath(place)
            if real in entered:
                yield Item(place, "it is a link to a folder that is read already", is_folder=True)
                continue
            if Path(os.path.realpath(place.parent)).is_relative_to(real):
                yield Item(place, "it is a link that leads back to a folder above it", is_folder=True)
                continue
            entered.add(real)
        try:
            with os.scandir(place) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            yield Item(place, f"the folder cannot be read: {error.strerror}", is_folder=True)
            continue
        for entry in entries:
            path = Path(entry.path)
            if path in besides:
                continue
            try:
                if entry.is_dir():
                    if entry.is_symlink():
                        links.append(path)
                    elif (real := os.path.realpath(path)) in entered:
                        yield Item(path, "it is a folder that is read already, through a link", is_folder=True)
                    else:
                        entered.add(real)
                        waiting.append(path)
                elif entry.is_file():
                    yield Item(path)
                elif entry.is_symlink() and not os.path.exists(path):
                    yield Item(path, f"it is a link to {os.readlink(path)}, which is not there")
                else:
                    yield Item(path, "it is a device or a pipe, not a file")
            except OSError as error:  # such as a loop of links
                yield Item(path, f"it cannot be read: {error.strerror}")
