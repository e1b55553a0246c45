"""What a recording says: one sentence of a short one, every utterance of a long one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from .listener import Listener, Timing, Utterance
from .recogniser import Recogniser, Recognition

WHOLE = 10.0  # s; a recording up to this length with one utterance is recognised from its first to its last sample

Int16 = npt.NDArray[np.int16]


class Recording:
    """A recording that arrives in chunks. No more than `WHOLE` seconds are kept."""

    def __init__(self, recogniser: Recogniser, timing: Timing | None = None) -> None:
        self._recogniser = recogniser
        self._rate = recogniser.network.sample_rate
        self._listener = Listener(recogniser, timing)
        self._kept: list[Int16] = []
        self._held: list[Utterance] = []
        self._length = 0  # samples
        self._count = 0  # utterances given

    @property
    def seconds(self) -> float:
        """Length so far."""
        return self._length / self._rate

    def accept(self, chunk: Int16) -> list[Utterance]:
        """Return the utterances that are certain now: int16 [n], of any size, at the network's sample rate."""
        self._length += len(chunk)
        self._held += self._listener.accept(chunk)
        if self._length <= WHOLE * self._rate:
            self._kept.append(chunk)
            return []
        self._kept.clear()
        self._count += len(self._held)
        found, self._held = self._held, []
        return found

    def finish(self) -> list[Utterance]:
        """Return the rest; where nobody spoke in the whole recording, one utterance without text."""
        self._held += self._listener.finish()
        if self._length <= WHOLE * self._rate and len(self._held) < 2:
            samples = np.concatenate((np.zeros(0, np.int16), *self._kept))
            return [Utterance(0.0, self.seconds, self._recogniser.recognise(samples))]
        if self._count or self._held:
            return self._held
        nothing = Recognition("", "", {}, (), "", None, None, accepted=False)
        return [Utterance(0.0, self.seconds, nothing)]


def recognise_recording(
    recogniser: Recogniser, chunks: Iterable[Int16], timing: Timing | None = None
) -> Iterator[Utterance]:
    """Yield the utterances of a recording, at least one; where nobody speaks it has no text.

    Parameters
    ----------
    chunks : int16 [n], of any size, at the network's sample rate. No more than `WHOLE` seconds are kept.
    timing : how long to wait.
    """
    recording = Recording(recogniser, timing)
    for chunk in chunks:
        yield from recording.accept(chunk)
    yield from recording.finish()
