"""What a template is made of: a tree whose derivations are counted, numbered and written out.

A derivation takes one option of every choice. Its text is what Home Assistant makes of the notation: the
pieces put together as they stand, runs of spaces collapsed. So `light[s]` is "light" or "lights", and
`the [red] light` is "the light" or "the red light".
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from math import prod

# Trees are walked by recursion; a higher one is refused when it is read.
HIGHEST = 100

_NO_SLOTS: Mapping[str, int] = {}


class Node(ABC):
    """A part of a template. Parts are shared, never changed, and equal only to themselves.

    Parameters
    ----------
    count : derivations, exact however many they are.
    height : longest way down to a leaf.
    can_be_empty : a derivation at least holds no word.
    slots : how often, at most, one derivation fills each slot.
    """

    __slots__ = ("can_be_empty", "count", "height", "slots")

    def __init__(
        self,
        count: int = 1,
        height: int = 0,
        can_be_empty: bool = False,
        slots: Mapping[str, int] = _NO_SLOTS,
    ) -> None:
        self.count = count
        self.height = height
        self.can_be_empty = can_be_empty
        self.slots = slots

    @abstractmethod
    def write(self, index: int) -> str:
        """Return the text of derivation `index`, 0 <= index < count, with its spaces as they come."""


class Text(Node):
    """Words, or a piece of one; one space between words and none around them."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def write(self, index: int) -> str:
        return self.text


class Gap(Node):
    """The space between words. Where the sentence starts or ends, or beside another one, it is nothing."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(can_be_empty=True)

    def write(self, index: int) -> str:
        return " "


class Nothing(Node):
    """What `[optional]` is when it is left out."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(can_be_empty=True)

    def write(self, index: int) -> str:
        return ""


class Series(Node):
    """Its parts, one after the other. The choices of the last part are counted through first."""

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
        )
        self.parts = tuple(parts)

    def write(self, index: int) -> str:
        pieces = []
        for part in reversed(self.parts):
            index, inner = divmod(index, part.count)
            pieces.append(part.write(inner))
        return "".join(reversed(pieces))


class Choice(Node):
    """One of its options; the derivations of the first come first."""

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
        )
        self.options = tuple(options)

    def write(self, index: int) -> str:
        for option in self.options:
            if index < option.count:
                return option.write(index)
            index -= option.count
        raise IndexError("no derivation of this number")


class Slot(Node):
    """A body whose words are kept as the value of the slot `name`."""

    __slots__ = ("body", "name")

    def __init__(self, name: str, body: Node) -> None:
        slots = Counter(body.slots)
        slots[name] += 1
        super().__init__(body.count, 1 + body.height, body.can_be_empty, slots)
        self.name = name
        self.body = body

    def write(self, index: int) -> str:
        return self.body.write(index)
