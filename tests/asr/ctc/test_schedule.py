"""The learning rate and the end of a training."""

from __future__ import annotations

import dataclasses
import math

import pytest

from asr.ctc.schedule import LearningRateSchedule
from asr.settings.sections import Train

PLATEAU = Train(
    schedule="plateau", epochs=100, learning_rate=0.01, warm_up=0.1, plateau_patience=3,
    plateau_factor=0.5, early_stop_patience=8,
)
CYCLE = dataclasses.replace(PLATEAU, schedule="one-cycle")


def test_it_warms_up_in_a_straight_line() -> None:
    for settings in (PLATEAU, CYCLE):
        rates = [LearningRateSchedule().rate(settings, progress) for progress in (0.0, 0.025, 0.05, 0.075, 0.0999)]
        assert rates[1:] == pytest.approx([0.0025, 0.005, 0.0075, 0.00999])
        assert 0 < rates[0] < rates[1]
        assert LearningRateSchedule().rate(settings, 0.1) == pytest.approx(0.01)
        cold = dataclasses.replace(settings, warm_up=0)
        assert LearningRateSchedule().rate(cold, 0.0) == pytest.approx(0.01)


def test_one_cycle_falls_along_half_a_cosine() -> None:
    rates = [LearningRateSchedule().rate(CYCLE, 0.1 + 0.9 * done) for done in (0, 0.25, 0.5, 0.75, 1, 1.2)]
    expected = [0.01 * (1 + math.cos(math.pi * done)) / 2 for done in (0, 0.25, 0.5, 0.75)]
    assert rates == pytest.approx([*expected, 0.00001, 0.00001])
    pace = LearningRateSchedule()
    for epoch, loss in enumerate([3.0, *[4.0] * 30]):
        pace.note(CYCLE, epoch, loss)
    assert pace.factor == 1, "a plateau is nothing to one-cycle"


def test_a_plateau_halves_the_rate_and_is_counted_anew() -> None:
    pace = LearningRateSchedule()
    factors = []
    losses = [9, 8, 8, 8, 8, 8, 8, 8, 7, 7, 7, 7.0]
    for epoch, loss in enumerate(losses):
        assert pace.note(PLATEAU, epoch, loss) == (epoch in (0, 1, 8))
        factors.append(pace.factor)
    # Best at 1: three epochs without a better one end at 4, three more at 7; best at 8: at 11.
    assert factors == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.125]
    assert pace.rate(PLATEAU, 0.5) == pytest.approx(0.01 * 0.125)
    assert (pace.best, pace.best_epoch) == (7, 8)


def test_training_ends_when_dev_loss_has_stopped_falling() -> None:
    def ends(settings: Train, losses: list[float]) -> int | None:
        pace = LearningRateSchedule()
        for epoch, loss in enumerate(losses):
            pace.note(settings, epoch, loss)
            if pace.is_over(settings, epoch):
                return epoch
        return None

    short = dataclasses.replace(PLATEAU, epochs=20)  # warm-up is over after two epochs
    assert ends(short, [5, 4, *[4.5] * 18]) == 9
    assert ends(short, [5.0 - epoch / 10 for epoch in range(20)]) is None
    assert ends(dataclasses.replace(short, early_stop_patience=0), [5, 4, *[4.5] * 18]) is None
    # The rate still rises: what came first says nothing yet.
    slow = dataclasses.replace(PLATEAU, epochs=100, warm_up=0.5)
    assert ends(slow, [4, *[5.0] * 99]) == 50


def test_a_one_cycle_rate_that_has_nothing_more_to_give_falls_at_once() -> None:
    """A training ends with a low rate, however early its dev loss stalls: that is where most of the gain is."""
    pace = LearningRateSchedule()
    rates, losses = [], [5.0, 4.0, *[4.5] * 98]
    for epoch, loss in enumerate(losses):
        rates.append([pace.rate(CYCLE, (epoch + done) / 100) for done in (0, 0.5)])
        pace.note(CYCLE, epoch, loss)
        if pace.is_over(CYCLE, epoch):
            break
    # The warm-up of ten epochs hides the stall until it is over; then a quarter of the epochs follow.
    assert pace.stalled == 11 and len(rates) == 11 + 25
    high = LearningRateSchedule().rate(CYCLE, 0.11)
    assert rates[11] == pytest.approx([high, high * (1 + math.cos(math.pi * 0.5 / 25)) / 2])
    assert rates[23][1] == pytest.approx(high / 2, rel=0.01) and rates[35][1] < high * 0.002
    falling = [rate for pair in rates[10:] for rate in pair]
    assert falling == sorted(falling, reverse=True)
    # Near its planned fall, and without early stopping, the rate stays.
    late, never = LearningRateSchedule(), LearningRateSchedule()
    for epoch in range(100):
        late.note(CYCLE, epoch, 5 - min(epoch, 68) / 100)
        never.note(dataclasses.replace(CYCLE, early_stop_patience=0), epoch, 5.0)
        assert not late.is_over(CYCLE, epoch) and not never.is_over(CYCLE, epoch)
    assert late.stalled == never.stalled == -1


def test_a_loss_that_is_no_number_is_never_the_best() -> None:
    pace = LearningRateSchedule()
    assert not pace.note(PLATEAU, 0, math.nan)
    assert not pace.note(PLATEAU, 1, math.inf)
    assert pace.best_epoch == -1 and not pace.is_over(PLATEAU, 90)
