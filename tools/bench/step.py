"""One training step, ours against that of Mozilla's trainer in TensorFlow 1.15, in alternation.

    python -m tools.bench.step [--width 134 --width 512 --width 2048] [--threads default --threads 1/1]

Each side is a process that takes a few steps in turn, round by round, so that other load on the machine affects both.
Ratios are taken within each round; the figure is their median. A step is forward pass, CTC loss, gradients and
optimiser on 32 utterances of 100 frames, fed by tf.data.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from asr.core import third_party
from asr.core.errors import SetupError, UserError

ROOT = Path(__file__).resolve().parents[2]
WIDTHS = (134, 512)
# Steps in a round, so that a round of either side is a second or two.
STEPS = {134: 12, 512: 4, 2048: 1}


@dataclass
class Side:
    """A process that takes steps on demand, and its times.

    Attributes
    ----------
    name : ours or reference.
    threads : "default", or "INTRA/INTER".
    clock, processor : seconds of a step, the median of each round; `processor` adds up all cores.
    peak : resident memory, MiB, the highest so far.
    """

    name: str
    threads: str
    process: subprocess.Popen[str]
    clock: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    peak: float = 0.0

    def take(self, steps: int, *, count: bool = True) -> None:
        """Take steps and record the time of one."""
        assert self.process.stdin is not None and self.process.stdout is not None
        answer = ""
        try:
            self.process.stdin.write(f"{steps}\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            pass
        if not answer:
            raise UserError(f"the side {self.name} ended with status {self.process.wait()}; see above")
        figures: dict[str, Any] = json.loads(answer)
        self.peak = figures["peak"]
        if count:
            self.clock.append(median(figures["clock"]))
            self.processor.append(median(figures["processor"]))

    def close(self) -> None:
        """End the process."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def ratios(ours: Sequence[float], reference: Sequence[float]) -> list[float]:
    """Return ours / reference of each round."""
    return [mine / theirs for mine, theirs in zip(ours, reference, strict=True)]


def main() -> None:
    """Print a table for each width, or JSON with --json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, action="append", help=f"n_hidden; default: {WIDTHS}; 2048 is slow")
    parser.add_argument(
        "--threads",
        action="append",
        help="default: each side's own choice; or INTRA/INTER; may be repeated. Default: default, 1/1, one a core",
    )
    parser.add_argument("--batch", type=int, default=32, help="utterances a step")
    parser.add_argument("--frames", type=int, default=100, help="frames of 20 ms an utterance")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=0, help="steps in a round; default: by the width")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    try:
        reference = third_party.part("reference/bin/python")
    except SetupError:
        print("skipped: no TensorFlow 1.15 to compare with; `make reference` installs it where a Python 3.7 is found")
        return
    cores = len(os.sched_getaffinity(0))
    settings = options.threads or list(dict.fromkeys(["default", "1/1", f"{cores}/1"]))
    tables = []
    if not options.json:
        print(machine())
    for width in options.width or WIDTHS:
        sides = measure(reference, width, settings, options)
        tables.append(summary(width, sides))
        if not options.json:
            show(tables[-1])
    if options.json:
        print(json.dumps(tables, indent=2))


def machine() -> str:
    """Return the processor, its cores and the load, in one line."""
    model = platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = names[0].split(":", 1)[1].strip() if names else model
    load = os.getloadavg()[0]
    return f"{model}, {len(os.sched_getaffinity(0))} cores, load before the start {load:.1f}"


def measure(reference: Path, width: int, settings: Sequence[str], options: argparse.Namespace) -> list[Side]:
    """Return both sides at each setting of threads, after all rounds."""
    steps = options.steps or STEPS.get(width, 2)
    script = ROOT / "tools" / "bench" / "reference_step.py"
    commands = {"ours": [sys.executable, "-m", "tools.bench.our_step"], "reference": [str(reference), str(script)]}
    shape = ["--width", str(width), "--batch", str(options.batch), "--frames", str(options.frames)]
    sides: list[Side] = []
    try:
        for threads in settings:
            for name, command in commands.items():
                process = subprocess.Popen(
                    [*command, *shape, "--threads", threads],
                    cwd=ROOT,
                    env={"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
                sides.append(Side(name, threads, process))
                # Traces the graph and fills the caches before the next process starts.
                sides[-1].take(2, count=False)
        for number in range(options.rounds):
            # Neither side always goes first.
            for side in sides if number % 2 == 0 else reversed(sides):
                side.take(steps)
    finally:
        for side in sides:
            side.close()
    return sides


def summary(width: int, sides: Sequence[Side]) -> dict[str, Any]:
    """Return the figures of one width: times in ms, memory in MiB, ratios of each round and their median."""
    rows = [
        {
            "side": side.name,
            "threads": side.threads,
            "clock": 1000 * median(side.clock),
            "processor": 1000 * median(side.processor),
            "peak": side.peak,
        }
        for side in sides
    ]
    pairs = [
        (ours.threads, ours, theirs)
        for ours in sides
        for theirs in sides
        if ours.name == "ours" and theirs.name == "reference" and ours.threads == theirs.threads
    ]
    best = {
        name: min((side for side in sides if side.name == name), key=lambda side: median(side.clock))
        for name in ("ours", "reference")
    }
    label = f"best of each: {best['ours'].threads} and {best['reference'].threads}"
    pairs.append((label, best["ours"], best["reference"]))
    compared = []
    for label, ours, theirs in pairs:
        each = ratios(ours.clock, theirs.clock)
        busy = median(ratios(ours.processor, theirs.processor))
        compared.append({"threads": label, "ratio": median(each), "rounds": each, "processor": busy})
    return {"width": width, "sides": rows, "ratios": compared}


def show(table: dict[str, Any]) -> None:
    """Print the figures of one width."""
    print(f"\nn_hidden {table['width']}")
    print(f"  {'':12}{'threads':>10}{'ms a step':>12}{'ms of processor':>18}{'peak MiB':>10}")
    for row in table["sides"]:
        figures = f"{row['clock']:12.1f}{row['processor']:18.1f}{row['peak']:10.0f}"
        print(f"  {row['side']:12}{row['threads']:>10}{figures}")
    for row in table["ratios"]:
        rounds = " ".join(f"{ratio:.2f}" for ratio in row["rounds"])
        print(
            f"  ours / reference, {row['threads']}: {row['ratio']:.2f} (processor {row['processor']:.2f}; "
            f"rounds {rounds})",
            flush=True,
        )


if __name__ == "__main__":
    main()
