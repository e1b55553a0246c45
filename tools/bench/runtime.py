"""The runtime for small devices against real time: a grammar of 10^9 sentences, network and decoder on one core.

    python -m tools.bench runtime [--slots 9] [--words 10] [--seconds 8] [--rounds 5]

A process of its own, held to one core, opens the device folder as a device does and recognises noise; its peak memory
is Python's and NumPy's included.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

RATE = 16000
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def main() -> int:
    """Compile the grammar, time the runtime, and print both."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.bench runtime", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--slots", type=int, default=9, help="slots of the sentence")
    parser.add_argument("--words", type=int, default=10, help="words of 8 letters that fill each slot")
    parser.add_argument("--seconds", type=float, default=8.0, help="length of the sound")
    parser.add_argument("--rounds", type=int, default=5, help="how often; the median counts")
    parser.add_argument("--device", type=Path, help=argparse.SUPPRESS)  # the timed process itself
    given = parser.parse_args()
    if given.device is not None:
        print(json.dumps(measure(given.device, given.seconds, given.rounds)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        compiled = make_device(Path(folder), given.slots, given.words, given.rounds)
        command = [sys.executable, "-m", "tools.bench.runtime", "--device", folder]
        command += ["--seconds", str(given.seconds), "--rounds", str(given.rounds)]
        one = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=os.environ | one)
    found = json.loads(done.stdout)
    print(f"{given.words}^{given.slots} sentences, {found['letters']:,} letters: compiled in {1000 * compiled:.0f} ms")
    for name, seconds in found["seconds"].items():
        print(f"  {name:24}{1000 * seconds / given.seconds:8.2f} ms for a second of sound")
    print(f"together {given.seconds / found['seconds']['everything']:.0f} times faster than real time, one core")
    print(f"peak {found['peak'] / 1024:.0f} MiB, of which Python and NumPy {found['empty'] / 1024:.0f} MiB")
    return 0


def make_device(folder: Path, slots: int, words: int, rounds: int) -> float:
    """Write a device folder with the pretrained weights; return the seconds that its sentences took to compile."""
    from asr.core.alphabet import Alphabet
    from asr.ctc import weights
    from asr.runtime.recogniser import GRAMMAR, NETWORK
    from export.device import network_file
    from export.weights import read_layers
    from lm.grammar import compile_grammar
    from lm.sentences import Templates

    rng = random.Random(1)
    lines = [" ".join(f"{{s{slot}}}" for slot in range(slots))]
    for slot in range(slots):
        choices = ("".join(rng.choice(LETTERS) for _ in range(8)) for _ in range(words))
        lines.append(f"{{s{slot}}} = ({'|'.join(choices)})")
    took = []
    for _ in range(rounds):
        start = time.process_time()
        grammar = compile_grammar(Templates.parse("\n".join(lines), Alphabet()), Alphabet())
        took.append(time.process_time() - start)
    (folder / GRAMMAR).write_bytes(grammar.to_bytes())
    graph = weights.find("english")
    assert graph is not None, "they come with the program"
    network = read_layers(graph)
    (folder / NETWORK).write_bytes(network_file(network.layers, network.metadata.alphabet).to_bytes())
    return median(took)


def measure(device: Path, seconds: float, rounds: int) -> dict[str, object]:
    """Return the processor time of each part, s, the grammar's letters and the peak memory, KiB."""
    import numpy as np

    empty = peak_memory()
    from asr.runtime.alternatives import alternatives
    from asr.runtime.features import mfcc
    from asr.runtime.network import log_probabilities
    from asr.runtime.recogniser import Recogniser
    from asr.runtime.rescoring import CANDIDATES, LETTER_BONUS, best_sentences

    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    recogniser = Recogniser.open(device)
    samples = np.random.default_rng(1).normal(0, 2000, round(RATE * seconds)).astype(np.int16)
    features = mfcc(samples, RATE)
    frames = log_probabilities(recogniser.network, features)

    def timed(work: Callable[[], object]) -> float:
        took = []
        for _ in range(rounds):
            start = time.process_time()
            work()
            took.append(time.process_time() - start)
        return median(took)

    parts = {
        "features": timed(lambda: mfcc(samples, RATE)),
        "network": timed(lambda: log_probabilities(recogniser.network, features)),
        "searches": timed(lambda: alternatives(recogniser.grammar, frames, CANDIDATES, LETTER_BONUS)),
        "searches and rescoring": timed(lambda: best_sentences(recogniser.grammar, frames)),
        "everything": timed(lambda: recogniser.recognise(samples)),
    }
    letters = len(recogniser.grammar.letters)
    return {"seconds": parts, "letters": letters, "empty": empty, "peak": peak_memory()}


def peak_memory() -> int:
    """Return the largest resident size of this process so far, KiB."""
    # getrusage's would be that of the process that started this one, where that was larger.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))


if __name__ == "__main__":
    sys.exit(main())
