"""An account of a recordings folder: what became of every file, why, and what to do about it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path

from asr.core import tables

USED, SET_ASIDE, LEFT_OUT, NO_SOUND = "used", "set aside", "left out", "no sound"
OUTCOMES = (USED, SET_ASIDE, LEFT_OUT)  # of sound files; they add up to what was found
FILE_NAME = "account.csv"

_SHOWN_FILES = 3  # of each group
_SHOWN_GROUPS = 20
_ORDER = (SET_ASIDE, LEFT_OUT, USED, NO_SOUND)  # of the groups


@dataclass(frozen=True)
class Entry:
    """One file, a row of account.csv.

    Attributes
    ----------
    file : relative to the folder of the recordings where it is below.
    outcome : USED (it gave a clip), SET_ASIDE (it was read and gave none), LEFT_OUT (it is a sound that is not taken
        for a recording), or NO_SOUND.
    reason : why; of a used one, what is wrong with it, or "".
    fix : what to do, in the imperative; "" where nothing is to be done.
    """

    file: str
    outcome: str
    reason: str = ""
    fix: str = ""
    transcript: str = ""
    speaker: str = ""


class Account:
    """What became of the files of a recordings folder; every file has one entry.

    Parameters
    ----------
    folder : of the recordings, or their table.
    shown : how the folder is called in messages.
    """

    def __init__(self, folder: Path, shown: str = "") -> None:
        self.folder = folder.parent if folder.is_file() else folder
        self.shown = shown or str(folder)
        self.notes: list[str] = []  # on more than one file, a sentence each
        self._entries: dict[str, Entry] = {}
        # A Path takes long to compare, and there may be 100,000 files.
        self._folders = [f"{str(place).rstrip('/')}/" for place in (self.folder, os.path.realpath(self.folder))]

    def add(
        self, path: Path, outcome: str, reason: str = "", fix: str = "", transcript: str = "", speaker: str = "",
        known_as: Path | None = None,
    ) -> None:  # fmt: skip
        """Enter a file, in place of an earlier entry of it.

        Parameters
        ----------
        known_as : by which `change` finds it, where that is not `path`.
        """
        entry = Entry(self._name(path), outcome, reason, fix, transcript, speaker)
        self._entries[str(known_as or path)] = entry

    def change(self, path: Path | str, outcome: str, reason: str = "", fix: str = "") -> None:
        """Change what became of a file; reasons of a file that stays in use are all kept."""
        key = str(path)
        entry = self._entries.get(key) or Entry(self._name(Path(path)), outcome)
        if outcome == USED and entry.outcome == USED and entry.reason and reason and reason != entry.reason:
            reason, fix = f"{entry.reason}; {reason}", " and ".join(one for one in (entry.fix, fix) if one)
        elif outcome == USED and not reason:
            reason, fix = entry.reason, entry.fix
        self._entries[key] = replace(entry, outcome=outcome, reason=reason, fix=fix)

    def change_if_known(self, path: Path | str, outcome: str, reason: str, fix: str = "") -> None:
        """Change what became of a file if it has an entry: those of a corpus elsewhere have none."""
        if str(path) in self._entries:
            self.change(path, outcome, reason, fix)

    def note(self, text: str) -> None:
        """Add a sentence about the recordings as a whole."""
        if text not in self.notes:
            self.notes.append(text)

    @property
    def entries(self) -> list[Entry]:
        """All entries, by file."""
        return sorted(self._entries.values(), key=lambda entry: entry.file)

    def count(self, outcome: str) -> int:
        """Return the number of files with an outcome."""
        return sum(entry.outcome == outcome for entry in self._entries.values())

    @property
    def found(self) -> int:
        """Number of sound files: used, set aside and left out."""
        return sum(map(self.count, OUTCOMES))

    def write(self, path: Path) -> None:
        """Write account.csv, a row for each file."""
        rows = ([_plain(text) for text in astuple(entry)] for entry in self.entries)
        tables.write(path, [field.name for field in fields(Entry)], rows)

    def lines(self, table: Path | str = "") -> list[str]:
        """Return the account in words: a line of totals, and one for each group of files with the same reason.

        Parameters
        ----------
        table : where account.csv lies, for the first line.
        """
        totals = ", ".join(f"{outcome} {self.count(outcome)}" for outcome in OUTCOMES)
        see = f"; every file is in {table}" if table and self._entries else ""
        found = self.found
        lines = [f"found {found} sound file{'s' if found != 1 else ''} in {self.shown}: {totals}{see}"]
        groups = self._groups()
        for (outcome, _), members in groups[:_SHOWN_GROUPS]:
            first = members[0]
            fix = f". {first.fix}" if first.fix else ""
            names = ", ".join(_plain(member.file) for member in members[:_SHOWN_FILES])
            more = f" and {len(members) - _SHOWN_FILES} more" if len(members) > _SHOWN_FILES else ""
            kind = "used, but" if outcome == USED else outcome
            lines.append(f"  {kind} {len(members)}: {_plain(first.reason)}: {names}{more}{fix}")
        if len(groups) > _SHOWN_GROUPS:
            lines.append(f"  {len(groups) - _SHOWN_GROUPS} more reasons are in {table or FILE_NAME}")
        return [*lines, *(f"  note: {_plain(note)}" for note in self.notes)]

    def _groups(self) -> list[tuple[tuple[str, str], list[Entry]]]:
        groups: dict[tuple[str, str], list[Entry]] = {}
        for entry in self.entries:
            if entry.reason:
                # Figures differ from file to file.
                groups.setdefault((entry.outcome, re.sub(r"\d+([.,]\d+)?", "#", entry.reason)), []).append(entry)
        return sorted(groups.items(), key=lambda group: (_ORDER.index(group[0][0]), -len(group[1]), group[0][1]))

    def _name(self, path: Path) -> str:
        name = str(path)
        return next((name[len(folder) :] for folder in self._folders if name.startswith(folder)), name)


def describe(accounts: Iterable[Account], table: Path | str = "") -> str:
    """Return accounts in words; see `Account.lines`."""
    return "\n".join(line for account in accounts for line in account.lines(table))


def _plain(text: str) -> str:
    """Return text in one line, with what cannot be written as UTF-8 or seen as escapes."""
    text = text.encode("utf-8", "backslashreplace").decode()
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
