"""The search for the scorer's weights: what is tried, what wins, and that what works is kept."""

from __future__ import annotations

import pytest

from tools.commands.steps import tuning


def test_the_search_goes_down_the_slope(capfd: pytest.CaptureFixture[str]) -> None:
    tried = tuning.search(lambda alpha, beta: abs(alpha - 2.1) + abs(beta - 3.2) / 10, (0.9, 1.2))
    assert next(iter(tried)) == (0.9, 1.2)
    assert tuning.best(tried) == (2.0, 3.0)
    assert len(tried) == 1 + len(tuning.ALPHAS) + len(tuning.BETAS)
    assert capfd.readouterr().err.count("dev WER") == len(tried)


def test_equals_leave_what_was_there_and_nothing_is_tried_twice() -> None:
    asked = []

    def evaluate(alpha: float, beta: float) -> float:
        asked.append((alpha, beta))
        return 0.25

    tried = tuning.search(evaluate, (1.5, 2.0))
    assert tuning.best(tried) == next(iter(tried)) == (1.5, 2.0)
    assert set(tried.values()) == {0.25}
    assert len(asked) == len(set(asked)) == len(tuning.ALPHAS) + len(tuning.BETAS) - 1
