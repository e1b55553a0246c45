"""A passage of sound that may become an utterance: its features, network and decoder, from its first sample on.

Everything begins anew with the passage, as it does with a recording: what is heard in a stream is what would be
recognised in the recording that is cut out of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .decoder import Decoder
from .features import MfccStream
from .network import Stream
from .recogniser import Recogniser

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Ending:
    """What a passage is if it ends here.

    Attributes
    ----------
    frames : float32 [t, labels + 1], all its log-probabilities.
    letters : frames in which the network writes a letter.
    trailing : frames without one at the end.
    complete : the best sentence is there to its last word.
    final : no sentence of the grammar goes on from there.
    """

    frames: Float32
    letters: int
    trailing: int
    complete: bool
    final: bool


class Passage:
    """A passage in progress.

    Parameters
    ----------
    start : sample of the stream at which it begins.
    """

    def __init__(self, recogniser: Recogniser, start: int) -> None:
        self.start = start
        self._recogniser = recogniser
        self._mfcc = MfccStream(recogniser.network.sample_rate)
        self._network = Stream(recogniser.network)
        self._decoder = Decoder(recogniser.grammar)
        self._blank = len(recogniser.network.labels)
        self._frames: list[Float32] = []
        self.length = 0  # frames that the network has given
        self.letters = 0  # of these, the ones with a letter
        self.trailing = 0  # of these, the ones after the last letter
        self.first_letter = -1  # the first one with a letter

    def accept(self, samples: npt.NDArray[np.int16]) -> None:
        """Take sound: int16 [n]."""
        frames = self._network.accept(self._mfcc.accept(samples))
        if not len(frames):
            return
        self._decoder.accept(frames)
        self._frames.append(frames)
        places = np.flatnonzero(frames.argmax(axis=1) != self._blank)
        if len(places) and self.first_letter < 0:
            self.first_letter = self.length + int(places[0])
        self.length += len(frames)
        self.letters += len(places)
        self.trailing = len(frames) - 1 - int(places[-1]) if len(places) else self.trailing + len(frames)

    def forget(self) -> None:
        """Free what was heard so far; the passage can then only tell where letters begin."""
        self._frames.clear()
        self._decoder.reset()

    def ending(self, samples: npt.NDArray[np.int16], tolerance: float, worst: float) -> Ending:
        """Return what the passage is if it ends after some more samples; the passage itself goes on unchanged.

        Parameters
        ----------
        samples : int16 [n], that `accept` has not taken yet.
        tolerance : log-probability by which a sentence may be less probable than a part of one, and yet complete.
        worst : the largest cost for each letter at which a sentence fits; see `Recognition.cost`.
        """
        mfcc, network, decoder = self._mfcc.copy(), self._network.copy(), self._decoder.copy()
        features = np.concatenate((mfcc.accept(samples), mfcc.finish()))
        tail = np.concatenate((network.accept(features), network.finish()))
        decoder.accept(tail)
        places = np.flatnonzero(tail.argmax(axis=1) != self._blank)
        trailing = len(tail) - 1 - int(places[-1]) if len(places) else self.trailing + len(tail)
        frames = np.concatenate((*self._frames, tail))
        found = decoder.best_ends()
        complete = final = False
        if found is not None:
            ends, score = found
            cost = (decoder.free_score - score) / max(1, decoder.spoken_frames)
            complete = decoder.shortfall() <= tolerance and cost <= worst
            final = not self._recogniser.grammar.continues(ends[-1])
        return Ending(frames, self.letters + len(places), trailing, complete, final)
