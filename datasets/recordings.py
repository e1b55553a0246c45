"""The user's recordings: file, transcript and speaker of each.

Two layouts are read: a recordings.csv (file, transcript, speaker; other columns are ignored), and a folder for each
sentence or keyword (`turn on the light/`, or with underscores). File names may give the speaker as Google's Speech
Commands do: `<speaker>_nohash_<n>.wav`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from asr.core import tables
from asr.core.alphabet import Alphabet, normal_text
from asr.core.errors import RecordingsError, SentenceError
from asr.core.progress import say
from asr.core.tree import RealPaths
from datasets.account import LEFT_OUT, NO_SOUND, USED, Account
from datasets.file_names import FileNames
from datasets.folder_scan import Found, scan, table_in
from datasets.speakers import normal_speaker, spelled_alike, spellings
from datasets.transcripts import Sentences, check_layout

UNKNOWN_SPEAKER = "unknown"  # speaker of all recordings that name none
CSV_NAME = "recordings.csv"
COLUMNS = ("file", "transcript", "speaker")

CUSTOM = "custom_data"  # folder of further words for the keyword model, a folder each
NOISES = ("background_noise", "problem_noise", "test_noise", "noise", "music")  # folders of noise, never transcripts
BACKGROUND = "_background_noise_"  # the folder of noise of Speech Commands
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


def find(
    folder: Path, alphabet: Alphabet | None, besides: Path | None = None, account: Account | None = None,
    sentences: Sentences | None = None,
) -> list[Recording]:  # fmt: skip
    """Read a workspace's recordings: its recordings.csv, or else a folder for each sentence.

    Spellings of one speaker's name (`Anna`, `anna`) become one.

    Parameters
    ----------
    folder : folder of recordings, or a table.
    alphabet : of the transcripts; None: any character is allowed.
    besides : a folder to skip: our own products.
    account : where each file of the folder is entered; used files as such.
    sentences : tells a folder for each speaker from one for each sentence.

    Returns
    -------
    The recordings in the order of the file, or by path; empty if the folder is missing or holds no sound.

    Raises
    ------
    RecordingsError, SentenceError : as `read_csv` and `read_folders` do.
    """
    if folder.is_file():
        return _name_speakers(read_csv(folder, alphabet, account), account)
    if not folder.exists():
        return []
    if (table := table_of(folder)) is not None:
        found = read_csv(table, alphabet, account)
        if account is not None:
            _enter_the_rest(folder, table, found, besides, account)
    else:
        found = read_folders(folder, alphabet, besides, account, sentences)
    return _name_speakers(found, account)


def table_of(folder: Path) -> Path | None:
    """Return the table in a folder, whatever the case of its name; None if there is none."""
    if (folder / CSV_NAME).is_file() or not folder.is_dir():
        return folder / CSV_NAME if folder.is_dir() else None
    return table_in([path for path in folder.iterdir() if path.is_file()], CSV_NAME)


def read_csv(path: Path, alphabet: Alphabet | None, account: Account | None = None) -> list[Recording]:
    """Read a recordings.csv; its file names are absolute or relative to its folder.

    A column `synthetic` (true, yes or 1) marks synthetic voices. A byte order mark is ignored. All text is brought to
    Unicode's form NFC; a file is found in whichever form its name is.

    Parameters
    ----------
    alphabet : of the transcripts; None: any character is allowed.
    account : where the recordings are entered.

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
    names = FileNames(path.parent.resolve())
    for line, row in table:
        name, transcript = row["file"].strip(), normal_text(row["transcript"])
        if not name:
            faults.append((line, "the file name is empty", "Name the sound file"))
            continue
        sound = names.locate(row["file"])
        check_name(sound, path, line)
        if not transcript:
            faults.append((line, f"the transcript of {name!r} is empty", "Write the transcript"))
        elif not os.path.isfile(sound):  # Path.is_file() raises for too long a name
            faults.append((line, f"no such file {name!r}", names.hint(name)))
        elif str(sound) in seen:
            faults.append((line, f"{name!r} is also on line {seen[str(sound)]}", "Keep one of the two lines"))
        else:
            if alphabet is not None:
                alphabet.check(transcript, path=path, line=line)
            speaker = normal_speaker(row.get("speaker", "")) or speaker_of(sound)
            synthetic = row.get("synthetic", "").strip().lower() in ("true", "yes", "1")
            recordings.append(Recording(sound, transcript, speaker, synthetic, f"{path.name}:{line}"))
        seen.setdefault(str(sound), line)
    if faults:
        line, what, fix = faults[0]
        others = f" (and {len(faults) - 1} more such lines)" if len(faults) > 1 else ""
        raise RecordingsError(f"{what}{others}", path=path, line=line, fix=fix)
    if not recordings:
        raise RecordingsError("it has a header and no recordings", path=path, fix="Add a line for each recording")
    if account is not None:
        for one in recordings:
            account.add(one.path, USED, transcript=one.transcript, speaker=one.speaker)
    return recordings


