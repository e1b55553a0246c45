"""Kill a training at random moments, and compare its result with that of an undisturbed training.

    python -m tools.bench.kills [--kills 10] [--seed 1]

A small workspace of synthetic voices is trained twice by `asr train`, each time in its own folder: once undisturbed,
and once killed with SIGKILL at random moments, then left to finish, without any clean-up in between. A kill counts only
if the process was still running.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "light"

# On one thread two undisturbed trainings are equal to the last bit.
ENVIRONMENT = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
# With the example's sentences it trains in a minute or two.
SETTINGS = """\
[sentences]
alike = false
[scorer]
look_ahead = false
[voices]
speakers = 40
utterances = 120
[train]
preset = "small"
epochs = 60
n_hidden = 64
early_stop_patience = 0
heard_in = 4
[evaluate]
noise = false
"""


def workspace(folder: Path) -> Path:
    """Make a workspace with the example's sentences."""
    folder.mkdir(parents=True)
    shutil.copy(EXAMPLE / "sentences.txt", folder)
    (folder / "asr.toml").write_text(SETTINGS, encoding="utf-8")
    return folder


def train(folder: Path, deadline: float | None = None) -> bool:
    """Run `asr train`; kill it after `deadline` seconds. Return whether it was killed.

    Raises
    ------
    SystemExit : it failed by itself.
    """
    with (folder / "train.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tools.commands.cli", "train", str(folder)],
            cwd=ROOT,
            env={**os.environ, **ENVIRONMENT},
            stdout=log,
            stderr=log,
        )
        try:
            process.wait(deadline)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return True
    if process.returncode:
        raise SystemExit(f"asr train failed: see {folder / 'train.log'}")
    return False


def outcome(folder: Path) -> dict[str, Any]:
    """Return the figures of the only run of a workspace."""
    (record,) = (folder / "build" / "runs").glob("*/run.json")
    run = json.loads(record.read_text(encoding="utf-8"))
    clean = run["figures"]["synthetic"]["clean"]
    return {
        "epochs": len(run["curves"]),
        "sittings": len(run["sessions"]),
        "loss": run["curves"][-1]["loss"],
        "dev loss": run["curves"][-1]["dev_loss"],
        "WER": clean["wer"],
    }


def main() -> None:
    """Print both results; the exit status is 1 where they differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    arguments = parser.parse_args()
    moments = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory(prefix="asr-kills-") as name:
        started = time.monotonic()
        calm = workspace(Path(name, "calm"))
        train(calm)
        whole = time.monotonic() - started
        print(f"undisturbed, {whole:.0f} s: {outcome(calm)}", flush=True)
        killed = workspace(Path(name, "killed"))
        killed_at: list[float] = []
        while len(killed_at) < arguments.kills:
            # Some processes must live longer than their start-up takes, or the training would never end.
            deadline = moments.uniform(0.02, 0.2) * whole
            if not train(killed, deadline):
                break
            killed_at.append(round(deadline, 1))
        train(killed)
        print(f"killed after {', '.join(map(str, killed_at))} s: {outcome(killed)}")
        if len(killed_at) < arguments.kills:
            raise SystemExit(f"the training finished after {len(killed_at)} kills")
        one, two = outcome(calm), outcome(killed)
        same = all(one[key] == two[key] for key in ("epochs", "loss", "dev loss", "WER"))
        print("the same" if same else "they differ")
        raise SystemExit(0 if same else 1)


if __name__ == "__main__":
    main()
