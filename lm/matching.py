"""Match a sentence with templates, and fill their slots."""

from __future__ import annotations

from lm.template import Choice, Gap, Node, Nothing, Series, Slot, Substitution, Text


class Match:
    """One sentence, matched with any number of templates that may share parts.

    Each part is tried once at each position, so the work is bounded by sentence length times template size, however
    ambiguous the templates are.

    Parameters
    ----------
    sentence : words with one space between them.
    """

    def __init__(self, sentence: str) -> None:
        self._text = sentence
        self._known: dict[tuple[Node, int], frozenset[int]] = {}

    def accepts(self, node: Node) -> bool:
        """Tell whether the template derives the whole sentence."""
        return len(self._text) in self._ends(node, 0)

    def slots(self, node: Node) -> dict[str, str] | None:
        """Return the values of the filled slots; None if the template does not derive the sentence.

        Where there are several derivations, earlier options of a choice are preferred, and earlier parts match as
        much as possible.
        """
        if not self.accepts(node):
            return None
        values: dict[str, str] = {}
        self._fill(node, 0, len(self._text), values)
        return values

    def _ends(self, node: Node, start: int) -> frozenset[int]:
        """Return where the part can end when it starts at `start`."""
        if isinstance(node, Text):
            fits = self._text.startswith(node.text, start)
            return frozenset((start + len(node.text),)) if fits else _NOWHERE
        if isinstance(node, Gap):
            return self._after_gap(start)
        if isinstance(node, Nothing):
            return frozenset((start,))
        known = self._known.get((node, start))
        if known is None:
            if isinstance(node, (Slot, Substitution)):
                known = self._ends(node.body, start)
            elif isinstance(node, Choice):
                known = frozenset().union(*(self._ends(option, start) for option in node.options))
            else:
                assert isinstance(node, Series)
                known = frozenset((start,))
                for part in node.parts:
                    known = frozenset().union(*(self._ends(part, place) for place in known))
                    if not known:
                        break
            self._known[node, start] = known
        return known

    def _after_gap(self, start: int) -> frozenset[int]:
        """A gap matches a space, or nothing at the ends of the sentence and after another gap."""
        if start in (0, len(self._text)) or self._text[start - 1] == " ":
            return frozenset((start,))
        return frozenset((start + 1,)) if self._text[start] == " " else _NOWHERE

    def _fill(self, node: Node, start: int, end: int, values: dict[str, str]) -> None:
        """Add the slots of a part that matches from `start` to `end` to `values`."""
        if isinstance(node, Slot):
            values[node.name] = " ".join(self._value(node.body, start, end).split())
            self._fill(node.body, start, end, values)
        elif isinstance(node, Choice):
            fitting = (option for option in node.options if end in self._ends(option, start))
            self._fill(next(fitting), start, end, values)
        elif isinstance(node, Series) and node.slots:
            for part, (first, last) in zip(node.parts, self._places(node, start, end), strict=True):
                self._fill(part, first, last, values)

    def _value(self, node: Node, start: int, end: int) -> str:
        """Return what the part, which matches from `start` to `end`, is taken to say."""
        if not node.substitutes:
            return self._text[start:end]
        if isinstance(node, Substitution):
            # The spaces around it belong to the words beside it.
            said = self._text[start:end]
            return " " * said.startswith(" ") + node.value + " " * said.endswith(" ")
        if isinstance(node, Slot):
            return self._value(node.body, start, end)
        if isinstance(node, Choice):
            fitting = (option for option in node.options if end in self._ends(option, start))
            return self._value(next(fitting), start, end)
        assert isinstance(node, Series)
        places = zip(node.parts, self._places(node, start, end), strict=True)
        return "".join(self._value(part, first, last) for part, (first, last) in places)

    def _places(self, node: Series, start: int, end: int) -> list[tuple[int, int]]:
        """Return where each part of a series starts and ends."""
        reached = [{start}]
        for part in node.parts:
            reached.append({stop for place in reached[-1] for stop in self._ends(part, place)})
        # Backwards: keep only the positions from which the end can be reached.
        leads_on = {end}
        useful = [leads_on]
        for part, places in zip(reversed(node.parts), reversed(reached[:-1]), strict=True):
            leads_on = {place for place in places if self._ends(part, place) & leads_on}
            useful.append(leads_on)
        useful.reverse()
        spans = []
        for part, places in zip(node.parts, useful[1:], strict=True):
            stop = max(self._ends(part, start) & places)
            spans.append((start, stop))
            start = stop
        return spans


_NOWHERE: frozenset[int] = frozenset()
