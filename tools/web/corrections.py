"""Utterances become recordings for the next training: a WAV file, and a row or a folder that gives its transcript.

The sound is written beside its place and renamed, and only then the row is written, in the same way. A process that is
killed in between leaves a file that no table names.
"""

from __future__ import annotations

import csv
import io
import os
import re
import secrets
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz, process

from asr.core import audio, tables
from asr.core.alphabet import normal_text
from asr.core.errors import RecordingsError, SentenceError
from asr.core.files import exclusive
from asr.settings.workspace import Workspace
from datasets.recordings import COLUMNS, CSV_NAME, CUSTOM, NOISES, UNKNOWN_SPEAKER, read_csv, read_folders, table_of
from tools.commands.steps.imports import CORRECTIONS_LOCK
from tools.commands.steps.inputs import read_templates

FOLDER = "corrections"  # beside a recordings.csv
LISTED = 500  # sentences that the page offers
_NEAREST = 5000  # sentences among which the nearest is looked for
_SPEAKER = re.compile(r"\w[\w -]{0,39}")
_LONGEST_SENTENCE = 200  # characters of a folder's name
_PARTIAL = ".asr-"  # begins the name of a file that is being written; hidden files are no recordings

Int16 = npt.NDArray[np.int16]


class Corrections:
    """Files utterances in a workspace.

    Parameters
    ----------
    rate : of the samples, Hz.
    folder : beside a recordings.csv, for the sound.
    """

    def __init__(self, ws: Workspace, rate: int = audio.SAMPLE_RATE, folder: str = FOLDER) -> None:
        self._ws = ws
        self._rate = rate
        self._folder = folder
        self._templates = read_templates(ws)
        self._lock = threading.Lock()

    def sentences(self) -> list[str]:
        """Return sentences to choose from: all, or a sample of many."""
        return sorted(self._templates.expand(LISTED, 1)[:LISTED])

    def check_sentence(self, text: str) -> str:
        """Return a sentence of the grammar as it is written there; SentenceError if it is none."""
        spaced = normal_text(text)
        for sentence in (spaced, spaced.lower()):
            if sentence and self._templates.meaning(sentence) is not None:
                return sentence
        near = process.extractOne(
            spaced.lower(), self._templates.expand(_NEAREST, 1), scorer=fuzz.ratio, score_cutoff=40
        )
        hint = f"Did you say {near[0]!r}?" if near else "Choose one of the list, or file it as other speech"
        raise SentenceError(f"{spaced!r} is no sentence of {self._ws.sentences.name}", fix=hint)

    def file_command(self, samples: Int16, sentence: str, speaker: str, number: str = "") -> Path:
        """File an utterance under a sentence of the grammar, and return its path.

        Parameters
        ----------
        samples : int16 [n].
        speaker : a name; "": unknown.
        number : digits that name the file; one that is filed already is not filed again. "": a new one.

        Raises
        ------
        SentenceError : it is no sentence of the grammar.
        RecordingsError : the speaker's name, or the workspace's recordings are not usable.
        BusyError : another process files an utterance.
        """
        sentence, speaker = self.check_sentence(sentence), check_speaker(speaker)
        number = number or _new_number()
        with self._lock, exclusive(self._ws.build / CORRECTIONS_LOCK):
            folder = self._ws.recordings
            if folder.is_file():
                return self._file_row(folder, samples, sentence, speaker, number)
            table = table_of(folder) or folder / CSV_NAME
            if not table.exists() and folder.is_dir() and read_folders(folder, self._ws.alphabet, self._ws.build):
                return self._file_in_folder(folder, samples, sentence, speaker, number)
            return self._file_row(table, samples, sentence, speaker, number)

    def file_other(self, samples: Int16, transcript: str, speaker: str) -> Path:
        """File an utterance that is no command in other_speech/, and return its path.

        Parameters
        ----------
        samples : int16 [n].
        transcript : what was said; "": unknown.
        speaker : a name; "": unknown.

        Raises
        ------
        SentenceError : the transcript is a command, or has a character outside the alphabet.
        RecordingsError, BusyError : as `file_command`.
        """
        transcript, speaker = normal_text(transcript).lower(), check_speaker(speaker)
        self._ws.alphabet.check(transcript)
        if transcript and self._templates.meaning(transcript) is not None:
            raise SentenceError(f"{transcript!r} is a command", fix="File it as that sentence")
        with self._lock, exclusive(self._ws.build / CORRECTIONS_LOCK):
            if transcript:
                table = self._ws.other_speech / CSV_NAME
                return self._file_row(table, samples, transcript, speaker, _new_number())
            return self._write(self._ws.other_speech / self._folder / _name(speaker, _new_number()), samples)

    def _file_row(self, table: Path, samples: Int16, transcript: str, speaker: str, number: str) -> Path:
        table = table.resolve()
        header = self._header(table)
        path = table.parent / self._folder / _name("", number)
        file = f"{self._folder}/{path.name}"
        if path.exists() and table.exists() and file in table.read_text(encoding="utf-8-sig"):
            return path
        self._write(path, samples)
        row = {"file": file, "transcript": transcript, "speaker": speaker or UNKNOWN_SPEAKER}
        if "speaker" not in header:
            row.pop("speaker")
        before = table.read_bytes() if table.exists() else _line(header)
        if before and not before.endswith(b"\n"):
            before += b"\n"
        _replace(table, before + _line([row.get(column, "") for column in header]))
        return path

    def _header(self, table: Path) -> Sequence[str]:
        """Return the columns of a table; RecordingsError if training could not read it."""
        if not table.exists():
            return COLUMNS
        rows = tables.read(table, RecordingsError, columns=("file", "transcript"), known=COLUMNS, accept_bom=True)
        if not rows:  # a header alone
            return next(csv.reader([table.read_text(encoding="utf-8-sig").strip()]))
        read_csv(table, self._ws.alphabet)
        return list(rows[0][1])

    def _file_in_folder(self, root: Path, samples: Int16, sentence: str, speaker: str, number: str) -> Path:
        if sentence[0] in "._" or "/" in sentence or sentence in (CUSTOM, *NOISES) or len(sentence) > _LONGEST_SENTENCE:
            raise RecordingsError(
                "no folder can be named by this sentence", path=root, fix=f"Keep the recordings in a {CSV_NAME}"
            )
        names = sorted(place.name for place in root.iterdir() if place.is_dir())
        same = [name for name in names if " ".join(name.replace("_", " ").split()) == sentence]
        underscores = any("_" in name.strip("_") for name in names) and not any(" " in name for name in names)
        folder = same[0] if same else sentence.replace(" ", "_") if underscores else sentence
        return self._write(root / folder / _name(speaker, number), samples)

    def _write(self, path: Path, samples: Int16) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, audio.wav_bytes(samples, self._rate))
        return path


