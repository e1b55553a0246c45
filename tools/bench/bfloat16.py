"""A training step that multiplies in bfloat16 against one in float32, in alternation.

    python -m tools.bench bfloat16 [--network deepspeech-conv --width 320]

Both take the same batch in one process, round by round, with the threads and the shares of a training. The ratio
is taken within each round; the figure is the median of the rounds. Where the processor has no instructions for
bfloat16, there is nothing to compare, and it says so.
"""

from __future__ import annotations

import argparse
import os
from statistics import median

from asr.sections import Train
from tools.bench.our_step import compiled, take
from tools.bench.reference_step import make_batch
from tools.bench.step import machine, ratios


def main() -> None:
    """Print the times of a step and their ratio."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="deepspeech-conv-ahead")
    parser.add_argument("--width", type=int, default=320, help="n_hidden")
    parser.add_argument("--batch", type=int, default=16, help="utterances a step, or views of half as many")
    parser.add_argument("--frames", type=int, default=220, help="frames of 20 ms an utterance")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4, help="steps in a round")
    options = parser.parse_args()
    from asr.ctc import devices
    from asr.ctc.batches import Batch

    if not devices.multiplies_bfloat16():
        print("this processor has no instructions for products of bfloat16: nothing to compare")
        return
    print(machine())
    shares = devices.prepare(options.batch)
    settings = Train(network=options.network, n_hidden=options.width, batch_size=options.batch)
    batch = Batch(*make_batch(options.batch, options.frames))
    sides = {asked: compiled(settings, shares) for asked in (False, True)}
    clock: dict[bool, list[float]] = {asked: [] for asked in sides}
    # The first round traces and fills caches.
    for number in range(-1, options.rounds):
        for asked in sides if number % 2 else reversed(sides):
            with devices.in_bfloat16(asked):
                taken = take(sides[asked], batch, options.steps)
            if number >= 0:
                clock[asked].append(median(seconds for seconds, _ in taken))
    found = ratios(clock[True], clock[False])
    for asked, name in ((False, "float32"), (True, "bfloat16")):
        print(f"  {name:10}{1000 * median(clock[asked]):8.1f} ms a step")
    rounds = " ".join(f"{ratio:.2f}" for ratio in found)
    print(f"  {options.network}, n_hidden {options.width}: {median(found):.2f} (rounds {rounds})")


if __name__ == "__main__":
    main()
