"""Errors that a user can cause and fix.

Every message names file and line where there are any, what was found, and what to do. The command line prints it as
one line and exits with code 2; a traceback is a bug.
"""

from __future__ import annotations

from pathlib import Path


class UserError(Exception):
    """Base of all errors that are not bugs.

    Parameters
    ----------
    what : what was found, and what was expected.
    path : file or folder where it was found.
    line : 1-based line in that file.
    column : 1-based character of that line.
    fix : what to do, in the imperative.
    """

    def __init__(
        self,
        what: str,
        *,
        path: Path | str | None = None,
        line: int | None = None,
        column: int | None = None,
        fix: str = "",
    ) -> None:
        super().__init__(what)
        self.what = what
        self.path = Path(path) if path is not None else None
        self.line = line
        self.column = column
        self.fix = fix

    def __str__(self) -> str:
        place = ""
        if self.path is not None:
            where = [str(self.path), *(str(number) for number in (self.line, self.column) if number is not None)]
            place = ":".join(where) + ": "
        what = self.what.rstrip(".")
        return f"{place}{what}. {self.fix}" if self.fix else f"{place}{what}"

    def __reduce__(self) -> tuple[object, ...]:
        # Worker processes pickle their errors; the default would lose the keyword arguments.
        return (_rebuild, (type(self), self.what, self.path, self.line, self.column, self.fix))


def _rebuild(
    kind: type[UserError], what: str, path: Path | None, line: int | None, column: int | None, fix: str
) -> UserError:
    return kind(what, path=path, line=line, column=column, fix=fix)


class WorkspaceError(UserError):
    """A fault in asr.toml or its folder."""


class AudioError(UserError):
    """A sound file that cannot be read or used."""


class RecordingsError(UserError):
    """A fault in recordings.csv or the recordings folder."""


class ManifestError(UserError):
    """A fault in a DeepSpeech manifest."""


class SentenceError(UserError):
    """A fault in sentences.txt, or a transcript with characters outside the alphabet."""


class ScorerError(UserError):
    """A fault in the language model or the .scorer package."""


class ModelError(UserError):
    """A fault in a graph, checkpoint or .pbmm file."""


class BusyError(UserError):
    """Another process uses the workspace."""


class SetupError(UserError):
    """A third-party part is not installed."""


class ServiceError(UserError):
    """Another program on the network, such as Home Assistant, that cannot be reached or refuses."""
