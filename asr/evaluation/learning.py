"""The learning curve: a power law through (recordings, WER) that predicts the gain from more recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Point:
    """One training on a part of the recordings, and its WER over `words` words of dev."""

    recordings: int
    wer: float
    words: int


@dataclass(frozen=True)
class PowerLaw:
    """WER = scale * recordings ** -exponent, fitted to points.

    Attributes
    ----------
    spread : standard error of the points around the line, in natural logarithms of WER; None for two points.
    points : what it was fitted to, by number of recordings.
    by : how recordings were left out: "speakers", whole speakers, or "recordings", some of each speaker.
    """

    scale: float
    exponent: float
    spread: float | None
    points: tuple[Point, ...]
    by: str = "recordings"

    def at(self, recordings: float) -> float:
        """Return the WER that the law gives for a number of recordings."""
        return float(self.scale * recordings**-self.exponent)

    def interval(self, recordings: float) -> tuple[float, float] | None:
        """Return the 95 % prediction interval of one more training; None where two points leave none.

        The usual one of a straight line by least squares, here in logarithms.
        """
        if self.spread is None:
            return None
        from scipy import stats

        x = np.log([point.recordings for point in self.points])
        distance = (np.log(recordings) - x.mean()) ** 2 / ((x - x.mean()) ** 2).sum()
        factor = stats.t.ppf((1 + CONFIDENCE) / 2, len(x) - 2)
        width = factor * self.spread * np.sqrt(1 + 1 / len(x) + distance)
        return float(self.at(recordings) * np.exp(-width)), float(self.at(recordings) * np.exp(width))

    def forecast(self) -> str:
        """Return the predicted WER for twice the recordings, in words, with its interval."""
        most = self.points[-1].recordings
        now, then, interval = self.at(most), self.at(2 * most), self.interval(2 * most)
        if self.exponent <= 0:
            return f"WER did not fall with more recordings, up to {most}; it is not expected to with twice as many."
        sure = f" (95 %: {_percent(interval[0])} to {_percent(interval[1])})" if interval else ""
        few = "" if interval else " Two points give no interval."
        whose = "of twice the speakers" if self.by == "speakers" else "of the same speakers"
        return (
            f"With twice the recordings ({2 * most} instead of {most}), {whose}, WER would fall from about "
            f"{_percent(now)} to about {_percent(then)}{sure}.{few}"
        )


def fit(points: Sequence[Point], by: str = "recordings") -> PowerLaw:
    """Fit a power law by least squares in logarithms (Hestness et al., arXiv:1712.00409; no floor).

    A WER of zero counts as half an error, so that it has a logarithm.

    Parameters
    ----------
    by : see PowerLaw.

    Raises
    ------
    ValueError : fewer than two different numbers of recordings, or a number below one.
    """
    ordered = tuple(sorted(points, key=lambda point: point.recordings))
    if len({point.recordings for point in ordered}) < 2:
        raise ValueError("a learning curve needs trainings on at least two numbers of recordings")
    if ordered[0].recordings < 1 or any(point.words < 1 for point in ordered):
        raise ValueError("a point of a learning curve needs at least one recording and one word")
    x = np.log([point.recordings for point in ordered])
    y = np.log([max(point.wer, 0.5 / point.words) for point in ordered])
    slope, offset = np.polyfit(x, y, 1)
    free = len(x) - 2
    spread = float(np.sqrt(((y - offset - slope * x) ** 2).sum() / free)) if free else None
    return PowerLaw(float(np.exp(offset)), float(-slope), spread, ordered, by)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
