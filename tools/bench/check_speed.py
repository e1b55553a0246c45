"""Check many clips of a second: memory and speed against reading them plainly.

Writes `--clips` WAV files of noise and tones, each its own, into a temporary folder (3.4 GB for 105,000), reads them
one after the other as the project reads any file, and runs `asr check` in a process of its own.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from asr.core import audio, sound_file, tables
from datasets.recordings import COLUMNS, CSV_NAME

WORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")


def write(folder: Path, count: int) -> None:
    """Write the clips, a hundred to a folder, and their table."""
    rng = np.random.default_rng(1)
    noise = rng.standard_normal(1 << 20).astype(np.float32)
    times = np.arange(audio.SAMPLE_RATE) / audio.SAMPLE_RATE
    rows = []
    for number in range(count):
        start = rng.integers(len(noise) - len(times))
        sound = 0.0005 * noise[start : start + len(times)]
        for moment in np.sort(rng.uniform(0.2, 0.8, 6)):
            tones = sum(np.sin(2 * np.pi * hertz * times + hertz) for hertz in rng.uniform(200, 3500, 3))
            envelope = np.exp(-(((times - moment) / rng.uniform(0.02, 0.08)) ** 2))
            sound = sound + rng.uniform(0.02, 0.1) * tones * envelope
        name = f"{number // 100}/{number}.wav"
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(audio.wav_bytes(sound))
        rows.append((name, WORDS[number % len(WORDS)], f"s{number // 40}"))
    tables.write(folder / CSV_NAME, COLUMNS, rows)


def memory(process: int) -> float:
    """Return the resident memory of a process and its children, MB; what they share counts once."""
    total = 0.0
    for name in [str(process), *_children(process)]:
        try:
            text = Path("/proc", name, "smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) / 1024
    return total


def _children(process: int) -> list[str]:
    try:
        return Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return []


def main() -> int:
    """Print the figures; the exit status is 1 with 500 MB or more, or below half the speed of reading."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=105_000)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="asr-check-speed-"))
    try:
        write(folder, arguments.clips)
        started = time.monotonic()
        for path in folder.glob("*/*.wav"):
            sound_file.read(path)
        reading = time.monotonic() - started
        command = [sys.executable, "-m", "tools.commands.cli", "-q", "check", str(folder), "--no-transcripts"]
        started = time.monotonic()
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        )
        peaks = [0.0]

        def watch() -> None:
            while process.poll() is None:
                peaks.append(memory(process.pid))
                time.sleep(0.2)

        watcher = threading.Thread(target=watch)
        watcher.start()
        output, _ = process.communicate()
        checking = time.monotonic() - started
        watcher.join()
    finally:
        shutil.rmtree(folder)
    peak, speed = max(peaks), reading / checking
    print(output.splitlines()[-2])
    print(
        f"{arguments.clips:,} clips: reading {reading:.1f} s, checking {checking:.1f} s ({speed:.2f} of the speed), "
        f"peak memory of all processes {peak:.0f} MB"
    )
    return 0 if process.returncode in (0, 1) and peak < 500 and speed >= 0.5 else 1


if __name__ == "__main__":
    raise SystemExit(main())
