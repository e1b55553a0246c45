"""The output of DeepSpeech's trainer, read line by line."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Any

Row = Mapping[str, Any]

# After this line the fork's process does not end by itself.
EXPORTED = "Models exported at"

_NUMBER = r"([-+.\w]+)"
_TRAINED = re.compile(rf"Finished training epoch (\d+) - loss: {_NUMBER}")
_VALIDATED = re.compile(rf"Finished validating epoch (\d+) on .* - loss: {_NUMBER}")
_TOLD = ("Early stop triggered", "Encountered a plateau", "The following files caused an infinite")


class Reader:
    """Turns the trainer's lines into rows of a run's curves.

    Parameters
    ----------
    on_epoch : takes each epoch's row: epoch (from 1), loss_per_clip and dev_loss in nats an utterance (means of
        the batches' means, as the trainer counts them), and seconds.
    on_remark : takes lines to show to the user.
    done : epochs of earlier processes; the trainer counts from 0 in each.
    clock : seconds, monotonic.
    """

    def __init__(
        self,
        on_epoch: Callable[[Row], None],
        on_remark: Callable[[str], None],
        done: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._on_epoch, self._on_remark = on_epoch, on_remark
        self._done, self._clock = done, clock
        self._begun = clock()
        self._loss = (-1, 0.0)
        self.exported = False

    def read(self, line: str) -> None:
        """Take one line."""
        if EXPORTED in line:
            self.exported = True
        elif "Training epoch" in line:
            self._begun = self._clock()
        elif found := _TRAINED.search(line):
            self._loss = (int(found[1]), float(found[2]))
        elif found := _VALIDATED.search(line):
            epoch, loss = self._loss
            if epoch == int(found[1]):
                seconds = round(self._clock() - self._begun, 2)
                row = {"epoch": self._done + epoch + 1, "loss_per_clip": loss, "dev_loss": float(found[2])}
                self._on_epoch({**row, "seconds": seconds})
        elif any(words in line for words in _TOLD):
            self._on_remark(line.strip().removeprefix("I ").removeprefix("E "))
