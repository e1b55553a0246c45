"""Sound at another sample rate, with a windowed sinc in polyphase form."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]

_CROSSINGS = 16  # zero crossings of the sinc on either side
_PASSED = 0.92  # of the lower of the two bands; the rest is the filter's slope
_BETA = 8.0  # of the Kaiser window: about 80 dB of stopband attenuation


class Resampler:
    """Resamples a stream, in chunks of any size.

    Parameters
    ----------
    from_rate, to_rate : Hz.
    """

    def __init__(self, from_rate: int, to_rate: int) -> None:
        divisor = math.gcd(from_rate, to_rate)
        self._up, self._down = to_rate // divisor, from_rate // divisor
        cutoff = _PASSED * min(1.0, to_rate / from_rate)
        self._half = math.ceil(_CROSSINGS / cutoff)
        # Output n lies at n * down / up input samples: a whole part, and one of `up` phases between two samples.
        distances = np.arange(-self._half + 1, self._half + 1) - np.arange(self._up)[:, np.newaxis] / self._up
        inside = np.clip(1 - (distances / self._half) ** 2, 0, None)
        kernels = cutoff * np.sinc(cutoff * distances) * np.i0(_BETA * np.sqrt(inside)) / np.i0(_BETA)
        self._kernels: Float32 = (kernels / kernels.sum(axis=1, keepdims=True)).astype(np.float32)
        self._waiting = np.zeros(self._half - 1, np.float32)  # zeros before the first sample
        self._first = -(self._half - 1)  # input sample at the beginning of what waits
        self._given = 0  # output samples
        self._taken = 0  # input samples

    def accept(self, samples: Float32) -> Float32:
        """Return the output that a chunk completes: float32 [n] to float32 [m]."""
        self._waiting = np.concatenate((self._waiting, samples))
        self._taken += len(samples)
        # The last input sample that each output takes is `half` after its whole part.
        known = self._first + len(self._waiting) - 1 - self._half
        return self._give((known + 1) * self._up)

    def finish(self) -> Float32:
        """Return the rest of the output, as if silence followed."""
        self._waiting = np.concatenate((self._waiting, np.zeros(self._half, np.float32)))
        return self._give(self._taken * self._up)

    def _give(self, end: int) -> Float32:
        """Return the outputs whose place is before `end`, in parts of an input sample."""
        count = max(0, -(-end // self._down) - self._given)
        if not count:
            return np.zeros(0, np.float32)
        places = (self._given + np.arange(count, dtype=np.int64)) * self._down
        whole, phase = places // self._up, places % self._up
        windows = np.lib.stride_tricks.sliding_window_view(self._waiting, 2 * self._half)
        rows = windows[whole - (self._half - 1) - self._first]
        found: Float32 = np.einsum("nk,nk->n", rows, self._kernels[phase])
        self._given += count
        following = self._given * self._down // self._up - (self._half - 1)
        self._waiting = self._waiting[max(0, following - self._first) :]
        self._first = max(self._first, following)
        return found
