"""An import of many clips: seconds and peak memory, beside reading the same files plainly.

    python -m tools.bench imports [--count N] [--bytes N] [--kind KIND] [--rounds N]

The clips are made in a temporary folder, 3.4 GB by default, which is deleted afterwards. An import looks at each file
without reading it, so small files (--bytes 684) are the hard case. Both take turns, so that other work on the machine
meets both.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tools.commands.steps.new_workspace import make_workspace

_SENTENCES = ("Turn on the light!", "Turn off the light, please.", "It’s 5 o'clock", "Switch it ON")  # noqa: RUF001
_KINDS = ("common-voice", "deepspeech", "kaldi", "librispeech", "speaker-folders", "spoken-digits")
_READ = "import sys\nfor path in open(sys.argv[1]):\n    with open(path.rstrip(), 'rb') as file:\n        file.read()\n"
_IMPORT = "from tools.commands.cli import main; main()"
# VmHWM and not getrusage: that begins with the peak of the process that started this one.
_MEASURED = """\
import atexit, re, sys
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) // 1024
atexit.register(lambda: print(peak(), file=sys.stderr))
exec(sys.argv.pop(1))
"""


def main() -> int:
    """Run the bench."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench imports", description=__doc__)
    parser.add_argument("--count", type=int, default=105_000, help="number of clips")
    parser.add_argument("--bytes", type=int, default=32_044, help="size of each; one second by default")
    parser.add_argument("--kind", choices=_KINDS, action="append", help="one or more; all by default")
    parser.add_argument("--rounds", type=int, default=3, help="times that each is measured; the median counts")
    given = parser.parse_args()
    for kind in given.kind or _KINDS:
        with tempfile.TemporaryDirectory(prefix="asr-imports-") as folder:
            measure(kind, Path(folder), given.count, given.bytes, given.rounds)
    return 0


def measure(kind: str, folder: Path, count: int, size: int, rounds: int) -> None:
    """Print how an import of one kind compares with reading its files."""
    names = make_source(kind, folder / "source", count, size)
    listing = folder / "listing.txt"
    listing.write_text("".join(f"{folder / 'source' / name}\n" for name in names))
    workspace = folder / "workspace"
    make_workspace(workspace)
    table = workspace / "recordings" / "recordings.csv"
    ratios, peak, took = [], 0, 0.0
    for _ in range(rounds):
        plain, _ = run(_READ, str(listing))
        table.unlink(missing_ok=True)
        took, used = run(_IMPORT, "import", kind, str(folder / "source"), str(workspace))
        peak = max(peak, used)
        ratios.append(plain / took)
    rows = sum(1 for _ in table.open()) - 1
    speed = sorted(ratios)[len(ratios) // 2]
    print(
        f"{kind}: {rows:,} of {count:,} clips in {took:.1f} s, {speed:.2f} times the speed of reading them, "
        f"peak memory {peak} MB",
        flush=True,
    )


def make_source(kind: str, root: Path, count: int, size: int) -> list[str]:
    """Write a source of `count` clips, and return the clips' names below its folder."""
    names = [clip_name(kind, number) for number in range(count)]
    content = os.urandom(size)
    for place in dict.fromkeys(os.path.dirname(name) for name in names):
        (root / place).mkdir(parents=True, exist_ok=True)
    for name in names:
        (root / name).write_bytes(content)
    said = [_SENTENCES[number % len(_SENTENCES)] for number in range(count)]
    ids = [f"s{number // 100}-{number:07}" for number in range(count)]
    if kind == "common-voice":
        rows = [f"{number // 100:0128x}\t{Path(names[number]).name}\t{said[number]}" for number in range(count)]
        (root / "validated.tsv").write_text("\n".join(["client_id\tpath\tsentence", *rows, ""]), encoding="utf-8")
    elif kind == "deepspeech":
        rows = [f'{names[number]},{size},"{said[number]}"' for number in range(count)]
        header = "wav_filename,wav_filesize,transcript"
        (root / "train.csv").write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    elif kind == "kaldi":
        columns = {"wav.scp": names, "text": said, "utt2spk": [one.split("-")[0] for one in ids]}
        for name, values in columns.items():
            rows = [f"{one} {value}\n" for one, value in zip(ids, values, strict=True)]
            (root / name).write_text("".join(rows), encoding="utf-8")
    elif kind == "librispeech":
        for first in range(0, count, 100):
            speaker = f"{first // 100}"
            stems = [Path(name).stem for name in names[first : first + 100]]
            rows = [f"{stem} {text.upper()}\n" for stem, text in zip(stems, said[first:], strict=False)]
            (root / speaker / "1" / f"{speaker}-1.trans.txt").write_text("".join(rows), encoding="utf-8")
    return names


def clip_name(kind: str, number: int) -> str:
    """Return where the clip of a number lies."""
    speaker = number // 100
    return {
        "common-voice": f"clips/common_voice_en_{number}.mp3",
        "deepspeech": f"clips/{speaker}/{number}.wav",
        "kaldi": f"wav/{speaker}/{number}.wav",
        "librispeech": f"{speaker}/1/{speaker}-1-{number % 100:04}.flac",
        "speaker-folders": f"person{speaker}/turn_on_the_light/{number}.wav",
        "spoken-digits": f"recordings/{number % 10}_person{speaker}_{number}.wav",
    }[kind]


def run(program: str, *arguments: str) -> tuple[float, int]:
    """Run a Python program, and return its seconds and peak memory, MB; it fails with the program's message."""
    command = [sys.executable, "-c", _MEASURED, program, *arguments]
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True)
    took = time.monotonic() - began
    if done.returncode:
        raise SystemExit(done.stderr)
    return took, int(done.stderr.split()[-1])


if __name__ == "__main__":
    sys.exit(main())
