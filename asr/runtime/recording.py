"""What a recording says: one sentence of a short one, every utterance of a long one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from .listener import Listener, Utterance
from .recogniser import Recogniser, Recognition

WHOLE = 10.0  # s; a recording up to this length with one utterance is recognised from its first to its last sample

Int16 = npt.NDArray[np.int16]


def recognise_recording(recogniser: Recogniser, chunks: Iterable[Int16]) -> Iterator[Utterance]:
    """Yield the utterances of a recording, at least one; where nobody speaks it has no text.

    Parameters
    ----------
    chunks : int16 [n], of any size, at the network's sample rate. No more than `WHOLE` seconds are kept.
    """
    rate = recogniser.network.sample_rate
    listener = Listener(recogniser)
    kept: list[Int16] = []
    held: list[Utterance] = []
    length = count = 0
    for chunk in chunks:
        length += len(chunk)
        held += listener.accept(chunk)
        if length <= WHOLE * rate:
            kept.append(chunk)
            continue
        kept.clear()
        count += len(held)
        yield from held
        held.clear()
    held += listener.finish()
    if length <= WHOLE * rate and len(held) < 2:
        samples = np.concatenate((np.zeros(0, np.int16), *kept))
        held = [Utterance(0.0, length / rate, recogniser.recognise(samples))]
    yield from held
    if not count and not held:
        nothing = Recognition("", "", {}, (), "", None, None, accepted=False)
        yield Utterance(0.0, length / rate, nothing)
