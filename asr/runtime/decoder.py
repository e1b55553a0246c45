"""Connectionist temporal classification (CTC) over a grammar graph: the best sentence, with every state kept.

Viterbi search, frame by frame. Each letter state has two scores, as a CTC path does: its last frame was the letter, or
a blank after the letter (Graves et al., "Connectionist Temporal Classification", 2006). There is no beam: the answer
is the grammar's best path and its score can be calibrated. Back-pointers are kept where words end.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .grammar import Grammar, Meaning, interpret

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]

NEVER = np.float32(-np.inf)


@dataclass(frozen=True)
class Hypothesis:
    """A sentence of the grammar.

    Attributes
    ----------
    ends : the graph's word ends that it passes, in order.
    meaning : its words, intent and slots.
    score : natural logarithm of the probability of its best alignment.
    """

    ends: tuple[int, ...]
    meaning: Meaning
    score: float


def read_path(grammar: Grammar, ends: tuple[int, ...], score: float) -> Hypothesis:
    """Return the sentence that passes the word ends, of which the last leads to where a sentence can end."""
    marks = [grammar.marks[grammar.end_marks[end]] for end in ends]
    marks.append(grammar.marks[grammar.final_marks[grammar.end_targets[ends[-1]]]])
    words = [grammar.words[grammar.end_words[end]] for end in ends]
    return Hypothesis(ends, interpret(words, marks), score)


class Decoder:
    """Searches a grammar while the network's probabilities come in.

    Parameters
    ----------
    grammar : of s letter states.

    Attributes
    ----------
    frames : how many have been taken since the last `reset`.
    free_score : sum of each frame's largest log-probability: the best path that no grammar restrains.
    spoken_frames : frames in which that path is not at the blank.
    """

    def __init__(self, grammar: Grammar) -> None:
        self.grammar = grammar
        count = len(grammar.letters)
        self._letters = grammar.letters
        # Two more states than letters: the beginning of a sentence, and one that is never reached.
        self._before = np.where(grammar.predecessors < 0, count + 1, grammar.predecessors)
        same = np.zeros(count, bool)
        inside = self._before < count
        same[inside] = grammar.letters[self._before[inside]] == grammar.letters[inside]
        # A letter follows itself only after a blank.
        self._repeats = np.where(same, NEVER, np.float32(0))
        onward = np.flatnonzero(grammar.spaces[grammar.end_targets] >= 0).astype(np.int32)
        self._onward = onward
        self._onward_states = grammar.end_states[onward]
        targets = grammar.end_targets[onward]
        self._groups = np.flatnonzero(np.diff(targets, prepend=-1)).astype(np.int32)
        self._group_sizes = np.diff(self._groups, append=len(onward))
        self._spaces = grammar.spaces[targets[self._groups]]
        self._last = np.flatnonzero(grammar.final_marks[grammar.end_targets] >= 0).astype(np.int32)
        self.reset()

    def reset(self) -> None:
        """Forget everything heard: the next frame begins a sentence."""
        count = len(self._letters)
        self.frames = 0
        self.free_score = 0.0
        self.spoken_frames = 0
        self._letter = np.full(count + 2, NEVER, np.float32)
        self._blank = np.full(count + 2, NEVER, np.float32)
        self._blank[count] = 0
        # Which entry of the history leads to a state; 0 is the beginning of a sentence.
        self._letter_history = np.zeros(count + 2, np.int32)
        self._blank_history = np.zeros(count + 2, np.int32)
        self._parents: list[Int32] = [np.zeros(1, np.int32)]
        self._passed: list[Int32] = [np.full(1, -1, np.int32)]
        self._size = 1
        # Scores fall without end; what is taken off keeps float32 exact.
        self._taken_off = 0.0

    def copy(self) -> Decoder:
        """Return a decoder that has heard the same, and goes its own way from here."""
        found = copy.copy(self)
        for name in ("_letter", "_blank", "_letter_history", "_blank_history", "_parents", "_passed"):
            setattr(found, name, getattr(self, name).copy())
        return found

    def start_at(self, state: int) -> None:
        """Forget everything heard, and continue as if the last frame had been the letter of `state`."""
        self.reset()
        self._blank[len(self._letters)] = NEVER
        self._letter[state] = 0

    def end_scores(self) -> tuple[Float32, Int32]:
        """Return the score and the history of the best path to each word end, float32 [e] and int32 [e]."""
        states = self.grammar.end_states
        letter, blank = self._letter[states], self._blank[states]
        history = np.where(letter > blank, self._letter_history[states], self._blank_history[states])
        return np.maximum(letter, blank) + np.float32(self._taken_off), history

    def accept(self, log_probabilities: npt.ArrayLike) -> None:
        """Take frames.

        Parameters
        ----------
        log_probabilities : float [t, labels + 1], natural logarithms, blank last.

        Raises
        ------
        ValueError : another number of labels than the grammar's.
        """
        frames = np.asarray(log_probabilities, np.float32)
        if frames.ndim != 2 or frames.shape[1] != len(self.grammar.labels) + 1:
            raise ValueError(f"expected [t, {len(self.grammar.labels) + 1}], found {list(frames.shape)}")
        best = frames.argmax(axis=1)
        self.free_score += float(frames.max(axis=1).sum(dtype=np.float64)) if len(frames) else 0.0
        self.spoken_frames += int(np.count_nonzero(best != len(self.grammar.labels)))
        for frame in frames:
            self._step(frame)
        self.frames += len(frames)

    def _step(self, frame: Float32) -> None:
        count = len(self._letters)
        letter, blank = self._letter, self._blank
        letter_history, blank_history = self._letter_history, self._blank_history
        # What comes from the letter before, from a blank after it or from itself.
        from_letter = letter[self._before] + self._repeats
        from_blank = blank[self._before]
        later = from_letter > from_blank
        entering = np.where(later, from_letter, from_blank)
        history = np.where(later, letter_history[self._before], blank_history[self._before])
        ended = self._enter_spaces(entering)
        moving = entering > letter[:count]
        stays_blank = blank >= letter
        new_blank = np.where(stays_blank, blank, letter) + frame[-1]
        self._blank_history = np.where(stays_blank, blank_history, letter_history)
        new_letter = np.maximum(letter[:count], entering) + frame[self._letters]
        if ended is not None:
            self._note(history, moving, *ended)
        letter_history[:count] = np.where(moving, history, letter_history[:count])
        letter[:count] = new_letter
        self._blank = new_blank
        highest = max(float(new_blank.max()), float(new_letter.max(initial=NEVER)))
        if highest < -1000.0:
            self._letter -= np.float32(highest)
            self._blank -= np.float32(highest)
            self._taken_off += float(np.float32(highest))

    def _enter_spaces(self, entering: Float32) -> tuple[Int32, Int32] | None:
        """Put the best word end before each space into `entering`; return those ends and the history before each."""
        if not len(self._groups):
            return None
        states = self._onward_states
        letter, blank = self._letter[states], self._blank[states]
        later = letter > blank
        scores = np.where(later, letter, blank)
        best = np.maximum.reduceat(scores, self._groups)
        entering[self._spaces] = best
        # The first of equal ends is the first in the file.
        equal = np.flatnonzero(scores == np.repeat(best, self._group_sizes))[::-1]
        group = np.repeat(np.arange(len(self._groups)), self._group_sizes)[equal]
        chosen = np.zeros(len(self._groups), np.int32)
        chosen[group] = equal
        states = states[chosen]
        parents = np.where(later[chosen], self._letter_history[states], self._blank_history[states])
        return self._onward[chosen], parents

    def _note(self, history: Int32, moving: npt.NDArray[np.bool_], ends: Int32, parents: Int32) -> None:
        """Add an entry to the history for each space that is entered."""
        entered = np.flatnonzero(moving[self._spaces])
        if len(entered):
            self._parents.append(parents[entered].astype(np.int32))
            self._passed.append(ends[entered])
            history[self._spaces[entered]] = np.arange(self._size, self._size + len(entered), dtype=np.int32)
            self._size += len(entered)

    def best(self) -> Hypothesis | None:
        """Return the best sentence that ends here; None where none can."""
        found = self.best_ends()
        return None if found is None else read_path(self.grammar, *found)

    def best_ends(self) -> tuple[tuple[int, ...], float] | None:
        """Return the word ends of the best sentence that ends here, and its score; None where none can."""
        if not len(self._last):
            return None
        states = self.grammar.end_states[self._last]
        scores = np.maximum(self._letter[states], self._blank[states])
        chosen = int(scores.argmax())
        if not np.isfinite(scores[chosen]):
            return None
        state = states[chosen]
        after_blank = self._blank[state] >= self._letter[state]
        history = (self._blank_history if after_blank else self._letter_history)[state]
        ends = (*self.path(int(history)), int(self._last[chosen]))
        return ends, float(scores[chosen]) + self._taken_off

    def shortfall(self) -> float:
        """Return how far the best path of any state is above the best sentence that ends here; inf without one.

        Natural logarithm: 0 where that sentence is the best path, much where it has words yet to come.
        """
        states = self.grammar.end_states[self._last]
        ended = max(self._letter[states].max(initial=NEVER), self._blank[states].max(initial=NEVER))
        if not np.isfinite(ended):
            return float("inf")
        return float(max(self._letter.max(), self._blank.max()) - ended)

    def partial(self) -> tuple[str, ...]:
        """Return the finished words of the path that is the best at the moment."""
        which = int(np.maximum(self._letter, self._blank).argmax())
        after_blank = self._blank[which] >= self._letter[which]
        history = int((self._blank_history if after_blank else self._letter_history)[which])
        return tuple(self.grammar.words[self.grammar.end_words[end]] for end in self.path(history))

    def path(self, entry: int) -> tuple[int, ...]:
        """Return the word ends that lead to an entry of the history."""
        self._parents = [np.concatenate(self._parents)]
        self._passed = [np.concatenate(self._passed)]
        found = []
        while entry:
            found.append(int(self._passed[0][entry]))
            entry = int(self._parents[0][entry])
        return tuple(reversed(found))
