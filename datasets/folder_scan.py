"""Every file below a recordings folder: sound, whatever its suffix, or why it is none."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from asr.core import file_kind, tree
from asr.core.audio import SUFFIXES

_SYSTEM = (".ds_store", "thumbs.db", "desktop.ini", ".gitkeep", ".gitignore", ".gitattributes", ".directory", "icon\r")
_RAW = (".raw", ".pcm", ".s16", ".sw", ".ul", ".al", ".vox", ".gsm", ".g711", ".g722", ".g726", ".adpcm")
_PARTIAL = (".part", ".partial", ".crdownload", ".download", ".icloud", ".tmp", ".filepart")
_TABLES = (".csv", ".tsv", ".tab", ".xlsx", ".xls", ".ods", ".numbers", ".json", ".jsonl")
_ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".tgz", ".gz", ".bz2", ".xz")


@dataclass(frozen=True)
class Found:
    """A file below a recordings folder."""

    path: Path  # as it was reached, links not resolved
    sound: bool  # it is one, or is named like one
    reason: str = ""  # why it is not read; "" for a sound that can be
    fix: str = ""
    is_table: bool = False


def scan(folder: Path, besides: Path | None = None) -> list[Found]:
    """Return all files in a folder and below it, by path.

    A file without the suffix of a sound file is one if its content begins like one. Of a hidden folder the sounds are
    returned, each with a reason.

    Parameters
    ----------
    besides : a folder that is not entered.
    """
    items = tree.walk(folder, () if besides is None else (besides, besides.resolve()))
    found = (_look(folder, item) for item in items)
    return sorted((one for one in found if one is not None), key=lambda one: one.path)


def _look(folder: Path, item: tree.Item) -> Found | None:
    path, name, suffix = item.path, item.path.name, item.path.suffix.lower()
    named = suffix in SUFFIXES
    if item.is_folder:
        fix = "Remove the link" if "link" in item.fault else "Give yourself the right to read it"
        return Found(path, False, item.fault, fix)
    if item.fault:
        return Found(path, named, item.fault, "Remove it" if named else "")
    hidden = next((part for part in path.parent.relative_to(folder).parts if part.startswith(".")), "")
    if name.lower() in _SYSTEM:
        return Found(path, False, "it is a file of the operating system or of Git")
    if hidden:
        fix = "Move it out of there, or rename the folder"
        return Found(path, True, f"it is in {hidden}/, a hidden folder", fix) if named else None
    if name.startswith("."):
        if suffix in _PARTIAL or name.startswith(".asr-"):
            return Found(path, True, "it is a file that is not completely there", "Wait for it, or fetch it again")
        if name.startswith("._"):
            return Found(path, False, "it is a companion file of macOS, without the sound")
        if named:
            return Found(path, True, "its name begins with a dot, which hides it", "Rename it")
        return Found(path, False, "it is hidden")
    if named:
        return Found(path, True)
    if suffix in _RAW:
        fix = "Convert it: sox -r 16000 -e signed -b 16 -c 1 a.raw a.wav"
        return Found(path, True, "it holds samples alone, so that its rate and format are unknown", fix)
    if suffix in _PARTIAL:
        return Found(path, True, "it is a file that is not completely there", "Wait for it, or fetch it again")
    if suffix in _TABLES:
        return Found(path, False, "it is a table that is not read: only recordings.csv is", "", is_table=True)
    if suffix in _ARCHIVES:
        return Found(path, False, "it is an archive, whose sounds are not read", "Unpack it")
    data = file_kind.beginning(path)
    if file_kind.is_sound(data):
        return Found(path, True)
    what = file_kind.describe(data)
    return Found(path, False, f"it is {what}" if what else "it is not sound")


def table_in(found: Collection[Path], name: str) -> Path | None:
    """Return the table of that name among the files of a folder, in any case; the exact name comes first."""
    alike = sorted((path for path in found if path.name.lower() == name), key=lambda path: path.name != name)
    return alike[0] if alike else None
