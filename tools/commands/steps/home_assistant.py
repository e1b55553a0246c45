"""Home Assistant's names into a workspace: a list of each kind, and sentences that use them."""

from __future__ import annotations

from pathlib import Path

from asr.core.errors import ServiceError, WorkspaceError
from asr.core.files import write_text
from asr.core.progress import say
from asr.settings.values import Settings
from asr.settings.workspace import Workspace
from lm.household import FOLDER, MARK, make_lists
from tools.commands.steps.home_assistant_client import read_household
from tools.commands.steps.new_workspace import EXAMPLE, make_workspace

_MOST_BYTES = 64 << 10  # of a token's file


def read_token(given: str, file: Path | None) -> str:
    """Return the access token; WorkspaceError where there is none."""
    if file is not None:
        try:
            with file.open("rb") as opened:
                given = opened.read(_MOST_BYTES).decode("ascii").strip()
        except OSError as error:
            raise WorkspaceError(f"it cannot be read: {error.strerror}", path=file) from None
        except UnicodeDecodeError:
            raise WorkspaceError("this is no token", path=file, fix="Write the token alone into it") from None
    if not given or not given.isprintable() or " " in given:
        raise WorkspaceError("there is no access token", fix="Name a file with --token-file, or set HASS_TOKEN")
    return given


def import_household(folder: Path, url: str, token: str) -> str:
    """Write the names that Home Assistant exposes into a workspace, a new one if need be; tell what was written.

    Lists are replaced; a file that is the user's stays as it is.

    Raises
    ------
    ServiceError : Home Assistant cannot be read, or exposes nothing that can be said.
    WorkspaceError : a file of the user's stands where a list belongs. Nothing is written then.
    """
    is_new = not (folder / "asr.toml").exists()
    ws = Workspace(folder, Settings()) if is_new else Workspace.open(folder)
    found = read_household(url, token)
    lists = make_lists(found.entities, found.areas, ws.alphabet, ws.settings.alphabet.language)
    for name in lists.left_out:
        say(f"left out: {name}")
    if not lists.sentences:
        raise ServiceError(
            f"{url} exposes nothing whose name can be said ({found.hidden} more are not exposed)",
            fix="Expose entities in Home Assistant: Settings, Voice assistants, Expose",
        )
    files = dict(lists.files)
    own = folder / "sentences.txt"
    takes_ours = not own.exists() or _text(own) in (EXAMPLE, lists.sentences)
    if not takes_ours:
        files[f"{FOLDER}/sentences.txt"] = f"{MARK}\n{lists.sentences}"
    for name in files:
        path = folder / name
        if path.exists() and not _text(path).startswith(MARK):
            raise WorkspaceError("this file is not of this command", path=path, fix="Rename it, and import again")
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_text(folder / name, content)
    if takes_ours:
        write_text(own, lists.sentences)
    if is_new:
        say(make_workspace(folder))
    counts = ", ".join(f"{count} {slot}" for slot, count in lists.counts.items())
    after = f"next: asr train {folder}" if takes_ours else f"sentences.txt is yours; copy from {FOLDER}/sentences.txt"
    return f"{folder / FOLDER}: {counts}; {found.hidden} not exposed, {len(lists.left_out)} left out\n{after}"


def _text(path: Path) -> str:
    """Return a file's text; "" where it is something else."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
