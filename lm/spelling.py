"""The vocabulary of a template, with a derivation for each word.

Pieces that are not separated by a space make one word. So for each part of a template this collects the words inside
it and the pieces that join with those before and after it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from lm.template import Choice, Gap, Node, Nothing, Series, Slot, Substitution, Text

# Guards against (a|b|...)(a|b|...)..., whose words multiply.
MOST_WORDS = 1_000_000
_MOST_STEPS = 20_000_000  # words looked at in a series of parts

Witnesses = dict[str, int]  # text to the number of a derivation that contains it


class TooManyWordsError(Exception):
    """Choices inside words make more than MOST_WORDS words."""


@dataclass
class Spelling:
    """The pieces of words in a part's derivations.

    Parameters
    ----------
    whole : derivations without a space.
    first, last : pieces before the first and after the last space of the others.
    inner : words between two spaces.
    """

    whole: Witnesses = field(default_factory=dict)
    first: Witnesses = field(default_factory=dict)
    last: Witnesses = field(default_factory=dict)
    inner: Witnesses = field(default_factory=dict)

    def words(self) -> Witnesses:
        """Return the words of the part by itself."""
        words: Witnesses = {}
        for texts in (self.inner, self.first, self.last, self.whole):
            for text, index in texts.items():
                if text:
                    words.setdefault(text, index)
        return words


class Speller:
    """Finds the spellings of parts, those shared by several templates only once.

    Parameters
    ----------
    generator : chooses the rest of each derivation at random.
    """

    def __init__(self, generator: random.Random) -> None:
        self._generator = generator
        self._known: dict[Node, Spelling] = {}

    def spell(self, node: Node) -> Spelling:
        """Return the spelling of a part; TooManyWordsError if it has too many words."""
        if isinstance(node, Text):
            return _spell_text(node.text)
        if isinstance(node, Gap):
            return Spelling(first={"": 0}, last={"": 0})
        if isinstance(node, Nothing):
            return Spelling(whole={"": 0})
        known = self._known.get(node)
        if known is None:
            if isinstance(node, (Slot, Substitution)):
                known = self.spell(node.body)
            elif isinstance(node, Choice):
                known = self._spell_choice(node)
            else:
                assert isinstance(node, Series)
                known = self._spell_series(node)
            self._known[node] = known
        return known

    def _spell_choice(self, node: Choice) -> Spelling:
        total = Spelling()
        offset = 0
        for option in node.options:
            spelling = self.spell(option)
            for into, texts in (
                (total.whole, spelling.whole),
                (total.first, spelling.first),
                (total.last, spelling.last),
                (total.inner, spelling.inner),
            ):
                for text, index in texts.items():
                    into.setdefault(text, offset + index)
            offset += option.count
        return total

    def _spell_series(self, node: Series) -> Spelling:
        total, count, steps = Spelling(whole={"": 0}), 1, 0
        for part in node.parts:
            total = self._join(total, count, self.spell(part), part.count)
            count *= part.count
            steps += len(total.whole) + len(total.first) + len(total.last) + len(total.inner)
            if steps > _MOST_STEPS:
                raise TooManyWordsError
        return total

    def _join(self, left: Spelling, lefts: int, right: Spelling, rights: int) -> Spelling:
        """Return the spelling of `left` (with `lefts` derivations) followed by `right`."""

        def with_any_right(texts: Witnesses) -> Witnesses:
            return {text: index * rights + self._generator.randrange(rights) for text, index in texts.items()}

        def with_any_left(texts: Witnesses) -> Witnesses:
            return {text: self._generator.randrange(lefts) * rights + index for text, index in texts.items()}

        def glued(before: Witnesses, after: Witnesses) -> Witnesses:
            if len(before) * len(after) > MOST_WORDS:
                raise TooManyWordsError
            return {
                start + end: before_index * rights + after_index
                for start, before_index in before.items()
                for end, after_index in after.items()
            }

        return Spelling(
            whole=glued(left.whole, right.whole),
            first=with_any_right(left.first) | glued(left.whole, right.first),
            last=with_any_left(right.last) | glued(left.last, right.whole),
            inner=with_any_right(left.inner) | with_any_left(right.inner) | glued(left.last, right.first),
        )


def _spell_text(text: str) -> Spelling:
    words = text.split(" ")
    if len(words) == 1:
        return Spelling(whole={text: 0})
    return Spelling(first={words[0]: 0}, last={words[-1]: 0}, inner=dict.fromkeys(words[1:-1], 0))
