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

TOLERANCE = 4.0  # log-probability that a complete sentence may lack to the best part of a sentence
WORST = 2.0  # cost for each letter, as in Recognition.cost, above which no sentence fits

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class State:
    """What a passage is so far, or if it ends here.

    Attributes
    ----------
    letters : frames in which the network writes a letter.
    trailing : frames without one at the end.
    complete : the best sentence is there to its last word.
    final : no sentence of the grammar goes on from there.
    """

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

    def state(self) -> State:
        """Return what the passage is, as far as the network has heard it."""
        return self._state(self._decoder, self.letters, self.trailing)

    def text(self) -> str:
        """Return the sentence so far: the words that are finished, the last one too where a sentence may end."""
        if self.state().complete:
            found = self._decoder.best()
            return "" if found is None else found.meaning.text
        return " ".join(self._decoder.partial())

    def ending(self, samples: npt.NDArray[np.int16]) -> tuple[State, Float32]:
        """Return what the passage is if it ends after some more samples, and its log-probabilities.

        The passage itself goes on unchanged.

        Parameters
        ----------
        samples : int16 [n], that `accept` has not taken yet.

        Returns
        -------
        state, frames : frames is float32 [t, labels + 1], as for a recording that begins and ends where this does.
        """
        mfcc, network, decoder = self._mfcc.copy(), self._network.copy(), self._decoder.copy()
        features = np.concatenate((mfcc.accept(samples), mfcc.finish()))
        tail = np.concatenate((network.accept(features), network.finish()))
        decoder.accept(tail)
        places = np.flatnonzero(tail.argmax(axis=1) != self._blank)
        trailing = len(tail) - 1 - int(places[-1]) if len(places) else self.trailing + len(tail)
        state = self._state(decoder, self.letters + len(places), trailing)
        return state, np.concatenate((*self._frames, tail))

    def frames(self, first: int) -> Float32:
        """Return the log-probabilities of frame `first` and those after it, without the ones that are forgotten."""
        kept = np.concatenate((np.zeros((0, self._blank + 1), np.float32), *self._frames))
        return kept[max(0, len(kept) - (self.length - first)) :]

    def _state(self, decoder: Decoder, letters: int, trailing: int) -> State:
        found = decoder.best_ends()
        if found is None:
            return State(letters, trailing, False, False)
        ends, score = found
        cost = (decoder.free_score - score) / max(1, decoder.spoken_frames)
        complete = decoder.shortfall() <= TOLERANCE and cost <= WORST
        return State(letters, trailing, complete, not decoder.grammar.continues(ends[-1]))
