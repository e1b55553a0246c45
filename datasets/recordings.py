"""The user's recordings: file, transcript and speaker of each.

Two layouts are read: a recordings.csv (file, transcript, speaker; other columns are ignored), and a folder for each
sentence or keyword (`turn on the light/`, or with underscores). File names may give the speaker as Google's Speech
Commands do: `<speaker>_nohash_<n>.wav`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from asr.core import tables
from asr.core.alphabet import Alphabet
from asr.core.audio import is_sound, sound_files
from asr.core.errors import RecordingsError, SentenceError
from asr.core.progress import say

UNKNOWN_SPEAKER = "unknown"  # speaker of all recordings that name none
CSV_NAME = "recordings.csv"
COLUMNS = ("file", "transcript", "speaker")

CUSTOM = "custom_data"  # folder of further words for the keyword model, a folder each
NOISES = ("background_noise", "problem_noise", "test_noise", "noise", "music")  # folders of noise, never transcripts
# Google's names: hash-of-the-speaker_nohash_number.
NOHASH = re.compile(r"(?P<speaker>.+)_nohash_\d+$")


@dataclass(frozen=True)
class Recording:
    """One sound file and its transcript."""

    path: Path  # absolute path of the sound file, of any format
    transcript: str  # in the alphabet's characters
    speaker: str  # UNKNOWN_SPEAKER where none is named
    synthetic: bool = False
    source: str = ""  # where this was read, such as "recordings.csv:12", for messages


def find(folder: Path, alphabet: Alphabet, besides: Path | None = None) -> list[Recording]:
    """Read a workspace's recordings: its recordings.csv, or else a folder for each sentence.

    Parameters
    ----------
    folder : folder of recordings, or a table.
    besides : a folder to skip: our own products.

    Returns
    -------
    The recordings in the order of the file, or by path; empty if the folder is missing or holds no sound.

    Raises
    ------
    RecordingsError, SentenceError : as `read_csv` and `read_folders` do.
    """
    if folder.is_file():
        return read_csv(folder, alphabet)
    table = folder / CSV_NAME
    if table.exists():
        return read_csv(table, alphabet)
    if not folder.exists():
        return []
    return read_folders(folder, alphabet, besides)


def read_csv(path: Path, alphabet: Alphabet) -> list[Recording]:
    """Read a recordings.csv; its file names are absolute or relative to its folder.

    A column `synthetic` (true, yes or 1) marks synthetic voices. A byte order mark is ignored.

    Raises
    ------
    RecordingsError : missing, empty, not UTF-8, not separated by commas, a column missing, a sound file
        missing or named twice, an empty transcript; with the line.
    SentenceError : a transcript holds a character outside the alphabet; with the line.
    """
    table = tables.read(path, RecordingsError, columns=("file", "transcript"), known=COLUMNS, accept_bom=True)
    recordings: list[Recording] = []
    faults: list[tuple[int, str, str]] = []
    seen: dict[str, int] = {}
    for line, row in table:
        name, transcript = row["file"].strip(), " ".join(row["transcript"].split())
        if not name:
            faults.append((line, "the file name is empty", "Name the sound file"))
            continue
        sound = Path(os.path.normpath(path.parent.resolve() / name))
        check_name(sound, path, line)
        if not transcript:
            faults.append((line, f"the transcript of {name!r} is empty", "Write the transcript"))
        elif not os.path.isfile(sound):  # Path.is_file() raises for too long a name
            faults.append((line, f"no such file {name!r}", f"File names are relative to {path.parent}"))
        elif str(sound) in seen:
            faults.append((line, f"{name!r} is also on line {seen[str(sound)]}", "Keep one of the two lines"))
        else:
            alphabet.check(transcript, path=path, line=line)
            speaker = " ".join(row.get("speaker", "").split()) or speaker_of(sound)
            synthetic = row.get("synthetic", "").strip().lower() in ("true", "yes", "1")
            recordings.append(Recording(sound, transcript, speaker, synthetic, f"{path.name}:{line}"))
        seen.setdefault(str(sound), line)
    if faults:
        line, what, fix = faults[0]
        others = f" (and {len(faults) - 1} more such lines)" if len(faults) > 1 else ""
        raise RecordingsError(f"{what}{others}", path=path, line=line, fix=fix)
    if not recordings:
        raise RecordingsError("it has a header and no recordings", path=path, fix="Add a line for each recording")
    return recordings


def read_folders(folder: Path, alphabet: Alphabet, besides: Path | None = None) -> list[Recording]:
    """Read a folder that holds a folder for each sentence or keyword, named by the transcript.

    Skipped are `besides`, folders whose names start with "_" or ".", those of noise and CUSTOM.

    Raises
    ------
    RecordingsError : there are only sound files outside such folders, without transcripts.
    SentenceError : a folder's name holds a character outside the alphabet.
    """
    if not folder.is_dir():
        raise RecordingsError("no such folder", path=folder, fix="Check recordings.folder in asr.toml")
    loose = sorted(item for item in folder.iterdir() if is_sound(item) and item.is_file())
    recordings: list[Recording] = []
    known: dict[Path, Path] = {}
    for place in sorted(item for item in folder.iterdir() if item.is_dir()):
        if place.name.startswith((".", "_")) or place.name == CUSTOM or place == besides:
            continue
        sounds = sound_files(place)
        if not sounds:
            continue
        if place.name in NOISES:
            say(f"skipping {place}: a folder of this name holds noise, not recordings of {place.name!r}")
            continue
        transcript = " ".join(place.name.replace("_", " ").split())
        try:
            alphabet.check(transcript)
        except SentenceError as error:
            raise SentenceError(
                f"the folder's name is the transcript, and {error.what}", path=place, fix=error.fix
            ) from None
        for sound in sounds:
            check_name(sound)
            if (other := known.setdefault(sound.resolve(), place)) != place:
                raise RecordingsError(
                    f"it is the same file as one in {other.name}/, so it has two transcripts",
                    path=sound,
                    fix="Remove one of them",
                )
            source = str(sound.relative_to(folder))
            recordings.append(Recording(sound.resolve(), transcript, speaker_of(sound), False, source))
    if loose and not recordings:
        raise RecordingsError(
            f"no transcript for {loose[0].name} ({len(loose)} such files)",
            path=folder,
            fix=f"Write a {CSV_NAME} ({','.join(COLUMNS)}), or move them into a folder named by the sentence",
        )
    return recordings


def remarks(recordings: Sequence[Recording]) -> list[str]:
    """Return caveats about these recordings for every report, a sentence each."""
    nameless = sum(recording.speaker == UNKNOWN_SPEAKER for recording in recordings)
    # Where all are nameless, the split has a remark of its own.
    if nameless in (0, len(recordings)):
        return []
    return [
        f"{nameless} of {len(recordings)} recordings name no speaker and count as one speaker, {UNKNOWN_SPEAKER!r}: "
        "the same people may be in another split."
    ]


def check_name(sound: Path, table: Path | None = None, line: int | None = None) -> None:
    """Raise RecordingsError if a file name is not UTF-8, and so cannot be written into a table."""
    try:
        str(sound).encode("utf-8")
    except UnicodeEncodeError:
        shown = str(sound).encode("utf-8", "backslashreplace").decode()
        what = f"the name of the file {shown} is not UTF-8" if table is None else f"{shown} is not UTF-8"
        raise RecordingsError(what, path=table, line=line, fix="Rename the file") from None


def speaker_of(path: Path) -> str:
    """Return the speaker that a file name gives, or UNKNOWN_SPEAKER."""
    found = NOHASH.fullmatch(path.stem)
    return found.group("speaker") if found else UNKNOWN_SPEAKER
