"""Figures of rejection, from outcomes whose figures are known."""

from __future__ import annotations

import numpy as np
import pytest

from asr.evaluation.refusal_section import draw, section
from asr.evaluation.refusals import measure
from asr.rejection.examples import COMMAND, Outcome
from asr.runtime.recogniser import Recognition


def outcome(kind: str, said: str | None, text: str, confidence: float, seconds: float = 2.0) -> Outcome:
    answer = Recognition(text, "", {}, (), "", None, None, confidence, confidence >= 0.5)
    return Outcome(kind, said, answer, seconds, kind in ("other speech", "noise"))


def is_right(one: Outcome) -> bool:
    return one.transcript == one.answer.text


OUTCOMES = [
    *(outcome(COMMAND, "turn on", "turn on", 0.9) for _ in range(8)),
    outcome(COMMAND, "turn on", "turn on", 0.3),
    outcome(COMMAND, "turn on", "turn off", 0.8),
    *(outcome("near miss", "turn up", "turn on", 0.2) for _ in range(4)),
    outcome("near miss", "burn <on>", "turn on", 0.7),
    *(outcome("other speech", "hello", "turn on", 0.1, 1799.0) for _ in range(3)),
    outcome("noise", "", "turn on", 0.6, 1803.0),
]


def test_the_figures_are_those_of_the_counts() -> None:
    found = measure(OUTCOMES, is_right, 0.5)
    assert found is not None
    assert found.accepted == pytest.approx(0.8)
    assert (found.hours, found.false_accepts) == (pytest.approx(2.0), 1)
    # 4.744 is the 95 % bound of one event.
    assert found.bound == pytest.approx(4.744 / 2, abs=1e-3)
    assert {kind.name: (kind.count, kind.right, kind.accepted) for kind in found.kinds} == {
        COMMAND: (10, 9, 9), "near miss": (5, 0, 1), "other speech": (3, 0, 0), "noise": (1, 0, 1),
    }  # fmt: skip
    assert found.fooled == (("burn <on>", "turn on", 0.7),)


def test_the_curve_falls_in_both_as_the_threshold_rises() -> None:
    found = measure(OUTCOMES, is_right, 0.5)
    assert found is not None
    curve = np.array(found.curve)
    assert (np.diff(curve[:, 0]) > 0).all()
    assert (np.diff(curve[:, 1]) <= 0).all() and (np.diff(curve[:, 2]) <= 0).all()
    assert curve[0, 1] == pytest.approx(0.9) and curve[0, 2] == pytest.approx(2.0)


def test_the_calibration_error_is_the_mean_distance_from_the_diagonal() -> None:
    found = measure(OUTCOMES, is_right, 0.5)
    assert found is not None
    # Ten commands: 8 at 0.9 right, one at 0.3 right, one at 0.8 wrong. Five near misses: 4 at 0.2, one at 0.7, wrong.
    expected = 0.5 * (8 * 0.1 + 0.7 + 0.8) / 10 + 0.5 * (4 * 0.2 + 0.7) / 5
    assert found.calibration_error == pytest.approx(expected)


def test_nothing_is_said_without_commands_or_without_other_sound() -> None:
    assert measure(OUTCOMES[:10], is_right, 0.5) is None
    assert measure(OUTCOMES[10:], is_right, 0.5) is None


def test_the_section_names_what_fooled_it_and_escapes_it() -> None:
    found = measure(OUTCOMES, is_right, 0.5)
    assert found is not None
    pictures = {name: "<svg/>" for name in draw(found)}
    html = section(found, None, pictures)
    assert "burn &lt;on&gt;" in html and "1 false accepts in 2.0 h" in html
