"""Which words a template can spell, each with the number of a derivation that spells it.

Pieces that stand together without a space make one word, so words are found piece by piece: of every part of
a template it is enough to know the words that lie within it, and what it adds to those before and after.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from lm.template import Choice, Gap, Node, Nothing, Series, Slot, Text

# Pieces put together, (a|b|...)(a|b|...) and so on, make ever more words; commands have fewer than this.
MOST_WORDS = 1_000_000

Witnesses = dict[str, int]  # a text, and a derivation that has it


class TooManyWordsError(Exception):
    """The choices inside words make more than MOST_WORDS of them."""


@dataclass
class Spelling:
    """What the derivations of a part look like.

    Parameters
    ----------
    whole : texts of the derivations without a space.
    first, last : pieces before the first space and after the last one, of the others.
    inner : words between two spaces.
    """

    whole: Witnesses = field(default_factory=dict)
    first: Witnesses = field(default_factory=dict)
    last: Witnesses = field(default_factory=dict)
    inner: Witnesses = field(default_factory=dict)

    def words(self) -> Witnesses:
        """Return the words, where nothing stands before and after."""
        words: Witnesses = {}
        for texts in (self.inner, self.first, self.last, self.whole):
            for text, index in texts.items():
                if text:
                    words.setdefault(text, index)
        return words


class Speller:
    """Finds the spellings of parts; those that several templates share are found once.

    Parameters
    ----------
    generator : chooses the rest of a derivation, beside the word that it is found for.
    """

    def __init__(self, generator: random.Random) -> None:
        self._generator = generator
        self._known: dict[Node, Spelling] = {}

    def spell(self, node: Node) -> Spelling:
        """Return the spelling of a part; TooManyWordsError where it has too many."""
        if isinstance(node, Text):
            return _spell_text(node.text)
        if isinstance(node, Gap):
            return Spelling(first={"": 0}, last={"": 0})
        if isinstance(node, Nothing):
            return Spelling(whole={"": 0})
        known = self._known.get(node)
        if known is None:
            if isinstance(node, Slot):
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
        total, count = Spelling(whole={"": 0}), 1
        for part in node.parts:
            total = self._join(total, count, self.spell(part), part.count)
            count *= part.count
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
