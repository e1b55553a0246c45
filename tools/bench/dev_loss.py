"""Time until our trainer reaches the lowest dev loss of Mozilla's trainer, on the spoken digits.

    python -m tools.bench dev_loss [--width 134] [--turn 20] [--epochs 20] [--recipe | --init]

Both train equal networks on the same clips of jackson, nicolas and theo, with yweweler as dev: Mozilla's with its own
settings (batch 32, dropout 0.05, rate 0.001, early stop after 25 epochs), ours with the default settings, fewer epochs,
and no augmentation or synthetic voices unless --recipe is given. With --init ours has the settings of `asr init`: a
larger network and pretrained weights, so the networks are not equal. They alternate: one is stopped (SIGSTOP) while the
other runs, and only its own turns count, so that other load on the machine affects both. Times start once clips and
scorer exist and include loading TensorFlow. Mozilla's time ends with the epoch of its lowest dev loss, ours with the
first epoch that is no worse.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asr.core.errors import UserError
from asr.settings.presets import PRESETS
from asr.settings.template import render
from asr.settings.values import Settings, with_values
from tools.bench.step import SKIPPED, find_reference, machine

ROOT = Path(__file__).resolve().parents[2]
SPLIT = {
    "train_speakers": ("jackson", "nicolas", "theo"),
    "dev_speakers": ("yweweler",),
    "test_speakers": ("lucas",),
}
MOZILLAS = {"batch_size": 32, "dropout": 0.05, "epochs": 75, "engine": "mozilla-venv"}
SENTENCES = "(zero|one|two|three|four|five|six|seven|eight|nine)\n"
# The last line before a trainer is started, and the first after it has ended.
_BEGINS, _ENDS = "kenlm.scorer", "chosen: "
_EPOCH = re.compile(r"epoch (\d+)/\d+ .*dev loss ([-+.\w]+)")


@dataclass
class Side:
    """One training: its dev losses, and the time it had run at each.

    Attributes
    ----------
    curve : dev loss (nats a clip) and seconds of its own turns at the end of each epoch.
    """

    name: str
    process: subprocess.Popen[str]
    curve: list[tuple[float, float]] = field(default_factory=list)
    worked: float = 0.0
    begun: float | None = None
    ended: bool = False
    _since: float | None = None

    def __post_init__(self) -> None:
        self._said: list[str] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def clock(self) -> float:
        """Return the seconds of its turns so far."""
        since = self._since
        return self.worked + (time.monotonic() - since if since is not None else 0.0)

    def turn(self, seconds: float) -> None:
        """Let it run for `seconds`, or until it ends."""
        self._since = time.monotonic()
        self._signal(signal.SIGCONT)
        until = self._since + seconds
        while time.monotonic() < until and not self.ended and self.process.poll() is None:
            time.sleep(0.05)
        self._signal(signal.SIGSTOP)
        self.worked, self._since = self.clock(), None

    def over(self) -> bool:
        """Return whether it has ended; UserError where it failed."""
        if self.process.poll() not in (None, 0):
            raise UserError(f"the side {self.name} failed: {' / '.join(self._said[-3:])}")
        return self.ended or self.process.poll() is not None

    def close(self) -> None:
        """End it and its descendants."""
        for number in (signal.SIGCONT, signal.SIGTERM, signal.SIGKILL):
            self._signal(number)
            time.sleep(0.2)
        self.process.wait()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._said.append(line.strip())
            if _BEGINS in line:
                self.begun = self.clock()
            if line.startswith(_ENDS):
                self.ended = True
            if (found := _EPOCH.search(line)) and self.begun is not None:
                self.curve.append((float(found[2]), self.clock() - self.begun))
                print(f"{self.name}: {line.strip()}  at {self.curve[-1][1]:.0f} s", file=sys.stderr, flush=True)

    def _signal(self, number: int) -> None:
        # Everything below it: the trainer is in a session of its own.
        for pid in family(self.process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def family(pid: int) -> list[int]:
    """Return a process and its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                state, parent = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
                if state != "Z":
                    children.setdefault(int(parent), []).append(int(entry.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def time_to(curve: Sequence[tuple[float, float]], loss: float) -> float | None:
    """Return the seconds until a curve of (dev loss, seconds) is no higher than `loss`; None where it never is."""
    return next((seconds for found, seconds in curve if found <= loss), None)


def summary(ours: Sequence[tuple[float, float]], theirs: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """Return the loss that both reached, the times, and their ratio."""
    lowest = min(loss for loss, _ in theirs)
    reference, mine = time_to(theirs, lowest), time_to(ours, lowest)
    assert reference is not None
    return {
        "dev_loss": lowest,
        "reference": reference,
        "ours": mine,
        "ratio": None if mine is None else mine / reference,
        "epochs": {"ours": len(ours), "reference": len(theirs)},
        "our_lowest": min((loss for loss, _ in ours), default=None),
    }


def make_workspace(folder: Path, digits: Path, *, plain: bool, known: bool = False, **train: Any) -> None:
    """Make a workspace of the digits, with its clips and scorer.

    Parameters
    ----------
    plain : without augmentation and voices.
    known : with the settings of `asr init`; `train` is ignored.
    """
    folder.mkdir()
    settings = with_values(Settings(), split=SPLIT, recordings={"folder": str(digits / "recordings.csv")})
    settings = with_values(settings, **PRESETS["words"]) if known else with_values(settings, train=train)
    if plain:
        settings = with_values(
            settings, augment={"enabled": False}, voices={"use": "never"}, train={"synthetic_epochs": 0}
        )
    (folder / "asr.toml").write_text(render(settings))
    (folder / "sentences.txt").write_text(SENTENCES)
    for verb in ("manifests", "scorer"):
        subprocess.run([sys.executable, "-m", "tools.commands.cli", verb, str(folder)], cwd=ROOT, check=True, stdout=2)


def start(name: str, folder: Path) -> Side:
    """Start a training and stop it until its first turn."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.commands.cli", "train", str(folder)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    os.kill(process.pid, signal.SIGSTOP)
    return Side(name, process)


def main() -> None:
    """Print a table, or JSON with --json."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "digits")
    parser.add_argument("--width", type=int, default=134, help="n_hidden of both")
    parser.add_argument("--network", default="deepspeech", help="ours; by default equal to Mozilla's")
    parser.add_argument("--turn", type=float, default=20.0, help="seconds of a turn")
    parser.add_argument("--epochs", type=int, default=20, help="epochs of ours")
    parser.add_argument("--patience", type=int, default=25, help="epochs without lower dev loss before Mozilla's stops")
    parser.add_argument("--recipe", action="store_true", help="ours with augmentation and synthetic voices")
    parser.add_argument("--init", action="store_true", help="ours with the settings and pretrained weights of asr init")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if find_reference() is None:
        print(SKIPPED)
        return
    if not (options.data / "recordings.csv").is_file():
        print(f"skipped: no spoken digits at {options.data}; --data names their folder")
        return
    if not options.json:
        print(machine(), flush=True)
    found = measure(options)
    if options.json:
        print(json.dumps(found, indent=2))
        return
    print(f"Mozilla's trainer: dev loss {found['dev_loss']:.2f} after {found['reference']:.0f} s")
    if found["ours"] is None:
        print(f"ours: not reached in {found['epochs']['ours']} epochs; lowest {found['our_lowest']:.2f}")
    else:
        print(f"ours: the same after {found['ours']:.0f} s, {found['ratio']:.2f} of its time")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Train both in turns until Mozilla's has ended and ours has reached its loss; return `summary`."""
    # When this process is terminated, its stopped children must end too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        width, digits = options.width, options.data
        ours = {"network": options.network, "n_hidden": width, "epochs": options.epochs}
        plain = not (options.recipe or options.init)
        make_workspace(Path(folder, "ours"), digits, plain=plain, known=options.init, **ours)
        theirs = {**MOZILLAS, "early_stop_patience": options.patience}
        make_workspace(Path(folder, "reference"), digits, plain=True, n_hidden=width, **theirs)
        mine, reference = (start(name, Path(folder, name)) for name in ("ours", "reference"))
        try:
            while True:
                if not reference.over():
                    reference.turn(options.turn)
                lowest = min((loss for loss, _ in reference.curve), default=0.0)
                # Ours waits once it has reached the other's lowest loss, until the other gets lower.
                behind = time_to(mine.curve, lowest) is None and not mine.over()
                if behind:
                    mine.turn(options.turn)
                elif reference.over():
                    return summary(mine.curve, reference.curve)
        finally:
            mine.close()
            reference.close()


if __name__ == "__main__":
    main()
