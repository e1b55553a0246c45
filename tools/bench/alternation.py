"""Two kinds of training steps in one process, in alternation: shared code of such benches."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from statistics import median
from typing import TYPE_CHECKING

from tools.bench.step import machine, ratios

if TYPE_CHECKING:
    from asr.settings.sections import Train

# Takes a number of steps, and returns the seconds of each: of the clock, and of all processors.
Side = Callable[[int], list[tuple[float, float]]]


def parse(description: str | None, network: str, more: Mapping[str, int] | None = None) -> argparse.Namespace:
    """Return the options of every such bench, and `more` of its own with their defaults."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default=network)
    parser.add_argument("--width", type=int, default=320, help="n_hidden")
    parser.add_argument("--batch", type=int, default=16, help="utterances a step, or views of half as many")
    parser.add_argument("--frames", type=int, default=220, help="frames of 20 ms an utterance")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4, help="steps in a round")
    for name, default in (more or {}).items():
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser.parse_args()


def settings_of(options: argparse.Namespace) -> Train:
    """Return the settings of the network in the options."""
    from asr.settings.sections import Train

    return Train(network=options.network, n_hidden=options.width, batch_size=options.batch)


def compare(sides: Mapping[str, Side], options: argparse.Namespace) -> None:
    """Print the times of a step of two sides, and the second's relative to the first's: the median of the rounds."""
    print(machine())
    names = list(sides)
    clock: dict[str, list[float]] = {name: [] for name in names}
    # The first round traces and fills the caches.
    for number in range(-1, options.rounds):
        for name in names if number % 2 else reversed(names):
            taken = sides[name](options.steps)
            if number >= 0:
                clock[name].append(median(seconds for seconds, _ in taken))
    found = ratios(clock[names[1]], clock[names[0]])
    for name in names:
        print(f"  {name:16}{1000 * median(clock[name]):8.1f} ms a step")
    rounds = " ".join(f"{ratio:.2f}" for ratio in found)
    print(f"  {options.network}, n_hidden {options.width}: {median(found):.2f} (rounds {rounds})")
