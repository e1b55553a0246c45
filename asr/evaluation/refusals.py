"""What the runtime accepts and refuses: commands against false accepts per hour, near misses, and calibration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from asr.rejection.examples import COMMAND, Outcome
from asr.rejection.fitting import upper_bound

_BINS = 10  # of the calibration
_FOOLED = 20  # near misses that are listed


@dataclass(frozen=True)
class Kind:
    """A kind of example.

    Attributes
    ----------
    right : answers that are what was said.
    accepted : answers that are accepted, right or wrong.
    """

    name: str
    count: int
    right: int
    accepted: int


@dataclass(frozen=True)
class Refusals:
    """Figures of the rejection on examples that the threshold was not fitted to.

    Attributes
    ----------
    threshold : the confidence from which a device acts.
    accepted : share of commands accepted with the right meaning.
    hours : of other speech and noise.
    false_accepts : accepted answers to it.
    bound : false accepts per hour that so many hours support with 95 % confidence.
    kinds : each kind of example.
    curve : threshold, share of commands accepted and right, false accepts per hour.
    calibration : mean confidence, share of right answers and weight of each bin; commands weigh as much as near
        misses, as they did when the verifier was fitted.
    calibration_error : mean difference of the two over the weights (expected calibration error).
    fooled : near misses accepted with the highest confidence: what was said and what was understood.
    """

    threshold: float
    accepted: float
    hours: float
    false_accepts: int
    bound: float
    kinds: tuple[Kind, ...]
    curve: tuple[tuple[float, float, float], ...]
    calibration: tuple[tuple[float, float, float], ...]
    calibration_error: float
    fooled: tuple[tuple[str, str, float], ...]

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return asdict(self)

    def describe(self) -> str:
        """Return it in a line."""
        return (
            f"runtime at the threshold of {self.threshold:.3f}: {self.accepted:.1%} of commands accepted, clean and in "
            f"noise; {self.false_accepts} false accepts in {self.hours:.1f} h of other speech and noise "
            f"(at most {self.bound:.1f} an hour, 95 %)"
        )


def measure(outcomes: Sequence[Outcome], is_right: Callable[[Outcome], bool], threshold: float) -> Refusals | None:
    """Return the figures; None where there are no commands or no other sound among the outcomes."""
    right = np.array([is_right(one) for one in outcomes])
    confidence = np.array([one.answer.confidence or 0.0 for one in outcomes])
    command = np.array([one.kind == COMMAND for one in outcomes])
    counted = np.array([one.counted for one in outcomes])
    if not command.any() or not counted.any():
        return None
    hours = sum(one.seconds for one in outcomes if one.counted) / 3600
    accepted = confidence >= threshold
    false_accepts = int(np.count_nonzero(counted & accepted))
    names = dict.fromkeys(one.kind for one in outcomes)
    kinds = []
    for name in names:
        chosen = np.array([one.kind == name for one in outcomes])
        kinds.append(Kind(name, *(int(np.count_nonzero(chosen & which)) for which in (chosen, right, accepted))))
    levels = np.unique(np.concatenate((confidence[command | counted], [threshold])))
    if len(levels) > 200:
        levels = np.unique(np.concatenate((np.quantile(levels, np.linspace(0, 1, 200)), [threshold])))
    curve = tuple(
        (
            float(level),
            float(np.mean((right & (confidence >= level))[command])),
            float(np.count_nonzero(counted & (confidence >= level)) / hours),
        )
        for level in levels
    )
    bins, error = _calibration(confidence[~counted], right[~counted], command[~counted])
    wrong = np.flatnonzero(~counted & ~command & accepted & ~right)
    fooled = tuple(
        (outcomes[i].transcript or f"({outcomes[i].kind})", outcomes[i].answer.text, float(confidence[i]))
        for i in wrong[np.argsort(-confidence[wrong], kind="stable")][:_FOOLED]
    )
    return Refusals(
        threshold, float(np.mean((right & accepted)[command])), hours, false_accepts,
        upper_bound(false_accepts) / hours, tuple(kinds), curve, bins, error, fooled,
    )  # fmt: skip


def _calibration(confidence: Any, right: Any, command: Any) -> tuple[tuple[tuple[float, float, float], ...], float]:
    """Return the bins and the expected calibration error (Guo et al., "On Calibration of Modern Neural Networks",
    2017)."""
    weights = np.where(command, 0.5 / max(1, int(np.sum(command))), 0.5 / max(1, int(np.sum(~command))))
    weights /= weights.sum()
    place = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    bins = []
    error = 0.0
    for number in range(_BINS):
        chosen = place == number
        weight = float(weights[chosen].sum())
        if weight:
            mean, share = (float(np.average(values[chosen], weights=weights[chosen])) for values in (confidence, right))
            bins.append((mean, share, weight))
            error += weight * abs(mean - share)
    return tuple(bins), error
