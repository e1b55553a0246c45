"""Arguments that many verbs of the command take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[Path, typer.Argument(help="The workspace's folder.", metavar="WORKSPACE")]
Where = Annotated[
    Path, typer.Argument(help="The workspace's folder; the current one by default.", metavar="[WORKSPACE]")
]
HERE = Path(".")
