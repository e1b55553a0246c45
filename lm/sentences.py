"""sentences.txt: its sentences counted, expanded, sampled and matched.

A template's number of derivations says nothing about how often it is used: two slots with a hundred values make ten
thousand sentences, among which a plain "stop" would get lost. So samples give every line of the file the same share,
as far as it has that many derivations, and all derivations of a line are equally likely.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, cycle, islice
from pathlib import Path

import numpy as np

from asr.core.alphabet import Alphabet, normal_text
from asr.core.errors import SentenceError
from asr.core.files import fingerprint
from asr.runtime.grammar import Meaning
from lm.matching import Match
from lm.notation import Line, parse
from lm.spelling import MOST_WORDS, Speller, TooManyWordsError
from lm.template import Choice, Node, Series, Slot, Substitution, Text

_MOST_BYTES = 64 << 20


class Templates:
    """The sentences and templates of a file.

    Parameters
    ----------
    lines : as `lm.notation.parse` returns them.
    path : the file, for messages.
    """

    def __init__(self, lines: Sequence[Line], path: Path | str | None = None) -> None:
        self.lines = tuple(lines)
        self.path = path
        self._counts = [line.node.count for line in self.lines]
        self._ends = list(accumulate(self._counts))
        # A dictionary, because lists of plain sentences can be long. Of equal ones the first counts.
        self._plain = {line.node.text: line.intent for line in reversed(self.lines) if isinstance(line.node, Text)}
        self._branching = [line for line in self.lines if not isinstance(line.node, Text)]

    @classmethod
    def read(cls, path: Path | str, alphabet: Alphabet, language: str = "en") -> Templates:
        """Read a file; SentenceError if it is missing or has an error, with the line.

        Parameters
        ----------
        language : in which the numbers of ranges are said.
        """
        path = Path(path)
        try:
            with path.open("rb") as file:
                data = file.read(_MOST_BYTES + 1)
            if len(data) > _MOST_BYTES:
                raise SentenceError(f"it has more than {_MOST_BYTES} bytes", path=path, fix="Write fewer sentences")
            text = data.decode("utf-8")
        except FileNotFoundError:
            fix = "Create it, with one sentence or template a line"
            raise SentenceError("no such file", path=path, fix=fix) from None
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            fix = "Save it as UTF-8"
            raise SentenceError("this is not UTF-8 text", path=path, line=line, fix=fix) from None
        except OSError as error:
            raise SentenceError(f"it cannot be read: {error.strerror}", path=path) from None
        return cls.parse(text, alphabet, path, language)

    @classmethod
    def parse(
        cls, text: str, alphabet: Alphabet, path: Path | str | None = None, language: str = "en"
    ) -> Templates:
        """Parse the content of a file; SentenceError for an error, with the line."""
        return cls(parse(text, alphabet, path, language), path)

    def count(self) -> int:
        """Return the number of derivations, which is that of sentences unless some have two derivations."""
        return self._ends[-1]

    def sentence(self, index: int) -> str:
        """Return the sentence of derivation `index`, 0 <= index < count(), in the file's order."""
        if not 0 <= index < self.count():
            raise IndexError(f"no derivation {index} of {self.count()}")
        line = bisect_right(self._ends, index)
        return self._write(line, index - self._ends[line] + self._counts[line])

    def __iter__(self) -> Iterator[str]:
        """Yield the sentences of all derivations."""
        for line, count in enumerate(self._counts):
            for index in range(count):
                yield self._write(line, index)

    def words(self) -> set[str]:
        """Return the vocabulary; SentenceError if choices inside words make too many."""
        speller = Speller(random.Random(0))
        return {word for line in self.lines for word in self._spelled(speller, line)}

    def expand(self, limit: int, seed: int, *, alike: bool = False, weighted: bool = False) -> list[str]:
        """Return the sentences: all, or a sample where there are more than `limit` derivations.

        The sample is drawn without replacement. It has a sentence of every line and every word of the vocabulary, even
        where that takes more than `limit`; the rest of the limit is allocated to the lines as the module says.

        Parameters
        ----------
        limit : maximum number of sentences.
        seed : of the sample.
        alike : give every line of a sample the same share, by repeating the sentences of lines that have fewer.
        weighted : repeat a sentence for each line that has it, so that more lines make it likelier.

        Returns
        -------
        Sentences in the file's order; repeated only where `alike` or `weighted`.
        """
        if self.count() <= limit and weighted:
            derived = ((line, self._write(line, i)) for line, count in enumerate(self._counts) for i in range(count))
            return [sentence for _, sentence in dict.fromkeys(derived)]
        if self.count() <= limit:
            return list(dict.fromkeys(self))
        generator = random.Random(seed)
        chosen = self._cover(generator)
        least = [len(indices) for indices in chosen]
        have = [limit] * len(self.lines) if alike else self._counts
        sizes = _allocate(limit, have, least, generator)
        for indices, count, size in zip(chosen, self._counts, sizes, strict=True):
            _draw_more(indices, count, min(count, size), generator)
        repeated = (_repeat(sorted(indices), size if alike else 0) for indices, size in zip(chosen, sizes, strict=True))
        drawn = ((line, index) for line, indices in enumerate(repeated) for index in indices)
        sentences = [self._write(line, index) for line, index in drawn]
        return sentences if alike or weighted else list(dict.fromkeys(sentences))

    def sample(self, count: int, rng: np.random.Generator) -> list[str]:
        """Return `count` random sentences; the counts of any two lines differ by at most one."""
        generator = random.Random(int(rng.integers(2**63)))
        order: list[int] = []
        while len(order) < count:
            order += generator.sample(range(len(self.lines)), len(self.lines))
        return [self._write(line, generator.randrange(self._counts[line])) for line in order[:count]]

    def fingerprint(self) -> str:
        """Return a SHA-256 of the sentences and slots, line by line.

        Comments, blank lines and the names of rules do not change it.
        """
        known: dict[Node, str] = {}
        return fingerprint([[line.intent, _mark(line.node, known)] for line in self.lines])

    def accepts(self, sentence: str) -> bool:
        """Tell whether a template derives `sentence`; repeated spaces are ignored."""
        sentence = normal_text(sentence)
        if sentence in self._plain:
            return True
        match = Match(sentence)
        return any(match.accepts(line.node) for line in self._branching)

    def slots(self, sentence: str) -> dict[str, str] | None:
        """Return the slot values of `sentence`; None if no template derives it."""
        found = self.meaning(sentence)
        return found.slots if found is not None else None

    def meaning(self, sentence: str) -> Meaning | None:
        """Return the intent and the slot values of `sentence`, in any Unicode form; None if no template derives it.

        The first template that derives it is used, plain sentences last. Within a template,
        `lm.matching.Match.slots` chooses the derivation.
        """
        sentence = normal_text(sentence)
        match = Match(sentence)
        for line in self._branching:
            values = match.slots(line.node)
            if values is not None:
                return Meaning(sentence, line.intent, values)
        return Meaning(sentence, self._plain[sentence], {}) if sentence in self._plain else None

    def _write(self, line: int, index: int) -> str:
        return " ".join(self.lines[line].node.write(index).split())

    def _spelled(self, speller: Speller, line: Line) -> dict[str, int]:
        """Return the words of a line, each with a derivation that contains it."""
        try:
            return speller.spell(line.node).words()
        except TooManyWordsError:
            raise SentenceError(
                f"the choices inside its words make more than {MOST_WORDS} words",
                path=self.path,
                line=line.number,
                fix="Put spaces between the brackets",
            ) from None

    def _cover(self, generator: random.Random) -> list[set[int]]:
        """Return at least one derivation of each line, which together contain every word."""
        first = [generator.randrange(count) for count in self._counts]
        said = {word for line, index in enumerate(first) for word in self._write(line, index).split()}
        chosen = [{index} for index in first]
        speller = Speller(generator)
        for line, template in enumerate(self.lines):
            for word, index in self._spelled(speller, template).items():
                if word not in said:
                    chosen[line].add(index)
                    said.update(self._write(line, index).split())
        return chosen


