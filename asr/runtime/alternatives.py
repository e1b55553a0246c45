"""The sentences that come next after the best one: how close was it?

The best path through a word is what leads to it and what follows: one search forwards and one backwards give the best
sentence through every word of the grammar. The second best sentence has a word that the best one lacks, which puts it
among them, exactly unless sentences can be read in two ways.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .decoder import NEVER, Decoder, Float32, Hypothesis, Int32, read_path
from .grammar import Grammar


def alternatives(grammar: Grammar, log_probabilities: npt.ArrayLike, count: int) -> list[Hypothesis]:
    """Return the best sentences, at most `count`, none of them twice.

    The first two are the best and the second best of the grammar. Those after them are the best through each word
    in turn.

    Parameters
    ----------
    log_probabilities : float [t, labels + 1], natural logarithms, blank last.
    """
    frames = np.asarray(log_probabilities, np.float32)
    if not len(frames) or not len(grammar.end_states):
        return []
    decoder = Decoder(grammar)
    scores = np.empty((len(frames), len(grammar.end_states)), np.float32)
    histories = np.empty(scores.shape, np.int32)
    for number, frame in enumerate(frames):
        decoder.accept(frame[np.newaxis])
        scores[number], histories[number] = decoder.end_scores()
    through = np.where(grammar.final_marks[grammar.end_targets] >= 0, scores[-1], NEVER)
    moments = np.full(len(through), len(frames) - 1)
    spaces = grammar.spaces[grammar.end_targets]
    onward = np.flatnonzero(spaces >= 0)
    if len(onward) and len(frames) > 1:
        following = _completions(grammar, frames)[1:, spaces[onward]] + frames[1:, grammar.letters[spaces[onward]]]
        totals = scores[:-1, onward] + following
        best = totals.argmax(axis=0)
        values = totals[best, np.arange(len(onward))]
        better = values > through[onward]
        through[onward[better]] = values[better]
        moments[onward[better]] = best[better]
    found: dict[str, Hypothesis] = {}
    for end in np.argsort(-through, kind="stable"):
        if len(found) >= count or not np.isfinite(through[end]):
            break
        moment = int(moments[end])
        path = (*decoder.path(int(histories[moment, end])), int(end))
        if moment < len(frames) - 1:
            rest = Decoder(grammar)
            rest.start_at(int(spaces[end]))
            rest.accept(frames[moment + 2 :])
            completion = rest.best_ends()
            assert completion is not None, "the search backwards found one"
            path += completion[0]
        hypothesis = read_path(grammar, path, float(through[end]))
        found.setdefault(hypothesis.meaning.text, hypothesis)
    return list(found.values())


def _completions(grammar: Grammar, frames: Float32) -> Float32:
    """Return the best score of the frames after each one, given that it is a state's letter, float32 [t, s]."""
    count = len(grammar.letters)
    final = np.flatnonzero(grammar.final_marks[grammar.end_targets] >= 0)
    letter = np.full(count, NEVER, np.float32)
    letter[grammar.end_states[final]] = 0
    blank = letter.copy()
    # Every way onward: to the next letter of a word, or from a word's end to the space behind it.
    spaces = grammar.spaces[grammar.end_targets]
    inside = np.flatnonzero((grammar.predecessors >= 0) & (grammar.predecessors < count))
    sources = np.concatenate((grammar.predecessors[inside], grammar.end_states[spaces >= 0]))
    targets = np.concatenate((inside, spaces[spaces >= 0]))
    order = np.argsort(sources, kind="stable")
    sources, targets = sources[order], targets[order]
    groups: Int32 = np.flatnonzero(np.diff(sources, prepend=-1)).astype(np.int32)
    repeats = np.where(grammar.letters[sources] == grammar.letters[targets], NEVER, np.float32(0))
    found = np.empty((len(frames), count), np.float32)
    found[-1] = letter
    for number in range(len(frames) - 2, -1, -1):
        frame = frames[number + 1]
        resting = blank + frame[-1]
        entering = letter + frame[grammar.letters]
        letter = np.maximum(entering, resting)
        blank = resting
        if len(groups):
            values = entering[targets]
            starts = sources[groups]
            blank[starts] = np.maximum(blank[starts], np.maximum.reduceat(values, groups))
            letter[starts] = np.maximum(letter[starts], np.maximum.reduceat(values + repeats, groups))
        found[number] = letter
    return found
