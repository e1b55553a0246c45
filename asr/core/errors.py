"""Errors that a user can cause and mend.

Every message names the place (file and line where there is one), what was found and what to do.
The command line prints it as one line and exits with code 2; a traceback is a bug.
"""

from __future__ import annotations

from pathlib import Path


class UserError(Exception):
    """Something outside the program has to change before it can go on.

    Parameters
    ----------
    what : what was found, and what was expected.
    path : the file or folder it was found in.
    line : 1-based line in that file.
    fix : what to do about it, as a command to the reader.
    """

    def __init__(
        self, what: str, *, path: Path | str | None = None, line: int | None = None, fix: str = ""
    ) -> None:
        super().__init__(what)
        self.what = what
        self.path = Path(path) if path is not None else None
        self.line = line
        self.fix = fix

    def __str__(self) -> str:
        place = ""
        if self.path is not None:
            place = f"{self.path}:{self.line}: " if self.line is not None else f"{self.path}: "
        what = self.what.rstrip(".")
        return f"{place}{what}. {self.fix}" if self.fix else f"{place}{what}"

    def __reduce__(self) -> tuple[object, ...]:
        # Worker processes hand their errors back by pickling; the default would lose the keywords.
        return (_rebuild, (type(self), self.what, self.path, self.line, self.fix))


def _rebuild(kind: type[UserError], what: str, path: Path | None, line: int | None, fix: str) -> UserError:
    return kind(what, path=path, line=line, fix=fix)


class WorkspaceError(UserError):
    """asr.toml or the folder around it."""


class AudioError(UserError):
    """A sound file that cannot be read or used."""


class RecordingsError(UserError):
    """recordings.csv or the recordings folder."""


class ManifestError(UserError):
    """A DeepSpeech manifest."""


class SentenceError(UserError):
    """sentences.txt, or a transcript that the alphabet cannot spell."""


class ScorerError(UserError):
    """The language model or the .scorer package."""


class ModelError(UserError):
    """A graph, checkpoint or .pbmm file."""


class BusyError(UserError):
    """Another process works in the same workspace."""


class SetupError(UserError):
    """A third-party part is not installed."""
