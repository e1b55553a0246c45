"""Connectionist temporal classification (CTC) over a grammar graph: the best sentence, with every state kept.

Viterbi search, frame by frame. Each letter state has two scores, as a CTC path does: its last frame was the letter, or
a blank after the letter (Graves et al., "Connectionist Temporal Classification", 2006). There is no beam: the answer
is the grammar's best path and its score can be calibrated. Back-pointers are kept where words end.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .grammar import Grammar, Meaning, interpret

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]

NEVER = np.float32(-np.inf)
_CHECKED = 64  # frames after which scores that have fallen are raised


@dataclass(frozen=True)
class Hypothesis:
    """A sentence of the grammar.

    Attributes
    ----------
    ends : the graph's word ends that it passes, in order.
    meaning : its words, intent and slots.
    score : natural logarithm of the probability of its best alignment.
    total : of the probability of all its alignments; None: not summed.
    """

    ends: tuple[int, ...]
    meaning: Meaning
    score: float
    total: float | None = None


def end_bonuses(grammar: Grammar, letter_bonus: float) -> Float32:
    """Return the bonus of each word end, float32 [e]: of its word's letters and the space behind it."""
    lengths = np.array([len(word) + 1 for word in grammar.words], np.float32)
    found: Float32 = np.float32(letter_bonus) * lengths[grammar.end_words]
    return found


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
    letter_bonus : added for each letter and the space behind a word to the score that paths are compared by. CTC
        networks miss letters rather than add some, and more letters mean more factors below one.

    Attributes
    ----------
    frames : how many have been taken since the last `reset`.
    free_score : sum of each frame's largest log-probability: the best path that no grammar restrains.
    spoken_frames : frames in which that path is not at the blank.
    """

    def __init__(self, grammar: Grammar, letter_bonus: float = 0.0) -> None:
        self.grammar = grammar
        self._bonuses = end_bonuses(grammar, letter_bonus)
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
        self._onward_bonuses = self._bonuses[onward]
        targets = grammar.end_targets[onward]
        self._groups = np.flatnonzero(np.diff(targets, prepend=-1)).astype(np.int32)
        self._group = np.repeat(np.arange(len(self._groups)), np.diff(self._groups, append=len(onward)))
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

    def end_scores(self) -> tuple[Float32, Int32]:
        """Return the score and the history of the best path to each word end, float32 [e] and int32 [e].

        The scores have the bonus of every word, the last one included.
        """
        states = self.grammar.end_states
        letter, blank = self._letter[states], self._blank[states]
        history = np.where(letter > blank, self._letter_history[states], self._blank_history[states])
        return np.maximum(letter, blank) + np.float32(self._taken_off) + self._bonuses, history

    def accept(self, log_probabilities: npt.ArrayLike) -> None:
        """Take frames.

        Parameters
        ----------
        log_probabilities : float [t, labels + 1], natural logarithms, blank last.

        Raises
        ------
        ValueError : another number of labels than the grammar's.
        """
        for _ in self.follow(log_probabilities):
            pass

    def follow(self, log_probabilities: npt.ArrayLike) -> Iterator[None]:
        """Take frames as `accept` does, and yield after each one."""
        frames = np.asarray(log_probabilities, np.float32)
        if frames.ndim != 2 or frames.shape[1] != len(self.grammar.labels) + 1:
            raise ValueError(f"expected [t, {len(self.grammar.labels) + 1}], found {list(frames.shape)}")
        if not len(frames):
            return
        highest = frames.max(axis=1, keepdims=True)
        spoken = frames.argmax(axis=1) != len(self.grammar.labels)
        for frame, most, speaks in zip(frames - highest, highest[:, 0].tolist(), spoken.tolist(), strict=True):
            self._step(frame)
            self.frames += 1
            self.spoken_frames += speaks
            self.free_score += most
            self._taken_off += most
            yield

    def _step(self, frame: Float32) -> None:
        """Take a frame, of which the largest value is 0."""
        count = len(self._letters)
        letter, blank = self._letter, self._blank
        letter_history, blank_history = self._letter_history, self._blank_history
        # What comes from the letter before, from a blank after it or from itself.
        from_letter = letter.take(self._before)
        from_letter += self._repeats
        entering = blank.take(self._before)
        history = blank_history.take(self._before)
        later = from_letter > entering
        np.copyto(history, letter_history.take(self._before), where=later)
        np.maximum(entering, from_letter, out=entering)
        ended = self._enter_spaces(entering)
        np.copyto(blank_history, letter_history, where=letter > blank)
        np.maximum(blank, letter, out=blank)
        blank += frame[-1]
        letter, letter_history = letter[:count], letter_history[:count]
        moving = entering > letter
        if ended is not None:
            self._note(history, moving, *ended)
        np.copyto(letter_history, history, where=moving)
        np.maximum(letter, entering, out=letter)
        letter += frame.take(self._letters)
        if self.frames % _CHECKED == 0:
            highest = max(blank.max(), letter.max(initial=NEVER))
            if np.isfinite(highest):
                self._letter -= highest
                self._blank -= highest
                self._taken_off += float(highest)

    def _enter_spaces(self, entering: Float32) -> tuple[Int32, Int32] | None:
        """Put the best word end before each space into `entering`; return those ends and the history before each."""
        if not len(self._groups):
            return None
        states = self._onward_states
        letter, blank = self._letter.take(states), self._blank.take(states)
        scores = np.maximum(letter, blank)
        scores += self._onward_bonuses
        best = np.maximum.reduceat(scores, self._groups)
        entering[self._spaces] = best
        # The first of equal ends is the first in the file.
        equal = np.flatnonzero(scores == best.take(self._group))[::-1]
        chosen = np.zeros(len(self._groups), np.int32)
        chosen[self._group.take(equal)] = equal
        states = states.take(chosen)
        after_letter = letter.take(chosen) > blank.take(chosen)
        parents = np.where(after_letter, self._letter_history.take(states), self._blank_history.take(states))
        return self._onward.take(chosen), parents

    def _note(self, history: Int32, moving: npt.NDArray[np.bool_], ends: Int32, parents: Int32) -> None:
        """Add an entry to the history for each space that is entered."""
        entered = np.flatnonzero(moving.take(self._spaces))
        if len(entered):
            self._parents.append(parents[entered])
            self._passed.append(ends[entered])
            history[self._spaces[entered]] = np.arange(self._size, self._size + len(entered), dtype=np.int32)
            self._size += len(entered)

    def best(self) -> Hypothesis | None:
        """Return the best sentence that ends here; None where none can."""
        found = self.best_ends()
        return None if found is None else read_path(self.grammar, *found)

    def best_ends(self) -> tuple[tuple[int, ...], float] | None:
        """Return the word ends of the best sentence that ends here, and its score without bonus; None: none can."""
        if not len(self._last):
            return None
        states = self.grammar.end_states[self._last]
        scores = np.maximum(self._letter[states], self._blank[states]) + self._bonuses[self._last]
        chosen = int(scores.argmax())
        if not np.isfinite(scores[chosen]):
            return None
        state = states[chosen]
        after_blank = self._blank[state] >= self._letter[state]
        history = (self._blank_history if after_blank else self._letter_history)[state]
        ends = (*self.path(int(history)), int(self._last[chosen]))
        return ends, float(scores[chosen]) + self._taken_off - float(self._bonuses[list(ends)].sum(dtype=np.float64))

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
