"""The sentences that come next after the best one: how close was it?

The best path through a word end is what leads to it and what follows: one search backwards and one forwards give the
best sentence that goes on after each word end of the grammar, and the best that ends there. The second best sentence
differs from the best in at least one of these, which puts it among them, exactly unless sentences can be read in two
ways.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .decoder import NEVER, Decoder, Float32, Hypothesis, Int32, end_bonuses, read_path
from .grammar import Grammar

Int64 = npt.NDArray[np.int64]


def alternatives(
    grammar: Grammar, log_probabilities: npt.ArrayLike, count: int, letter_bonus: float = 0.0
) -> list[Hypothesis]:
    """Return the best sentences, at most `count`, none of them twice.

    The first two are the best and the second best of the grammar. Those after them are the best through each word end
    in turn.

    Parameters
    ----------
    log_probabilities : float [t, labels + 1], natural logarithms, blank last.
    letter_bonus : as the decoder has it; sentences are in the order of their scores with it.
    """
    frames = np.asarray(log_probabilities, np.float32)
    if not len(frames) or not len(grammar.end_states):
        return []
    onward = np.flatnonzero(grammar.spaces[grammar.end_targets] >= 0)
    junctions = grammar.end_targets[onward]
    last = np.flatnonzero(grammar.final_marks[grammar.end_targets] >= 0)
    bonuses = end_bonuses(grammar, letter_bonus)
    rest = _search_backwards(grammar, frames, bonuses)
    decoder = Decoder(grammar, letter_bonus)
    # Of each word end that a word follows: the score of the best sentence through it, its last frame and what leads
    # there. Then the same of each one that ends a sentence.
    best = np.full(len(onward), NEVER, np.float32)
    moments = np.zeros(len(onward), np.int64)
    histories = np.zeros(len(onward), np.int32)
    for number, _ in enumerate(decoder.follow(frames)):
        scores, leading = decoder.end_scores()
        if number + 1 < len(frames):
            totals = scores.take(onward)
            totals += rest.scores[number + 1].take(junctions)
            better = np.flatnonzero(totals > best)
            best[better] = totals.take(better)
            moments[better] = number
            histories[better] = leading.take(onward.take(better))
    ends = np.concatenate((onward, last))
    best = np.concatenate((best, scores[last]))
    moments = np.concatenate((moments, np.full(len(last), len(frames) - 1)))
    histories = np.concatenate((histories, leading[last]))
    found: dict[str, Hypothesis] = {}
    for place in np.argsort(-best, kind="stable"):
        if len(found) >= count or not np.isfinite(best[place]):
            break
        end, moment = int(ends[place]), int(moments[place])
        path = (*decoder.path(int(histories[place])), end, *rest.ends_after(end, moment))
        hypothesis = read_path(grammar, path, float(best[place]) - float(bonuses[list(path)].sum(dtype=np.float64)))
        found.setdefault(hypothesis.meaning.text, hypothesis)
    return list(found.values())


@dataclass(frozen=True, eq=False)
class _Rest:
    """How sentences go on from each junction.

    Attributes
    ----------
    scores : float32 [t, j], of the frames from t on, the first of which is the junction's space.
    following : int32 or int64 [t, j], the next word end and its last frame: frame * e + end.
    targets : of each word end the junction that it leads to.
    """

    scores: Float32
    following: npt.NDArray[np.signedinteger[Any]]
    targets: Int32

    def ends_after(self, end: int, moment: int) -> tuple[int, ...]:
        """Return the word ends after one whose last frame is `moment`."""
        found = []
        while moment + 1 < len(self.scores):
            moment, end = divmod(int(self.following[moment + 1, self.targets[end]]), len(self.targets))
            found.append(end)
        return tuple(found)


class _Ways:
    """Every way onward: to the next letter of a word, or from a word's end to the space behind it.

    Attributes
    ----------
    targets : the state that each way leads to.
    passing, ends : the ways that pass a word end, and these ends.
    sources : the states from which ways lead, each once.
    """

    def __init__(self, grammar: Grammar) -> None:
        count = len(grammar.letters)
        spaces = grammar.spaces[grammar.end_targets]
        inside = np.flatnonzero((grammar.predecessors >= 0) & (grammar.predecessors < count))
        onward = np.flatnonzero(spaces >= 0)
        sources = np.concatenate((grammar.predecessors[inside], grammar.end_states[onward]))
        targets = np.concatenate((inside, spaces[onward]))
        ends = np.concatenate((np.full(len(inside), -1), onward))
        order = np.argsort(sources, kind="stable")
        sources, self.targets, ends = sources[order], targets[order], ends[order]
        self.passing = np.flatnonzero(ends >= 0)
        self.ends = ends[self.passing].astype(np.int64)
        self._groups = np.flatnonzero(np.diff(sources, prepend=-1))
        self.sources = sources[self._groups]
        self._group = np.repeat(np.arange(len(self._groups)), np.diff(self._groups, append=len(sources)))
        # A letter follows itself only after a blank.
        repeated = grammar.letters[sources] == grammar.letters[self.targets]
        self._repeats = np.where(repeated, NEVER, np.float32(0))
        self._has_repeats = bool(repeated.any())

    def best(self, values: Float32) -> tuple[Float32, Int64]:
        """Return the best value among the ways from each source, and the way it is of."""
        highest = np.maximum.reduceat(values, self._groups)
        equal = np.flatnonzero(values == highest.take(self._group))[::-1]
        ways = np.zeros(len(self._groups), np.int64)
        ways[self._group.take(equal)] = equal
        return highest, ways

    def best_after_letter(self, values: Float32, found: tuple[Float32, Int64]) -> tuple[Float32, Int64]:
        """Return the same where the sources are letters, which cannot be repeated; `found`: what `best` returned."""
        return self.best(values + self._repeats) if self._has_repeats else found


def _search_backwards(grammar: Grammar, frames: Float32, bonuses: Float32) -> _Rest:
    """Return how sentences go on from each junction at each frame."""
    ends = len(grammar.end_states)
    scores = np.full((len(frames), len(grammar.spaces)), NEVER, np.float32)
    kind: type[np.int32 | np.int64] = np.int32 if len(frames) * ends < 1 << 31 else np.int64
    following = np.zeros(scores.shape, kind)
    junctions = np.flatnonzero(grammar.spaces >= 0)
    spaces = grammar.spaces[junctions]
    ways = _Ways(grammar)
    passing = bonuses[ways.ends]
    # The best score of the frames that follow, where this one is a state's letter or the blank after it, and the next
    # word end of that path with its last frame.
    final = np.flatnonzero(grammar.final_marks[grammar.end_targets] >= 0)[::-1]
    letter = np.full(len(grammar.letters), NEVER, np.float32)
    letter[grammar.end_states[final]] = bonuses[final]
    letter_next = np.zeros(len(letter), kind)
    letter_next[grammar.end_states[final]] = (len(frames) - 1) * ends + final
    blank, blank_next = letter.copy(), letter_next.copy()
    for number in range(len(frames) - 1, 0, -1):
        frame = frames[number]
        entering = letter + frame.take(grammar.letters)
        resting = blank + frame[-1]
        scores[number, junctions] = entering[spaces]
        following[number, junctions] = letter_next[spaces]
        stays = entering >= resting
        letter, blank = np.where(stays, entering, resting), resting
        entering_next, letter_next = letter_next, np.where(stays, letter_next, blank_next)
        if not len(ways.targets):
            continue
        values, nexts = entering[ways.targets], entering_next[ways.targets]
        values[ways.passing] += passing
        nexts[ways.passing] = (number - 1) * ends + ways.ends
        found = ways.best(values)
        after_letter = ways.best_after_letter(values, found)
        for (highest, chosen), totals, onward in ((after_letter, letter, letter_next), (found, blank, blank_next)):
            better = np.flatnonzero(highest > totals.take(ways.sources))
            sources = ways.sources.take(better)
            totals[sources] = highest.take(better)
            onward[sources] = nexts[chosen[better]]
    return _Rest(scores, following, grammar.end_targets)
