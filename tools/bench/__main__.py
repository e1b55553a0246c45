"""Run the benches: `python -m tools.bench [NAME [OPTIONS]]`; without a name, the short ones."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from types import ModuleType

from asr.core.errors import UserError

SHORT = ("step", "step_profile", "augment", "microfrontend")
LONG = (
    *("speech_commands", "kills", "stream", "runtime", "listener", "clients", "takes", "imports"),
    *("planted_faults", "planted_copies", "check_speed"),
)
BENCHES = (*SHORT, *LONG)


def describe(name: str) -> str:
    """Return the first line of a bench's docstring."""
    return (load(name).__doc__ or "").strip().splitlines()[0]


def load(name: str) -> ModuleType:
    """Return the module of a bench; its `main` runs it with the options in sys.argv."""
    return importlib.import_module(f"tools.bench.{name}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run or list benches, and return the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0] in ("-h", "--help", "--list"):
        print("usage: python -m tools.bench [NAME [OPTIONS]]\n")
        print(f"Without a name all but {', '.join(LONG)} run. NAME --help shows the options of one.\n")
        for name in BENCHES:
            print(f"  {name:16}{describe(name)}")
        return 0
    if given and given[0] not in BENCHES:
        print(f"error: there is no bench {given[0]}; there are {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    status = 0
    for name in [given[0]] if given else SHORT:
        if not given:
            print(f"\n{name}: {describe(name)}", flush=True)
        sys.argv = [f"python -m tools.bench {name}", *given[1:]]
        try:
            status |= int(load(name).main() or 0)
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            status = 2
    return status


if __name__ == "__main__":
    sys.exit(main())
