"""The learning rate over a training, and early stopping."""

from __future__ import annotations

import math
from dataclasses import dataclass

from asr.settings.sections import Train

_LAST_FALL = 0.25  # share of the planned epochs in which a stalled rate falls to nothing


@dataclass
class LearningRateSchedule:
    """Learning rate and early stopping; its fields are the state that a checkpoint keeps.

    Attributes
    ----------
    factor : product of the plateaus' factors so far.
    best : lowest dev loss.
    best_epoch : its epoch; -1: none yet.
    plateau_start : epoch from which a plateau is counted.
    stalled : epoch at whose start a one-cycle rate began to fall early; -1: not yet.
    """

    factor: float = 1.0
    best: float = math.inf
    best_epoch: int = -1
    plateau_start: int = 0
    stalled: int = -1

    def rate(self, settings: Train, progress: float) -> float:
        """Return the learning rate at `progress` (0 to 1) of all epochs.

        It rises linearly over the warm-up. Then "plateau" keeps it, times the plateaus' factors, and "one-cycle" lets
        it fall along half a cosine (Smith, Super-Convergence, 2018) to a thousandth, faster once dev loss has stalled.
        """
        if progress < settings.warm_up:
            return settings.learning_rate * self.factor * max(0.04, progress / settings.warm_up)
        if settings.schedule == "plateau":
            return settings.learning_rate * self.factor
        left = 1.0
        if self.stalled >= 0:
            left = _fallen((progress * settings.epochs - self.stalled) / _last_fall(settings))
            progress = self.stalled / settings.epochs
        done = (progress - settings.warm_up) / max(1 - settings.warm_up, 1e-9)
        return settings.learning_rate * max(0.001, left * _fallen(done))

    def note(self, settings: Train, epoch: int, dev_loss: float) -> bool:
        """Record the dev loss of an epoch (from 0) and return whether it is the lowest so far."""
        if dev_loss < self.best:
            self.best, self.best_epoch, self.plateau_start = dev_loss, epoch, epoch
            return True
        if settings.schedule == "plateau" and epoch - self.plateau_start >= settings.plateau_patience:
            self.factor *= settings.plateau_factor
            self.plateau_start = epoch
        # A high rate gains nothing more here; a falling one still does.
        early = settings.epochs - (epoch + 1) > _last_fall(settings)
        if settings.schedule == "one-cycle" and self.stalled < 0 and early and self._waited(settings, epoch):
            self.stalled = epoch + 1
        return False

    def is_over(self, settings: Train, epoch: int) -> bool:
        """Return whether training should end after `epoch`, because dev loss has stopped falling.

        A one-cycle rate falls to nothing first.
        """
        if settings.schedule == "one-cycle":
            return self.stalled >= 0 and epoch + 1 >= self.stalled + _last_fall(settings)
        return self._waited(settings, epoch)

    def _waited(self, settings: Train, epoch: int) -> bool:
        patience = settings.early_stop_patience
        warming = epoch < settings.warm_up * settings.epochs
        return bool(patience) and not warming and self.best_epoch >= 0 and epoch - self.best_epoch >= patience


def _fallen(done: float) -> float:
    """Half a cosine from 1 to 0."""
    return 0.5 * (1 + math.cos(math.pi * min(max(done, 0.0), 1.0)))


def _last_fall(settings: Train) -> int:
    """Return the epochs in which the rate of a training that has stalled falls to nothing."""
    return max(1, round(settings.epochs * _LAST_FALL))
