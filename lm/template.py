"""Templates as trees whose derivations are counted, numbered and written.

A derivation takes one option of every choice. As in Home Assistant, its text is the concatenation of its pieces with
runs of spaces collapsed: `light[s]` is "light" or "lights", `the [red] light` is "the light" or "the red light".
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

# Trees are traversed recursively; the parser refuses higher ones.
HIGHEST = 100
# Rules that double others make sentences without end; the parser refuses them.
MOST_DERIVATIONS = 10**1000
LONGEST = 20_000  # characters of a sentence

_NO_SLOTS: Mapping[str, int] = {}


class Node(ABC):
    """A part of a template. Parts are shared, immutable and compared by identity.

    Parameters
    ----------
    count : number of derivations, exact up to MOST_DERIVATIONS.
    height : longest path to a leaf.
    length : of the longest derivation in characters, runs of spaces included.
    can_be_empty : some derivation has no word.
    slots : how often a derivation fills each slot, at most.
    substitutes : a value may be returned for some of its words.
    """

    __slots__ = ("can_be_empty", "count", "height", "length", "slots", "substitutes")

    def __init__(
        self,
        count: int = 1,
        height: int = 0,
        length: int = 0,
        can_be_empty: bool = False,
        slots: Mapping[str, int] = _NO_SLOTS,
        substitutes: bool = False,
    ) -> None:
        self.count = count
        self.height = height
        self.length = length
        self.can_be_empty = can_be_empty
        self.slots = slots
        self.substitutes = substitutes

    @abstractmethod
    def write(self, index: int) -> str:
        """Return the text of derivation `index`, 0 <= index < count; spaces are not collapsed."""


class Text(Node):
    """Words or a piece of a word, with single spaces between words."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        super().__init__(length=len(text))
        self.text = text

    def write(self, index: int) -> str:
        return self.text


class Gap(Node):
    """A space between words; nothing at the start or end of a sentence and beside another gap."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(length=1, can_be_empty=True)

    def write(self, index: int) -> str:
        return " "


class Nothing(Node):
    """The empty alternative of `[optional]`."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(can_be_empty=True)

    def write(self, index: int) -> str:
        return ""


class Series(Node):
    """A sequence of parts; derivations are numbered with the last part varying fastest."""

    __slots__ = ("parts",)

    def __init__(self, parts: Sequence[Node]) -> None:
        slots: Counter[str] = Counter()
        for part in parts:
            slots.update(part.slots)
        super().__init__(
            count=_product(part.count for part in parts),
            height=1 + max(part.height for part in parts),
            length=sum(part.length for part in parts),
            can_be_empty=all(part.can_be_empty for part in parts),
            slots=slots,
            substitutes=any(part.substitutes for part in parts),
        )
        self.parts = tuple(parts)

    def write(self, index: int) -> str:
        pieces = []
        for part in reversed(self.parts):
            index, inner = divmod(index, part.count)
            pieces.append(part.write(inner))
        return "".join(reversed(pieces))


class Choice(Node):
    """One of several options; the derivations of the first come first."""

    __slots__ = ("_ends", "options")

    def __init__(self, options: Sequence[Node]) -> None:
        slots: dict[str, int] = {}
        for option in options:
            for name, times in option.slots.items():
                slots[name] = max(times, slots.get(name, 0))
        # Of the derivations of each option; lists of values are long.
        self._ends = list(accumulate(option.count for option in options))
        super().__init__(
            count=self._ends[-1],
            height=1 + max(option.height for option in options),
            length=max(option.length for option in options),
            can_be_empty=any(option.can_be_empty for option in options),
            slots=slots,
            substitutes=any(option.substitutes for option in options),
        )
        self.options = tuple(options)

    def write(self, index: int) -> str:
        number = bisect_right(self._ends, index)
        option = self.options[number]
        return option.write(index - self._ends[number] + option.count)


class Slot(Node):
    """A body whose words are the value of the slot `name`."""

    __slots__ = ("body", "name")

    def __init__(self, name: str, body: Node) -> None:
        slots = Counter(body.slots)
        slots[name] += 1
        super().__init__(body.count, 1 + body.height, body.length, body.can_be_empty, slots, body.substitutes)
        self.name = name
        self.body = body

    def write(self, index: int) -> str:
        return self.body.write(index)


class Substitution(Node):
    """A body whose words are said, and `value` returned for them."""

    __slots__ = ("body", "value")

    def __init__(self, value: str, body: Node) -> None:
        super().__init__(body.count, 1 + body.height, body.length, body.can_be_empty, body.slots, substitutes=True)
        self.value = value
        self.body = body

    def write(self, index: int) -> str:
        return self.body.write(index)


def _product(counts: Iterable[int]) -> int:
    """Return the product, or something above MOST_DERIVATIONS."""
    product = 1
    for count in counts:
        product *= count
        if product > MOST_DERIVATIONS:
            break
    return product
