"""The vocabulary as a minimal deterministic acyclic automaton.

DeepSpeech's packager determinises and minimises a trie with OpenFST. Adding sorted words to an automaton that is kept
minimal gives the same result in less memory (Daciuk, Mihov, Watson and Watson, "Incremental Construction of Minimal
Acyclic Finite-State Automata", Computational Linguistics 26(1), 2000).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

Labels = tuple[int, ...]
Arcs = tuple[tuple[int, int], ...]  # label, next state


@dataclass(frozen=True)
class Automaton:
    """An acyclic deterministic automaton that starts in state 0; arcs lead to higher states only.

    Parameters
    ----------
    arcs : of each state, sorted by label, as the client's matcher requires.
    final : accepting states.
    """

    arcs: tuple[Arcs, ...]
    final: frozenset[int]

    def count(self) -> int:
        """Return the number of accepted sequences."""
        counts = [0] * len(self.arcs)
        for state in reversed(range(len(self.arcs))):
            counts[state] = (state in self.final) + sum(counts[after] for _, after in self.arcs[state])
        return counts[0]


def arrange(arcs: Sequence[Arcs], final: Collection[int], start: int) -> Automaton:
    """Return the states reachable from `start` in topological order.

    Raises
    ------
    ValueError : there is a cycle.
    """
    finished: list[int] = []
    seen, on_path = {start}, {start}
    stack = [(start, reversed(arcs[start]))]
    while stack:
        state, leaving = stack[-1]
        for _, after in leaving:
            if after in on_path:
                raise ValueError("the automaton has a cycle")
            if after not in seen:
                seen.add(after)
                on_path.add(after)
                stack.append((after, reversed(arcs[after])))
                break
        else:
            finished.append(state)
            on_path.discard(state)
            stack.pop()
    # A state is finished after all its successors.
    order = finished[::-1]
    number = {state: index for index, state in enumerate(order)}
    return Automaton(
        tuple(tuple((label, number[after]) for label, after in arcs[state]) for state in order),
        frozenset(number[state] for state in order if state in final),
    )


def accept_only(sequences: Iterable[Labels]) -> Automaton:
    """Return the minimal automaton that accepts exactly the given sequences."""
    building = _Building()
    for labels in sorted(set(sequences)):
        building.add(labels)
    return building.finish()


class _Building:
    """A growing automaton, minimal except for the path of the latest word."""

    def __init__(self) -> None:
        self._arcs: list[dict[int, int]] = [{}]
        self._final: set[int] = set()
        self._known: dict[tuple[bool, Arcs], int] = {}
        # States along the latest word, each with the label that leads to it; the start comes first.
        self._path: list[tuple[int, int]] = [(0, 0)]
        self._free: list[int] = []

    def add(self, labels: Sequence[int]) -> None:
        shared = 0
        while shared < min(len(labels), len(self._path) - 1) and self._path[shared + 1][1] == labels[shared]:
            shared += 1
        self._settle(shared)
        for label in labels[shared:]:
            state = self._new_state()
            self._arcs[self._path[-1][0]][label] = state
            self._path.append((state, label))
        self._final.add(self._path[-1][0])

    def finish(self) -> Automaton:
        self._settle(0)
        return arrange([tuple(sorted(arcs.items())) for arcs in self._arcs], self._final, 0)

    def _settle(self, length: int) -> None:
        """Replace the path beyond its first `length` labels by equivalent known states."""
        while len(self._path) - 1 > length:
            state, label = self._path.pop()
            arcs = self._arcs[state]
            known = self._known.setdefault((state in self._final, tuple(arcs.items())), state)
            if known != state:
                self._arcs[self._path[-1][0]][label] = known
                self._final.discard(state)
                self._free.append(state)

    def _new_state(self) -> int:
        if self._free:
            state = self._free.pop()
            self._arcs[state] = {}
            return state
        self._arcs.append({})
        return len(self._arcs) - 1
