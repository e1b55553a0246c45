"""Run the firmware on this machine: `python -m tools.firmware test|size WORKSPACE [SOUND...]`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from asr.core import audio
from asr.core.errors import UserError
from tools.firmware import machine, measure

# Of a workspace: where the export puts the tables.
TABLES = Path("build/export/keyword")
SHORT = 2.0  # s; a shorter sound is no stream


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit status: 1 for a budget that is exceeded, 2 for an error."""
    parser = argparse.ArgumentParser(prog="python -m tools.firmware", description=__doc__)
    parser.add_argument("verb", choices=("test", "size"), help="listen to sounds, or measure")
    parser.add_argument("workspace", type=Path, help="that a keyword model was exported from, or a folder of tables")
    parser.add_argument("sounds", type=Path, nargs="*", help="files for `test`, of any format")
    given = parser.parse_args(arguments)
    model = given.workspace if (given.workspace / "keyword_model.c").is_file() else given.workspace / TABLES
    try:
        if given.verb == "size":
            return size(model)
        if not given.sounds:
            print("error: nothing to listen to. Name a sound: make firmware-test WAV=FILE", file=sys.stderr)
            return 2
        test(model, given.sounds)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def size(model: Path) -> int:
    """Print what the firmware takes with the tables in `model`; return 1 where a budget is exceeded."""
    measured, allowed = measure.measure(model), measure.budgets()
    print(measure.report(measured, allowed))
    return int(any(found > most for found, most in measured.against(allowed).values()))


def test(model: Path, sounds: Sequence[Path]) -> None:
    """Print what the firmware hears in each of `sounds`, and when; short ones get silence on both sides."""
    with tempfile.TemporaryDirectory() as named:
        folder = Path(named)
        elf = machine.build("listener", model, folder)
        for sound in sounds:
            wav = folder / "sound.wav"
            samples = audio.load(sound)
            around = len(samples) < SHORT * audio.SAMPLE_RATE
            if around:
                # The network listens to a whole second, and words lie in the middle of it.
                samples = np.pad(samples, audio.SAMPLE_RATE)
            audio.write_wav(wav, audio.to_int16(samples))
            print(f"{sound}{', with a second of silence before and after it' if around else ''}:")
            heard = [line for line in machine.run(elf, wav).splitlines() if line.startswith("heard ")]
            print("\n".join(f"  {line}" for line in heard) or "  nothing heard", flush=True)


if __name__ == "__main__":
    sys.exit(main())