def check_speaker(name: str) -> str:
    """Return a speaker's name without needless spaces, "" for none; RecordingsError if it is none."""
    name = normal_text(name)
    if name and not _SPEAKER.fullmatch(name):
        raise RecordingsError(
            f"{name[:60]!r} is no name of a speaker", fix="Use letters, digits, spaces and hyphens, 40 at most"
        )
    return name


def _new_number() -> str:
    """Return the number of a file that is not taken."""
    return f"{time.time_ns() // 1_000_000}{secrets.randbelow(10_000):04}"


def _name(speaker: str, number: str) -> str:
    """Return a file name; it names the speaker as Speech Commands does."""
    return f"{speaker or UNKNOWN_SPEAKER}_nohash_{number}.wav"


def _line(fields: Sequence[str]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerow(fields)
    return text.getvalue().encode()


def _replace(path: Path, data: bytes) -> None:
    """Write a file beside its place, rename it, and wait until the disk has it: then it may be called filed.

    RecordingsError if it cannot be written.
    """
    try:
        for left in path.parent.glob(f"{_PARTIAL}*"):
            left.unlink()  # of a process that was killed; this one has the lock
        beside = path.with_name(f"{_PARTIAL}{path.name}")
        try:
            with beside.open("xb") as file:
                if path.exists():
                    os.fchmod(file.fileno(), path.stat().st_mode & 0o777)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise RecordingsError(
            f"it cannot be written: {error.strerror}", path=path, fix="Check the folder, and the disk's free space"
        ) from None
