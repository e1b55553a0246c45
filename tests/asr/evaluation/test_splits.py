"""The spread over splits of the speakers against the hypergeometric distribution."""

from __future__ import annotations

import math

from scipy import stats

from asr.evaluation.splits import spread

# Ten speakers with four clips each; three of them are wrong in all.
ITEMS = [(f"s{speaker}", speaker >= 3) for speaker in range(10) for _ in range(4)]


def test_a_spread_is_that_of_all_splits() -> None:
    found = spread(ITEMS, lambda item: item[0], lambda item: item[1], 4)
    assert found is not None and found.splits == math.comb(10, 4)
    # Of four speakers drawn from ten, the number of good ones is hypergeometric: 1 to 4.
    low, high = stats.hypergeom.ppf((0.025, 0.975), 10, 7, 4) / 4
    assert (found.low, found.high) == (low, high)
    assert (found.worst, found.worst_share, found.speakers) == ("s0", 0.0, 10)


def test_many_splits_are_drawn() -> None:
    items = [(f"s{speaker:02}", speaker >= 9) for speaker in range(30)]
    found = spread(items, lambda item: item[0], lambda item: item[1], 15)
    assert found is not None and found.splits == 2000
    low, high = stats.hypergeom.ppf((0.025, 0.975), 30, 21, 15) / 15
    assert abs(found.low - low) < 0.07 and abs(found.high - high) < 0.07
    assert found == spread(items, lambda item: item[0], lambda item: item[1], 15)


def test_what_does_not_count_is_left_out_and_too_few_splits_say_nothing() -> None:
    items = [*ITEMS, *((f"t{number}", None) for number in range(50))]
    found = spread(items, lambda item: item[0], lambda item: item[1], 4)
    assert found == spread(ITEMS, lambda item: item[0], lambda item: item[1], 4)
    assert spread(ITEMS[:16], lambda item: item[0], lambda item: item[1], 4) is None
    assert spread(ITEMS, lambda item: item[0], lambda item: item[1], 0) is None
