"""The user's recordings: which file says what, and who speaks.

Two forms are read: a recordings.csv (file, transcript, speaker; other columns are left alone), and a folder
per sentence or keyword (`turn on the light/`, or with underscores), with `<speaker>_nohash_<n>.wav` names
understood, as in Google's Speech Commands.
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

UNKNOWN_SPEAKER = "unknown"  # the one speaker that all recordings without a name belong to
CSV_NAME = "recordings.csv"
COLUMNS = ("file", "transcript", "speaker")

CUSTOM = "custom_data"  # folder of more words for the keyword model, a folder each
NOISES = ("background_noise", "problem_noise", "test_noise", "noise", "music")  # folders of noise, which nobody says
# Google's names: hash-of-the-speaker_nohash_number.
NOHASH = re.compile(r"(?P<speaker>.+)_nohash_\d+$")


@dataclass(frozen=True)
class Recording:
    """One sound file and what is said in it.

    Parameters
    ----------
    path : absolute path of the sound file, of any format.
    transcript : what is said, in the alphabet's characters.
    speaker : who says it; UNKNOWN_SPEAKER where nobody wrote it down.
    synthetic : True for a voice that no person has.
    source : where this was read, such as "recordings.csv:12", for messages.
    """

    path: Path
    transcript: str
    speaker: str
    synthetic: bool = False
    source: str = ""


def find(folder: Path, alphabet: Alphabet, besides: Path | None = None) -> list[Recording]:
    """Read a workspace's recordings folder: its recordings.csv, or else a folder per sentence.

    A table may also be named itself, and lie anywhere.

    Parameters
    ----------
    besides : a folder that holds no recordings, wherever it lies: what we make ourselves.

    Returns
    -------
    The recordings in the order of the file, or by path; none where the folder is missing or holds no sound.

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
    """Read a recordings.csv; its files are named relative to its folder, or absolutely.

    A column `synthetic` (true, yes or 1) marks voices that no person has. A byte order mark, as spreadsheets
    write it, is read over.

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
            faults.append((line, "the file's name is empty", "Name the sound file"))
            continue
        sound = Path(os.path.normpath(path.parent.resolve() / name))
        check_name(sound, path, line)
        if not transcript:
            faults.append((line, f"the transcript of {name!r} is empty", "Write what is said"))
        elif not _is_file(sound):
            faults.append((line, f"no such file {name!r}", f"Files are named relative to {path.parent}"))
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
    """Read a folder that holds a folder per sentence or keyword, named by what is said in its sound files.

    Folders named with a leading "_" or ".", `besides`, those of noise and that of more keywords are passed over.

    Raises
    ------
    RecordingsError : sound files lie beside the folders, so that nobody knows what is said in them.
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
            say(f"{place} holds noise: a folder called so is not taken for somebody saying {place.name!r}")
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
                    f"it is the same file as one in {other.name}/, and only one of the two is said in it",
                    path=sound,
                    fix="Take one of them away",
                )
            source = str(sound.relative_to(folder))
            recordings.append(Recording(sound.resolve(), transcript, speaker_of(sound), False, source))
    if loose and not recordings:
        raise RecordingsError(
            f"nobody wrote down what is said in {loose[0].name} ({len(loose)} such files)",
            path=folder,
            fix=f"Write a {CSV_NAME} ({','.join(COLUMNS)}), or move them into a folder named by the sentence",
        )
    return recordings


def remarks(recordings: Sequence[Recording]) -> list[str]:
    """Return what a reader of any later figure should know about these recordings, a sentence each."""
    nameless = sum(recording.speaker == UNKNOWN_SPEAKER for recording in recordings)
    if not nameless:
        return []
    if nameless == len(recordings):
        # The split itself then tells that it cannot keep speakers apart.
        return []
    return [
        f"{nameless} of {len(recordings)} recordings name no speaker and count as one speaker, "
        f"{UNKNOWN_SPEAKER!r}: whoever made them may also be in another split."
    ]


def check_name(sound: Path, table: Path | None = None, line: int | None = None) -> None:
    """Check that a file's name can be written into a table; RecordingsError where its bytes are no text."""
    try:
        str(sound).encode("utf-8")
    except UnicodeEncodeError:
        shown = str(sound).encode("utf-8", "backslashreplace").decode()
        what = f"the name of the file {shown} is not UTF-8" if table is None else f"{shown} is not UTF-8"
        raise RecordingsError(what, path=table, line=line, fix="Rename the file") from None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name longer than any file's
        return False


def speaker_of(path: Path) -> str:
    """Return who speaks by a file's name; UNKNOWN_SPEAKER where it does not tell."""
    found = NOHASH.fullmatch(path.stem)
    return found.group("speaker") if found else UNKNOWN_SPEAKER