def read_folders(
    folder: Path, alphabet: Alphabet | None, besides: Path | None = None, account: Account | None = None,
    sentences: Sentences | None = None,
) -> list[Recording]:  # fmt: skip
    """Read a folder that holds a folder for each sentence or keyword, named by the transcript.

    Skipped are `besides`, folders whose names start with "_" or ".", those of noise and CUSTOM.

    Raises
    ------
    RecordingsError : there are only sound files outside such folders, without transcripts; there is a table that is
        not read; the folders are named by speakers.
    SentenceError : a folder's name holds a character outside the alphabet.
    """
    if not folder.is_dir():
        raise RecordingsError("no such folder", path=folder, fix="Check recordings.folder in asr.toml")
    if account is None:
        account = Account(folder)
        quiet = False
    else:
        quiet = True
    scanned = scan(folder, besides)
    check_tables(folder, scanned)
    places, loose = sort_by_folder(folder, scanned, account)
    by_transcript = {place: normal_text(place.name.replace("_", " ")) for place in places}
    if sentences is not None:
        check_layout(folder, by_transcript, places, sentences)
    if not quiet:
        for place in sorted({folder / one.path.relative_to(folder).parts[0] for one in scanned if one.sound}):
            if place.name in NOISES:
                say(f"skipping {place}: a folder of this name holds noise, not recordings of {place.name!r}")
    recordings: list[Recording] = []
    known: dict[Path, Path] = {}
    paths = RealPaths()
    for place, sounds in places.items():
        transcript = by_transcript[place]
        try:
            if alphabet is not None:
                alphabet.check(transcript)
        except SentenceError as error:
            fix = error.fix
            if sentences is not None:
                near = sentences.nearest(re.sub(r"[\W\d]+", " ", transcript.lower()).strip())
                fix += f"; did you mean {near!r}?" if near else "; or did you mean a folder per speaker? Then write a "
                fix += "" if near else CSV_NAME
            raise SentenceError(f"the folder's name is the transcript, and {error.what}", path=place, fix=fix) from None
        for sound in sounds:
            check_name(sound)
            real = Path(paths.of(sound))
            if (other := known.setdefault(real, sound)) != sound:
                if other.relative_to(folder).parts[0] == place.name:
                    same = f"it is a link to {other.relative_to(folder)}, which is read already"
                    account.add(sound, LEFT_OUT, same, "Remove the link")
                    continue
                raise RecordingsError(
                    f"it is the same file as one in {other.relative_to(folder).parts[0]}/, so it has two transcripts",
                    path=sound,
                    fix="Remove one of them",
                )
            speaker = speaker_of(sound)
            account.add(sound, USED, transcript=transcript, speaker=speaker, known_as=real)
            recordings.append(Recording(real, transcript, speaker, False, str(sound.relative_to(folder))))
    if loose and not recordings:
        raise RecordingsError(
            f"no transcript for {loose[0].name} ({len(loose)} such files)", path=folder, fix=_fix_of_loose(scanned)
        )
    return recordings


