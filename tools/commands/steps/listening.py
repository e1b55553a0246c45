"""The verb `asr listen`: the runtime's own, on a workspace's device folder."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from asr.core.errors import UserError
from asr.settings.workspace import Workspace

_EXAMPLES = """\
Example: asr listen my-lamp --exec "./light.sh" --partial
Example: asr listen my-lamp --mqtt 127.0.0.1 --queue ~/events.jsonl --install-service
"""


def listen(arguments: Sequence[str], open_workspace: Callable[[Path], Workspace]) -> Iterator[str]:
    """Yield the lines to print.

    Parameters
    ----------
    arguments : what follows the verb. Their options are declared in `asr.runtime.listen_command`.

    Raises
    ------
    ModelError : nothing is exported, or what is exported does not belong together.
    UserError : there is no sound, or an action is set up wrongly.
    """
    from asr.runtime import listen_command
    from asr.runtime.faults import FaultError
    from tools.commands.steps.recognition import open_device

    parser = argparse.ArgumentParser(
        prog="asr listen",
        description="Print each command of a microphone, file or stream as a line of JSON, and act on it.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "workspace", type=Path, nargs="?", default=Path("."), help="the workspace's folder; the current one by default"
    )
    listen_command.add_options(parser)
    given = parser.parse_args(arguments)
    try:
        if listen_command.lists_microphones(given):
            yield from listen_command.microphone_lines()
            return
        recogniser = open_device(open_workspace(given.workspace))
        yield from listen_command.listen_lines(given, recogniser, ["listen", *arguments])
    except FaultError as error:
        raise UserError(str(error)) from None
