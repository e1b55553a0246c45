"""The folders of recorded noise that asr.toml names, to train with and to test with."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from asr.core import audio
from asr.core.errors import WorkspaceError
from asr.core.files import file_state
from asr.settings import asr_toml
from asr.settings.sections import Evaluate
from asr.settings.values import Settings
from asr.settings.workspace import Workspace


def noise_folders(ws: Workspace) -> list[tuple[str, Path]]:
    """Return name and path of each noise folder to train with; missing folders of the defaults are left out.

    Raises
    ------
    WorkspaceError : a folder is missing that the user named; with the line.
    """
    usual = Settings().augment.noise_folders
    found = ((name, _folder(ws, "augment", "noise_folders", name, usual)) for name in ws.settings.augment.noise_folders)
    return [(name, place) for name, place in found if place is not None]


def evaluation_noise_folder(ws: Workspace) -> Path | None:
    """Return the noise folder to test with; None if there is none. WorkspaceError as `noise_folders`."""
    return _folder(ws, "evaluate", "noise_folder", ws.settings.evaluate.noise_folder, (Evaluate().noise_folder,))


def check_noise(ws: Workspace) -> str:
    """Check that the named folders exist; return a line about their content, empty if there is none."""
    counts = [(name, len(audio.sound_files(place))) for name, place in noise_folders(ws)]
    if (place := evaluation_noise_folder(ws)) is not None:
        counts.append((f"{place.name} (to test with)", len(audio.sound_files(place))))
    found = [f"{count} sounds in {name}" for name, count in counts if count]
    return f"noise: {', '.join(found)}" if found else ""


def inventory(ws: Workspace, folders: Iterable[Path]) -> list[Any]:
    """Return name, size and time of each sound file in the folders."""
    return [file_state(path, ws.root) for folder in folders for path in audio.sound_files(folder)]


def _folder(ws: Workspace, section: str, key: str, name: str, usual: Iterable[str]) -> Path | None:
    place = ws.folder(name)
    if place is None or place.is_dir():
        return place
    if name in usual:
        return None
    what = f"{section}.{key} names {name!r}, and there is no such folder"
    line = asr_toml.line_of(ws.toml, section, key)
    raise WorkspaceError(what, path=ws.toml, line=line, fix="Make it, or take it out")
