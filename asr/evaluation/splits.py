"""How much a figure depends on which few speakers it was measured with.

Speakers with no part in training are divided anew, many times, into as many as the test split has and the others: the
figure's spread over these splits. Nothing is trained.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

import numpy as np

MOST_SPLITS = 2000
FEWEST_SPLITS = 5  # below this a spread says nothing

Item = TypeVar("Item")


@dataclass(frozen=True)
class Spread:
    """A share over several splits of the speakers.

    Attributes
    ----------
    low, high : between which 95 % of the splits lie.
    splits : how many there are.
    chosen, speakers : speakers of each split, and of all.
    worst, worst_share : the speaker with the lowest share.
    """

    low: float
    high: float
    splits: int
    chosen: int
    speakers: int
    worst: str
    worst_share: float


def spread(
    items: Sequence[Item],
    speaker: Callable[[Item], str],
    right: Callable[[Item], bool | None],
    chosen: int,
    seed: int = 1,
) -> Spread | None:
    """Return the spread of the share of right items; None where too few splits are possible.

    Parameters
    ----------
    right : whether an item is right; None: it does not count.
    chosen : speakers of a split.
    seed : of the splits, where there are more than MOST_SPLITS.
    """
    counts: dict[str, list[int]] = {}
    for item in items:
        good = right(item)
        if good is not None:
            of_speaker = counts.setdefault(speaker(item), [0, 0])
            of_speaker[0] += good
            of_speaker[1] += 1
    names = sorted(counts)
    possible = math.comb(len(names), chosen) if chosen > 0 else 0
    if possible < FEWEST_SPLITS:
        return None
    table = np.array([counts[name] for name in names], np.float64)
    if possible <= MOST_SPLITS:
        splits = np.array(list(combinations(range(len(names)), chosen)))
    else:
        generator = np.random.default_rng(seed)
        splits = np.array([generator.permutation(len(names))[:chosen] for _ in range(MOST_SPLITS)])
    sums = table[splits].sum(axis=1)
    low, high = np.percentile(sums[:, 0] / sums[:, 1], (2.5, 97.5))
    shares = table[:, 0] / table[:, 1]
    worst = int(shares.argmin())
    return Spread(float(low), float(high), len(splits), chosen, len(names), names[worst], float(shares[worst]))
