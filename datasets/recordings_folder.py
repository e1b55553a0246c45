"""The folder of recordings as a whole: named and not there, or full of sounds that are no recordings."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from asr.core.errors import RecordingsError, WorkspaceError
from asr.settings import asr_toml
from asr.settings.sections import Recordings
from asr.settings.workspace import Workspace
from datasets.account import LEFT_OUT, NO_SOUND, Account
from datasets.recordings import COLUMNS, CSV_NAME


def check_folder(workspace: Workspace) -> None:
    """Raise WorkspaceError where asr.toml names a folder of recordings that is not there."""
    folder = workspace.recordings
    if os.path.lexists(folder) and folder.exists():
        return
    named = workspace.settings.recordings.folder
    beside = sorted(path.name for path in folder.parent.iterdir()) if folder.parent.is_dir() else []
    near = difflib.get_close_matches(folder.name.lower(), [name.lower() for name in beside], n=1, cutoff=0.75)
    alike = [name for name in beside if near and name.lower() == near[0]]
    if named == Recordings().folder and not alike and not os.path.lexists(folder):
        return  # a workspace without recordings
    what = "leads to nothing" if os.path.lexists(folder) else "is not there"
    raise WorkspaceError(
        f"recordings.folder names {named!r}, which {what}",
        path=workspace.toml,
        line=asr_toml.line_of(workspace.toml, "recordings", "folder"),
        fix=f"Did you mean {alike[0]!r}?" if alike else "Name the folder of your recordings, or make it",
    )


def check_left_out(folder: Path, account: Account) -> None:
    """Raise RecordingsError where there are sounds and none of them is a recording, other than noise."""
    left_out = [entry for entry in account.entries if entry.outcome == LEFT_OUT and " noise, not " not in entry.reason]
    if left_out:
        first = left_out[0]
        raise RecordingsError(
            f"all of {len(left_out)} sound files are left out; {first.file}: {first.reason}", path=folder, fix=first.fix
        )
    others = [entry for entry in account.entries if entry.outcome == NO_SOUND]
    if archives := [entry for entry in others if "archive" in entry.reason]:
        raise RecordingsError(
            f"there are no recordings, and {archives[0].file} is an archive", path=folder, fix="Unpack it there"
        )
    if unread := [entry for entry in others if "table that is not read" in entry.reason]:
        raise RecordingsError(
            f"there are no recordings, and {unread[0].file} is not read", path=folder,
            fix=f"Save it as {CSV_NAME}, with the columns {','.join(COLUMNS)}",
        )  # fmt: skip
