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

# Exported tables in a workspace.
TABLES = Path("build/export/keyword")
SHORT = 2.0  # s; shorter sounds are padded


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 0, 1 if a budget is exceeded, or 2 for an error."""
    parser = argparse.ArgumentParser(prog="python -m tools.firmware", description=__doc__)
    parser.add_argument("verb", choices=("test", "size"), help="run on sound files, or measure sizes and instructions")
    parser.add_argument("workspace", type=Path, help="workspace with an exported keyword model, or a folder of tables")
    parser.add_argument("sounds", type=Path, nargs="*", help="sound files for `test`, of any format")
    given = parser.parse_args(arguments)
    model = given.workspace if (given.workspace / "keyword_model.c").is_file() else given.workspace / TABLES
    try:
        if given.verb == "size":
            return size(model)
        if not given.sounds:
            print("error: no sound file given. Run: make firmware-test WAV=FILE", file=sys.stderr)
            return 2
        test(model, given.sounds)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def size(model: Path) -> int:
    """Print sizes and instructions of the firmware with the tables in `model`; return 1 if a budget is exceeded."""
    measured, allowed = measure.measure(model), measure.budgets()
    print(measure.report(measured, allowed))
    return int(any(found > most for found, most in measured.against(allowed).values()))


def test(model: Path, sounds: Sequence[Path]) -> None:
    """Print the detections of the firmware in each of `sounds`; short ones are padded with silence."""
    with tempfile.TemporaryDirectory() as named:
        folder = Path(named)
        elf = machine.build("listener", model, folder)
        for sound in sounds:
            wav = folder / "sound.wav"
            samples = audio.load(sound)
            around = len(samples) < SHORT * audio.SAMPLE_RATE
            if around:
                # The network's input is one second, with the word in the middle.
                samples = np.pad(samples, audio.SAMPLE_RATE)
            audio.write_wav(wav, audio.to_int16(samples))
            print(f"{sound}{', with a second of silence before and after it' if around else ''}:")
            heard = [line for line in machine.run(elf, wav).splitlines() if line.startswith("heard ")]
            print("\n".join(f"  {line}" for line in heard) or "  nothing heard", flush=True)


if __name__ == "__main__":
    sys.exit(main())