def _mark(node: Node, known: dict[Node, str]) -> str:
    """Return a digest of a part; `known` caches shared parts."""
    if isinstance(node, Text):
        return f"'{node.text}'"
    mark = known.get(node)
    if mark is None:
        inner: list[Node] = []
        if isinstance(node, Series):
            inner = list(node.parts)
        elif isinstance(node, Choice):
            inner = list(node.options)
        elif isinstance(node, (Slot, Substitution)):
            inner = [node.body]
        name = node.name if isinstance(node, Slot) else node.value if isinstance(node, Substitution) else ""
        mark = fingerprint(type(node).__name__, name, [_mark(part, known) for part in inner])
        known[node] = mark
    return mark


def _allocate(limit: int, counts: Sequence[int], least: Sequence[int], generator: random.Random) -> list[int]:
    """Return the number of sentences of each line, `limit` in total.

    All lines get the same number, at most their `counts` and at least their `least`.
    """

    def sizes(level: int) -> list[int]:
        return [min(count, max(minimum, level)) for count, minimum in zip(counts, least, strict=True)]

    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if sum(sizes(middle)) <= limit else (low, middle - 1)
    shared, more = sizes(low), sizes(low + 1)
    growing = [line for line in range(len(counts)) if more[line] > shared[line]]
    # The remainder goes to random lines.
    for line in generator.sample(growing, max(0, min(len(growing), limit - sum(shared)))):
        shared[line] += 1
    return shared


def _draw_more(indices: set[int], count: int, size: int, generator: random.Random) -> None:
    """Add random numbers below `count` to `indices` until there are `size`."""
    if 2 * size > count:
        rest = [index for index in range(count) if index not in indices]
        indices.update(generator.sample(rest, size - len(indices)))
    while len(indices) < size:
        indices.add(generator.randrange(count))


def _repeat(indices: list[int], least: int) -> list[int]:
    """Return the indices, repeated in turn until there are at least `least`."""
    return [*indices, *islice(cycle(indices), max(0, least - len(indices)))]
