"""Templates as trees whose derivations are counted, numbered and written.

A derivation takes one option of every choice. As in Home Assistant, its text is the concatenation of its pieces with
runs of spaces collapsed: `light[s]` is "light" or "lights", `the [red] light` is "the light" or "the red light".
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from math import prod

# Trees are traversed recursively; the parser refuses higher ones.
HIGHEST = 100

_NO_SLOTS: Mapping[str, int] = {}


class Node(ABC):
    """A part of a template. Parts are shared, immutable and compared by identity.

    Parameters
    ----------
    count : number of derivations, exact.
    height : longest path to a leaf.
    can_be_empty : some derivation has no word.
    slots : how often a derivation fills each slot, at most.
    substitutes : a value may be returned for some of its words.
    """

    __slots__ = ("can_be_empty", "count", "height", "slots", "substitutes")

    def __init__(
        self,
        count: int = 1,
        height: int = 0,
        can_be_empty: bool = False,
        slots: Mapping[str, int] = _NO_SLOTS,
        substitutes: bool = False,
    ) -> None:
        self.count = count
        self.height = height
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
        super().__init__()
        self.text = text

    def write(self, index: int) -> str:
        return self.text


class Gap(Node):
    """A space between words; nothing at the start or end of a sentence and beside another gap."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(can_be_empty=True)

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
            count=prod(part.count for part in parts),
            height=1 + max(part.height for part in parts),
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

    __slots__ = ("options",)

    def __init__(self, options: Sequence[Node]) -> None:
        slots: dict[str, int] = {}
        for option in options:
            for name, times in option.slots.items():
                slots[name] = max(times, slots.get(name, 0))
        super().__init__(
            count=sum(option.count for option in options),
            height=1 + max(option.height for option in options),
            can_be_empty=any(option.can_be_empty for option in options),
            slots=slots,
            substitutes=any(option.substitutes for option in options),
        )
        self.options = tuple(options)

    def write(self, index: int) -> str:
        for option in self.options:
            if index < option.count:
                return option.write(index)
            index -= option.count
        raise IndexError("no such derivation")


class Slot(Node):
    """A body whose words are the value of the slot `name`."""

    __slots__ = ("body", "name")

    def __init__(self, name: str, body: Node) -> None:
        slots = Counter(body.slots)
        slots[name] += 1
        super().__init__(body.count, 1 + body.height, body.can_be_empty, slots, body.substitutes)
        self.name = name
        self.body = body

    def write(self, index: int) -> str:
        return self.body.write(index)


class Substitution(Node):
    """A body whose words are said, and `value` returned for them."""

    __slots__ = ("body", "value")

    def __init__(self, value: str, body: Node) -> None:
        super().__init__(body.count, 1 + body.height, body.can_be_empty, body.slots, substitutes=True)
        self.value = value
        self.body = body

    def write(self, index: int) -> str:
        return self.body.write(index)