def sort_by_folder(
    folder: Path, scanned: Sequence[Found], account: Account, custom: bool = False
) -> tuple[dict[Path, list[Path]], list[Path]]:
    """Sort the sounds of a folder by the folder in it that they are below, and enter all others in the account.

    Parameters
    ----------
    custom : folders of noise and CUSTOM are read elsewhere, and need no entry here.

    Returns
    -------
    places : sounds by folder, without folders of noise, hidden ones and CUSTOM.
    loose : sounds outside of folders.
    """
    places: dict[Path, list[Path]] = {}
    loose: list[Path] = []
    for one in scanned:
        parts = one.path.relative_to(folder).parts
        top = parts[0]
        if one.reason:
            account.add(one.path, LEFT_OUT if one.sound else NO_SOUND, one.reason, one.fix)
        elif len(parts) == 1:
            loose.append(one.path)
            account.add(
                one.path, LEFT_OUT, "it is in no folder that says what it is",
                f"Move it into a folder named by its sentence, or write a {CSV_NAME}",
            )  # fmt: skip
        elif is_noise(top):
            if not custom:
                fix = "" if custom else "Move it to background_noise/ beside asr.toml to train with it"
                account.add(one.path, LEFT_OUT, f"{top}/ holds noise, not recordings", fix)
        elif top == CUSTOM:
            if not custom:
                account.add(one.path, LEFT_OUT, f"{CUSTOM}/ holds words for asr keyword alone")
        elif top.startswith("_"):
            account.add(one.path, LEFT_OUT, f"{top}/ begins with _, so that it is skipped", "Rename the folder")
        else:
            places.setdefault(folder / top, []).append(one.path)
    return places, loose


def is_noise(name: str) -> bool:
    """Tell whether a folder of this name holds noise, never words."""
    return name in NOISES or name == BACKGROUND


def check_tables(folder: Path, scanned: Sequence[Found]) -> None:
    """Raise RecordingsError for a table that is meant to be read and is not, in a folder without recordings.csv."""
    for one in scanned:
        place = one.path.relative_to(folder)
        if one.path.name.lower() == CSV_NAME and "link" in one.reason:
            raise RecordingsError(one.reason, path=one.path, fix="Put the table there, or remove the link")
        if one.path.stem.lower() == Path(CSV_NAME).stem and (one.is_table or one.path.suffix.lower() == ".txt"):
            if len(place.parts) == 1:
                raise RecordingsError(
                    f"a table of this name is not read: only {CSV_NAME} is", path=one.path,
                    fix=f"Save it as {CSV_NAME}, with commas between {', '.join(COLUMNS)}",
                )  # fmt: skip
            if not place.parts[0].startswith((".", "_")) and place.parts[0] != CUSTOM:
                down = len(place.parts) - 1
                raise RecordingsError(
                    f"this table is {down} folder{'s' if down > 1 else ''} too deep to be read", path=one.path,
                    fix=f"Move it to {folder / CSV_NAME} with its paths changed, or name its folder in asr.toml",
                )  # fmt: skip


def _fix_of_loose(scanned: Sequence[Found]) -> str:
    tables_ = [one.path.name for one in scanned if one.is_table]
    if tables_:
        return f"{tables_[0]} is not read: rename it to {CSV_NAME}, with the columns {','.join(COLUMNS)}"
    return f"Write a {CSV_NAME} ({','.join(COLUMNS)}), or move them into a folder named by the sentence"


def _enter_the_rest(
    folder: Path, table: Path, recordings: Sequence[Recording], besides: Path | None, account: Account
) -> None:
    """Enter the files of a folder that its table does not name."""
    real = RealPaths()
    listed = {real.of(one.path) for one in recordings}
    for one in scan(folder, besides):
        top = one.path.relative_to(folder).parts[0]
        if one.path == table or real.of(one.path) in listed:
            continue
        if one.reason:
            account.add(one.path, LEFT_OUT if one.sound else NO_SOUND, one.reason, one.fix)
        elif is_noise(top) and top != one.path.name:
            fix = "Move it to background_noise/ beside asr.toml to train with it"
            account.add(one.path, LEFT_OUT, f"{top}/ holds noise, not recordings", fix)
        elif top == CUSTOM:
            account.add(one.path, LEFT_OUT, f"{CUSTOM}/ holds words for asr keyword alone")
        else:
            fix = "Add a line for it, or move it elsewhere"
            account.add(one.path, LEFT_OUT, f"{table.name} does not name it", fix)


def _name_speakers(recordings: list[Recording], account: Account | None) -> list[Recording]:
    """Return the recordings with one spelling of each speaker's name."""
    chosen = spellings(one.speaker for one in recordings)
    for note in spelled_alike(chosen):
        if account is not None:
            account.note(note)
        else:
            say(f"warning: {note}")
    return [
        one if chosen[one.speaker] == one.speaker else replace(one, speaker=chosen[one.speaker]) for one in recordings
    ]


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
    return normal_speaker(found.group("speaker")) or UNKNOWN_SPEAKER if found else UNKNOWN_SPEAKER
