"""Voice activity from energy alone: the level of the sound above a tracked noise floor.

The floor is the quietest tenth of a second of the last seconds (minimum statistics; Martin, "Noise power spectral
density estimation based on optimal smoothing and minimum statistics", 2001): speech has gaps, noise has none.
"""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

OPENING = 6.0  # dB above the floor: something begins
NEAR = 3.0  # dB above the floor: no louder than the noise
CLOSING = 4.0  # dB above the floor, or
CLOSING_SHARE = 0.35  # of the way from the floor to the loudest part, whichever is higher: below it nobody speaks

_EMPHASIS = 0.9  # of the sample before, taken off: hum and rumble count for little
_SHORT = 3  # steps whose mean opens
_LONG = 5  # steps whose mean lowers the floor
_SECONDS = 6  # that the floor looks back
_LOWEST = -75.0  # dB below full scale; what is quieter is no speech in any recording
_UNKNOWN = -50.0  # dB; the floor of the first second, which may begin with speech


class Activity:
    """Tells loud steps of 20 ms from quiet ones.

    Attributes
    ----------
    level : dB below full scale of the last step.
    floor : dB, level of the noise.
    quiet : steps since the last that was louder than `CLOSING` allows.
    """

    def __init__(self, sample_rate: int) -> None:
        self._per_second = max(1, sample_rate // (sample_rate * 20 // 1000))
        self._last = 0.0
        self._powers: deque[float] = deque(maxlen=_LONG)
        self._minima: deque[float] = deque(maxlen=_SECONDS)
        self._minimum = 0.0
        self._steps = 0
        self._loudest = _LOWEST
        self.level = self.floor = _LOWEST
        self.quiet = 0

    def accept(self, samples: npt.NDArray[np.int16]) -> None:
        """Take a step: int16 [n]."""
        values = samples.astype(np.float32)
        before = np.concatenate((np.array([self._last], np.float32), values[:-1]))
        self._last = float(values[-1])
        change = values - np.float32(_EMPHASIS) * before
        self._powers.append(float(change @ change) / len(change))
        self.level = _decibels(self._powers[-1])
        self._track()
        self._loudest = max(self._loudest, self.level)
        above = max(CLOSING, CLOSING_SHARE * (self._loudest - self.floor))
        self.quiet = 0 if self.level > self.floor + above else self.quiet + 1

    @property
    def opens(self) -> bool:
        """Whether the last steps are loud enough for something to begin."""
        recent = list(self._powers)[-_SHORT:]
        return _decibels(sum(recent) / _SHORT) > self.floor + OPENING

    def begin(self, loudest: float) -> None:
        """Begin an utterance whose loudest step so far has a level of `loudest` dB."""
        self._loudest = loudest

    def _track(self) -> None:
        mean = sum(self._powers) / len(self._powers)
        if self._steps % self._per_second == 0:
            self._minima.append(mean)
        elif len(self._powers) == _LONG:
            self._minima[-1] = min(self._minima[-1], mean)
        self._steps += 1
        self.floor = max(_decibels(min(self._minima)), _LOWEST)
        if self._steps <= self._per_second:
            self.floor = min(self.floor, _UNKNOWN)


def _decibels(power: float) -> float:
    """Return a mean square of int16 samples in dB below full scale."""
    return 10.0 * float(np.log10(power / 32768.0**2 + 1e-10))
