"""Draws a terminal session as an SVG, for the README: runs commands and renders what they print.

    python -m tools.terminal_picture examples/light docs/terminal.svg

The workspace must be trained. The session shows its sentences, its figures and the transcript of one clip of a test
speaker. Commands after the two paths replace that session; they run where `my-lamp` is the workspace and `hello.wav`
is the clip. The workspace's own path is printed as `my-lamp`; nothing else is changed.
"""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from asr.core.errors import UserError, WorkspaceError
from asr.core.files import write_text

SESSION = (
    "cat my-lamp/sentences.txt",
    "asr --quiet evaluate my-lamp | sed -n 1,15p",
    "deepspeech --model my-lamp/build/export/output_graph.pbmm"
    " --scorer my-lamp/build/export/kenlm.scorer --audio hello.wav",
)
COLUMNS = 100


def test_clip(workspace: Path) -> Path:
    """Return the first clip of the test split's manifest.

    Raises
    ------
    WorkspaceError
        The workspace has no manifest.
    """
    manifest = workspace / "build" / "test" / "test.csv"
    if not manifest.is_file():
        raise WorkspaceError("there is no test manifest", path=manifest, fix=f"Run: asr train {workspace}")
    with manifest.open(encoding="utf-8", newline="") as rows:
        return Path(next(csv.DictReader(rows))["wav_filename"])


def play(commands: Sequence[str], folder: Path) -> Text:
    """Run commands in `folder` and return the session as a terminal shows it.

    Raises
    ------
    UserError
        A command exits with another status than 0.
    """
    programs = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "COLUMNS": str(COLUMNS)}
    session = Text()
    paths = [(str(link.resolve()), link.name) for link in folder.iterdir() if link.is_symlink()]
    for command in commands:
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode:
            raise UserError(f"`{command}` fails: {done.stdout.strip()}", fix="Run it by hand")
        output = done.stdout
        for path, name in paths:
            output = output.replace(path, name)
        session.append("$ ", style="bold green").append(f"{command}\n", style="bold").append(f"{output}\n")
    session.rstrip()
    return session


def draw(session: Text, title: str) -> str:
    """Return a session as an SVG that fetches nothing from elsewhere."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(session)
    svg = console.export_svg(title=title, theme=MONOKAI, unique_id="terminal")
    # Rich names fonts on a server, which a page that shows the picture must not fetch.
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)


def main(words: Sequence[str]) -> int:
    """Draw the session of a workspace."""
    if len(words) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    workspace, picture = Path(words[0]).resolve(), Path(words[1])
    try:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "my-lamp").symlink_to(workspace)
            shutil.copy(test_clip(workspace), Path(folder) / "hello.wav")
            session = play(words[2:] or SESSION, Path(folder))
        write_text(picture, draw(session, "asr-harness"))
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
