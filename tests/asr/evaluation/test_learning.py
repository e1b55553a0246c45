"""The power law of the learning curve against exact points and SciPy's regression."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from asr.evaluation.learning import Point, fit


def test_power_law_is_found_and_forecast() -> None:
    exact = [Point(n, 2.0 * n**-0.5, 1000) for n in (50, 100, 200, 400)]
    law = fit(exact)
    assert (law.scale, law.exponent) == (pytest.approx(2.0), pytest.approx(0.5))
    assert law.at(800) == pytest.approx(2.0 * 800**-0.5)
    assert (
        "With twice the recordings (800 instead of 400), of the same speakers, WER would fall from about 10.0 % "
        "to about 7.1 %" in law.forecast()
    )
    assert "(800 instead of 400), of twice the speakers, WER" in fit(exact, "speakers").forecast()
    assert fit(exact[:2]).interval(800) is None and "give no interval" in fit(exact[:2]).forecast()
    with pytest.raises(ValueError, match="at least two"):
        fit(exact[:1])


def test_interval_of_the_power_law_is_that_of_the_regression() -> None:
    points = [Point(50, 0.30, 900), Point(100, 0.19, 900), Point(200, 0.15, 900), Point(400, 0.09, 900)]
    x, y = np.log([p.recordings for p in points]), np.log([p.wer for p in points])
    reference = stats.linregress(x, y)
    law = fit(points)
    assert -law.exponent == pytest.approx(reference.slope)
    # At the mean of x the error of the slope plays no part: what is left is the spread and that of the mean.
    middle = float(np.exp(x.mean()))
    spread = reference.stderr * np.sqrt(((x - x.mean()) ** 2).sum())
    width = stats.t.ppf(0.975, 2) * spread * np.sqrt(1 + 1 / 4)
    interval = law.interval(middle)
    assert interval is not None
    assert interval[1] / law.at(middle) == pytest.approx(np.exp(width))
