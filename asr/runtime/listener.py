"""Utterances in a stream of sound: where each begins and ends, and what it says.

While it is quiet, only the energy is measured. Something loud opens a passage, a little before it began. The passage
ends when the sound is quiet, or the network writes blanks, for as long as the grammar needs to be sure: shortly after
a sentence that nothing can follow, later where words may follow or no sentence fits. The network looks ahead, so at a
quiet moment a copy of it is finished with silence instead of waiting for what comes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import numpy.typing as npt

from .activity import NEAR, Activity
from .features import STEP_MS, mfcc, step_samples
from .network import log_probabilities
from .passage import Passage, State
from .recogniser import Recogniser, Recognition, Word

Int16 = npt.NDArray[np.int16]

PAUSES = (0.2, 3.0)  # s that a listener may be asked to wait for more words
_BLOCK = 4  # steps that the network takes at once
_LEAST_LETTERS = 2  # frames with a letter; fewer are no word
_STALE = 40  # frames without a letter, after which a passage begins anew with its first one
_QUIET = 20  # quiet steps after which what has no letters is over; the network has heard all but these by then
_LEAST_TRAILING = 3  # frames without a letter, after which a word is over


@dataclass(frozen=True)
class Timing:
    """How long a listener waits.

    Attributes
    ----------
    margin : s before the first moment that is louder than the noise, as clips have in training.
    attack : s that may pass from there until it is loud enough for speech.
    pre_roll : s before the first letter, where noise began long before it.
    final : s of quiet after a sentence that nothing can follow.
    blanks : s of blanks after such a sentence, where noise goes on.
    open : s after a sentence that words can follow.
    incomplete : s after what is no whole sentence.
    longest : s of an utterance; a longer one is cut at its quietest place.
    """

    margin: float = 0.15
    attack: float = 0.35
    pre_roll: float = 0.3
    final: float = 0.16
    blanks: float = 0.3
    open: float = 0.6
    incomplete: float = 1.0
    longest: float = 12.0

    @classmethod
    def paused(cls, seconds: float) -> Timing:
        """Return a timing that waits so long for words that can follow; ValueError if that is no sensible pause.

        What is no whole sentence is waited for as long, where that is longer than usual.
        """
        least, most = PAUSES
        if not least <= seconds <= most:  # not a number is not between them either
            raise ValueError(f"a pause of {seconds:g} s is not between {least:g} and {most:g} s")
        return cls(open=seconds, incomplete=max(cls.incomplete, seconds))


@dataclass(frozen=True)
class Utterance:
    """Something that was said.

    Attributes
    ----------
    start, end : s from the beginning of the stream.
    recognition : what `Recogniser.recognise` says of the sound between them, with the words' times from the beginning
        of the stream.
    """

    start: float
    end: float
    recognition: Recognition


@dataclass(frozen=True)
class Partial:
    """What is being said.

    Attributes
    ----------
    start : s from the beginning of the stream.
    text : the words so far, from the best path of the moment; they may still change.
    """

    start: float
    text: str


class Listener:
    """Finds and recognises utterances in a stream. Its memory does not grow.

    Parameters
    ----------
    recogniser : whose network gives the sample rate.
    timing : how long to wait.
    """

    def __init__(self, recogniser: Recogniser, timing: Timing | None = None) -> None:
        self._recogniser = recogniser
        timing = timing or Timing()
        self._timing = timing
        self._rate = recogniser.network.sample_rate
        self._step = step_samples(self._rate)
        self._longest = _steps(timing.longest)
        kept = self._longest + _steps(timing.attack + timing.margin + timing.pre_roll) + 2 * _STALE
        self._sound = _Recent(kept * self._step)
        self._levels: deque[float] = deque(maxlen=kept)
        self._activity = Activity(self._rate)
        self._rest = np.zeros(0, np.int16)
        self._now = 0  # steps heard
        self._taken = 0  # steps that the passage has
        self._free = 0  # the step after the last utterance
        self._passage: Passage | None = None

    @property
    def hears(self) -> bool:
        """Whether something is said at the moment, as far as is known."""
        return self._passage is not None and self._passage.letters >= _LEAST_LETTERS

    def partial(self) -> Partial | None:
        """Return what is being said at the moment; None where nothing is."""
        if self._passage is None or not self.hears:
            return None
        return Partial(self._passage.start / self._rate, self._passage.text())

    def accept(self, samples: Int16) -> list[Utterance]:
        """Return the utterances that end in a chunk of sound: int16 [n], of any size."""
        waiting = np.concatenate((self._rest, samples))
        count = len(waiting) // self._step
        self._rest = waiting[count * self._step :].copy()
        steps = waiting[: count * self._step].reshape(count, self._step)
        found = (self._take(step) for step in steps)
        return [utterance for utterance in found if utterance is not None]

    def finish(self) -> list[Utterance]:
        """Return the utterance that the stream's end cuts off, if there is one; the stream is over."""
        passage = self._passage
        if passage is None:
            return []
        if self._is_stale(passage):
            passage = self._begin(self._now - _steps(self._timing.pre_roll))
        self._sound.append(self._rest)
        end = self._now * self._step + len(self._rest)
        state, frames = passage.ending(self._sound.slice(self._taken * self._step, end))
        self._passage = None
        if state.letters < _LEAST_LETTERS:
            return []
        return [self._utterance(passage.start, end, self._recogniser.judge(frames))]

    @property
    def levels(self) -> tuple[float, float]:
        """The level of the last step and that of the noise, dB below full scale."""
        return self._activity.level, self._activity.floor

    @property
    def passage(self) -> Passage | None:
        """The sound that may become an utterance; None while it is quiet."""
        return self._passage

    def sound(self, start: float, end: float) -> Int16:
        """Return the sound of an utterance that ended less than a second ago, int16 [n]: s of the stream."""
        return self._sound.slice(round(start * self._rate), round(end * self._rate))

    def _take(self, samples: Int16) -> Utterance | None:
        """Hear one step; return the utterance that ends with it."""
        self._activity.accept(samples)
        self._sound.append(samples)
        self._levels.append(self._activity.level)
        self._now += 1
        if self._passage is None:
            if self._activity.opens:
                self._begin(self._onset())
            return None
        if self._now - self._taken >= _BLOCK:
            self._passage.accept(self._sound.slice(self._taken * self._step, self._now * self._step))
            self._taken = self._now
            self._skip_noise(self._passage)
        return self._end(self._passage)

    def _onset(self) -> int:
        """Return the step at which a passage begins that opens now."""
        attack, margin = _steps(self._timing.attack), _steps(self._timing.margin)
        levels = self._since(max(self._free, self._now - attack))
        louder = 0
        for level in reversed(levels):
            if level < self._activity.floor + NEAR:
                break
            louder += 1
        return max(self._free, self._now - louder - margin, 0)

    def _begin(self, first: int) -> Passage:
        """Begin a passage at a step of the past, and return it."""
        passage = Passage(self._recogniser, first * self._step)
        passage.accept(self._sound.slice(first * self._step, self._now * self._step))
        self._activity.begin(max(self._since(first)))
        self._passage, self._taken = passage, self._now
        return passage

    def _since(self, first: int) -> list[float]:
        """Return the levels of the steps since one of the past."""
        return list(islice(self._levels, len(self._levels) - (self._now - first), None))

    def _is_stale(self, passage: Passage) -> bool:
        """Return whether a passage is long and has no letter yet."""
        return not passage.letters and passage.length > _STALE

    def _skip_noise(self, passage: Passage) -> None:
        """Begin the passage anew shortly before its first letter, where it began with long noise."""
        if self._is_stale(passage):
            passage.forget()
        elif passage.first_letter > _STALE:
            letter = passage.start // self._step + passage.first_letter
            self._begin(letter - _steps(self._timing.pre_roll))

    def _end(self, passage: Passage) -> Utterance | None:
        """Return the utterance if the passage ends here."""
        quiet = self._activity.quiet
        if self._is_stale(passage):
            self._passage = None if quiet >= _QUIET else passage
            return None
        if self._now - passage.start // self._step >= self._longest:
            return self._cut(passage)
        waited = quiet - _steps(self._timing.final)
        unheard = self._now - passage.start // self._step - passage.length
        if passage.trailing < unheard and waited >= 0 and waited % _BLOCK == 0:
            state, frames = passage.ending(self._untaken())
        elif passage.trailing >= unheard and self._taken == self._now:
            state = passage.state()
            state, frames = replace(state, trailing=state.trailing + min(quiet, unheard)), None
        else:
            return None
        pause = max(min(quiet, state.trailing), passage.trailing)
        if state.letters < _LEAST_LETTERS:
            if quiet >= _QUIET or (passage.letters and pause >= _steps(self._timing.open)):
                self._passage = None
            return None
        if not self._is_over(passage, state, pause):
            return None
        if frames is None:
            state, frames = passage.ending(self._untaken())
        if waited >= 0 and state.trailing < _LEAST_TRAILING:
            return None
        self._passage, self._free = None, self._now
        return self._utterance(passage.start, self._now * self._step, self._recogniser.judge(frames))

    def _is_over(self, passage: Passage, state: State, pause: int) -> bool:
        """Return whether nobody is waited for any longer after a pause of some steps."""
        timing = self._timing
        if state.complete and state.final:
            quiet = self._activity.quiet >= _steps(timing.final) and state.trailing >= _LEAST_TRAILING
            return quiet or passage.trailing >= _steps(timing.blanks)
        return pause >= _steps(timing.open if state.complete else timing.incomplete)

    def _untaken(self) -> Int16:
        """Return the sound that the passage does not have yet."""
        return self._sound.slice(self._taken * self._step, self._now * self._step)

    def _cut(self, passage: Passage) -> Utterance | None:
        """Cut a passage that is too long at its quietest place, and go on with the rest."""
        first = passage.start // self._step
        levels = np.array(self._since(first))
        means = np.convolve(levels, np.ones(5) / 5, "same")
        low, high = len(levels) // 3, len(levels) - 10
        place = first + low + int(means[low:high].argmin())
        sound = self._sound.slice(passage.start, place * self._step)
        self._free = place
        self._begin(place)
        if passage.letters < _LEAST_LETTERS:
            return None
        frames = log_probabilities(self._recogniser.network, mfcc(sound, self._rate))
        return self._utterance(passage.start, place * self._step, self._recogniser.judge(frames))

    def _utterance(self, start: int, end: int, found: Recognition) -> Utterance:
        seconds = start / self._rate
        words = tuple(Word(word.text, word.start + seconds, word.end + seconds) for word in found.words)
        return Utterance(seconds, end / self._rate, replace(found, words=words))


def listen(recogniser: Recogniser, chunks: Iterable[Int16], timing: Timing | None = None) -> Iterator[Utterance]:
    """Yield the utterances of a stream as soon as each has ended: chunks of int16 [n], of any size."""
    listener = Listener(recogniser, timing)
    for chunk in chunks:
        yield from listener.accept(chunk)
    yield from listener.finish()


class _Recent:
    """The last samples of a stream.

    Parameters
    ----------
    kept : samples.
    """

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._samples = np.zeros(2 * kept, np.int16)
        self._first = 0  # of the stream, at the beginning of the array
        self._count = 0

    def append(self, samples: Int16) -> None:
        """Add samples, fewer than are kept."""
        if self._count + len(samples) > len(self._samples):
            dropped = self._count - self._kept
            self._samples[: self._kept] = self._samples[dropped : self._count].copy()
            self._first += dropped
            self._count = self._kept
        self._samples[self._count : self._count + len(samples)] = samples
        self._count += len(samples)

    def slice(self, start: int, end: int) -> Int16:
        """Return the samples from `start` to `end` of the stream."""
        return self._samples[start - self._first : end - self._first].copy()


def _steps(seconds: float) -> int:
    return round(seconds * 1000 / STEP_MS)
