"""One expression of the template notation, read into a tree; `lm.notation` reads whole files."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from asr.core.alphabet import Alphabet
from asr.core.errors import SentenceError
from lm.numbers import LARGEST, MOST_NUMBERS, in_words
from lm.template import (
    HIGHEST,
    LONGEST,
    MOST_DERIVATIONS,
    Choice,
    Gap,
    Node,
    Nothing,
    Series,
    Slot,
    Substitution,
    Text,
)

NAME = r"[^\W\d][\w.-]{0,99}"
_SPECIAL = re.compile(r"[()\[\]|;:<>{}]")
_TOKEN = re.compile(
    rf"(?P<gap>\s+)|(?P<bracket>[()\[\]|;])|(?P<rule><{NAME}>)"
    rf"|\{{(?P<first>-?\d+)\.\.(?P<last>-?\d+)(?:,(?P<step>\d+))?(?::(?P<number>{NAME}))?\}}"
    rf"|\{{(?P<slot>{NAME})(?::(?P<alias>{NAME}))?\}}"
    r"|:(?P<value>[^()\[\]|;:<>{}]*)"
    r"|(?P<text>[^\s()\[\]|;:<>{}]+(?:\s+[^\s()\[\]|;:<>{}]+)*)"
)
_CLOSING = {"(": ")", "[": "]"}
_MOST_PERMUTED = 5  # parts, which have 120 orders
_MOST_ORDERS = 50_000  # of all parts of a file

# Other notations, named in the error: what is found, what it is, what to write here.
_JSGF = re.compile(r"#JSGF|public\s+<|grammar\s+\S+;")
_FOREIGN = (
    (re.compile(r"\$\w+"), "a slot of Rhasspy or Picovoice", "Write {name}, and a line {name} = (one|another)"),
    (re.compile(r"\w![\w.]+"), "a converter of Rhasspy", "Write the value that is returned: (said:returned)"),
    (re.compile(r"[)\w]\{\w+\}"), "a tag of Rhasspy", "Write {name} instead, and a line {name} = (one|another)"),
)  # fmt: skip


@dataclass(frozen=True)
class Definition:
    """What a <rule> or {slot} stands for.

    Attributes
    ----------
    body : an expression.
    number : its line, from 1.
    column : of the body's first character, from 1.
    path : the file that it stands in, for messages; None: the file of sentences.
    values : where a file lists the values, one expression each with its line.
    """

    body: str
    number: int
    column: int = 1
    path: Path | None = None
    values: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class _Place:
    """Where an expression stands, for messages."""

    path: Path | str | None
    line: int
    column: int  # of its first character

    def error(self, at: int, what: str, fix: str) -> SentenceError:
        """Return the error about the character `at` of the expression."""
        return SentenceError(what, path=self.path, line=self.line, column=self.column + at, fix=fix)


class Reader:
    """Reads expressions into trees; a definition is read once, when it is first used.

    Parameters
    ----------
    definitions : by name, brackets included.
    alphabet : characters that sentences may contain.
    path : of the file of sentences, for messages.
    language : in which numbers are said.
    """

    def __init__(
        self, definitions: dict[str, Definition], alphabet: Alphabet, path: Path | str | None, language: str = "en"
    ) -> None:
        self._definitions = definitions
        self._alphabet = alphabet
        self._letters = frozenset(alphabet.labels)
        self._path = path
        self._language = language
        self._resolved: dict[str, Node] = {}
        self._open: list[str] = []
        self._orders = 0

    def template(self, text: str, number: int, column: int) -> Node:
        """Return the tree of a sentence or template; SentenceError where it is wrong."""
        place = _Place(self._path, number, column)
        node = self._read(text, place, 0)
        if node.can_be_empty:
            raise place.error(0, f"everything in {_short(text)} is optional", "Leave one word outside of [brackets]")
        for name, times in node.slots.items():
            if times > 1:
                raise place.error(
                    0,
                    f"{{{name}}} can occur twice in one sentence, but a slot has one value",
                    f"Rename them: {{{name}:first}} and {{{name}:second}}",
                )
        return node

    def resolve(self, name: str, place: _Place | None, at: int, depth: int) -> Node:
        """Return what <rule> or {slot} stands for; `place` and `at` say where it is used."""
        if name in self._resolved:
            return self._resolved[name]
        definition = self._definitions.get(name)
        if definition is None:
            assert place is not None
            raise place.error(at, f"{name} is not defined", f"Add a line: {name} = (one|or another)")
        here = _Place(definition.path or self._path, definition.number, definition.column)
        if name in self._open:
            cycle = " -> ".join([*self._open[self._open.index(name) :], name])
            raise (place or here).error(at, f"{name} contains itself: {cycle}", "Remove the cycle")
        self._open.append(name)
        try:
            node = self._defined(definition, here, depth)
        finally:
            self._open.pop()
        if name.startswith("{") and node.can_be_empty:
            raise here.error(0, f"{name} can be empty", f"Write [{name}] where it is optional")
        self._resolved[name] = node
        return node

    def _defined(self, definition: Definition, place: _Place, depth: int) -> Node:
        """Return the tree of a definition that stands at `place`."""
        if not definition.values:
            return self._read(definition.body, place, depth + 1)
        options = [self._read(value, _Place(definition.path, line, 1), depth + 1) for line, value in definition.values]
        return self._checked(options[0] if len(options) == 1 else Choice(options), place, 0)

    def _read(self, text: str, place: _Place, depth: int) -> Node:
        """Return the tree of a whole expression."""
        if _JSGF.match(text):
            raise place.error(0, "this looks like JSGF", "Write <name> = ..., and each sentence on a line of its own")
        if not _SPECIAL.search(text):
            if not text:
                raise place.error(0, "there is nothing after the =", "Write its value")
            self._refuse_foreign(text, place)
            return self._text(text, place, 0)
        tokens = self._tokens(text, place)
        node, end = self._choice(tokens, 0, None, place, depth)
        assert end == len(tokens)
        return node

    def _tokens(self, text: str, place: _Place) -> list[re.Match[str]]:
        tokens = []
        at = 0
        while at < len(text):
            token = _TOKEN.match(text, at)
            if token is None:
                self._refuse_foreign(text, place)
                raise place.error(
                    at,
                    f"{text[at]!r} in {_short(text)} does not start a <rule> or {{slot}}",
                    "Write <name> or {name}, defined on a line of its own, or a range such as {0..100}",
                )
            tokens.append(token)
            at = token.end()
        if any(token["slot"] and f"{{{token['slot']}}}" not in self._definitions for token in tokens):
            # Rhasspy's {tag} follows what it names, where ours would be an undefined slot.
            self._refuse_foreign(text, place)
        return tokens

    def _refuse_foreign(self, text: str, place: _Place) -> None:
        for pattern, what, fix in _FOREIGN:
            found = pattern.search(text)
            if found:
                raise place.error(found.start(), f"{found.group().strip()!r} looks like {what}", fix)

    def _choice(
        self, tokens: list[re.Match[str]], at: int, opened: re.Match[str] | None, place: _Place, depth: int
    ) -> tuple[Node, int]:
        """Parse the options from token `at` to the bracket that closes `opened`; return the next token, too."""
        if depth > HIGHEST:
            raise self._too_high(place, opened.start() if opened else 0)
        options: list[Node] = []
        permuted: list[Node] = []
        parts: list[Node] = []
        separators: set[str] = set()
        start, closed = at, False
        while at < len(tokens) and not closed:
            token = tokens[at]
            at += 1
            bracket = token["bracket"]
            if bracket in _CLOSING:
                part, at = self._choice(tokens, at, token, place, depth + 1)
                parts.append(part)
            elif bracket in ("|", ";"):
                separators.add(bracket)
                (options if bracket == "|" else permuted).append(self._series(parts, place, opened, token.start()))
                parts = []
                if len(separators) > 1 or (bracket == ";" and (opened is None or opened["bracket"] != "(")):
                    raise place.error(
                        token.start(), f"{bracket!r} cannot stand here",
                        "Write (a;b) for both in any order, and brackets around what is parted by |",
                    )  # fmt: skip
            elif bracket:
                opening = opened["bracket"] if opened else None
                if opening is None or bracket != _CLOSING[opening]:
                    found = f"'{bracket}' closes " + (f"'{opening}'" if opening else "nothing")
                    raise place.error(token.start(), f"{found} in {_short(token.string)}", "Balance the brackets")
                closed = True
            elif token["gap"]:
                self._check(" ", place, token.start())
                parts.append(Gap())
            elif token["value"] is not None:
                parts = [self._substitution(parts, token, opened, tokens[start:at], place)]
            elif token["text"]:
                parts.append(self._text(token["text"], place, token.start()))
            else:
                parts.append(self._reference(token, place, depth))
        if opened and not closed:
            raise place.error(
                opened.start(), f"'{opened['bracket']}' is never closed in {_short(opened.string)}",
                "Balance the brackets",
            )  # fmt: skip
        last = self._series(parts, place, opened, tokens[at - 1].start() if at else 0)
        if permuted:
            return self._permutations([*permuted, last], place, opened), at
        options.append(last)
        if opened and opened["bracket"] == "[":
            options.append(Nothing())
        where = opened.start() if opened else 0
        return self._checked(options[0] if len(options) == 1 else Choice(options), place, where), at

    def _series(self, parts: Sequence[Node], place: _Place, opened: re.Match[str] | None, at: int) -> Node:
        if all(isinstance(part, Gap) for part in parts):
            bracket = opened["bracket"] if opened else ""
            where = f"inside {bracket}{_CLOSING[bracket]}" if bracket else "beside |"
            raise place.error(at, f"a choice {where} is empty", "Write [a|b] for a, b or nothing")
        return self._checked(parts[0] if len(parts) == 1 else Series(parts), place, at)

    def _permutations(self, parts: Sequence[Node], place: _Place, opened: re.Match[str] | None) -> Node:
        """Return all orders of the parts, with a space between two."""
        assert opened is not None
        if len(parts) > _MOST_PERMUTED:
            raise place.error(
                opened.start(), f"{len(parts)} parts in any order; {_MOST_PERMUTED} is the most", "Permute fewer"
            )
        self._orders += math.factorial(len(parts))
        if self._orders > _MOST_ORDERS:
            raise place.error(
                opened.start(), f"all parts in any order make more than {_MOST_ORDERS} orders", "Permute fewer"
            )
        orders = []
        for order in itertools.permutations(parts):
            spaced: list[Node] = [order[0]]
            for part in order[1:]:
                spaced += [Gap(), part]
            orders.append(Series(spaced))
        return self._checked(Choice(orders), place, opened.start())

    def _substitution(
        self,
        parts: list[Node],
        token: re.Match[str],
        opened: re.Match[str] | None,
        before: Sequence[re.Match[str]],
        place: _Place,
    ) -> Node:
        """Return the parts of this option so far, with the value that is returned for them."""
        if not parts or all(isinstance(part, Gap) for part in parts):
            raise place.error(token.start(), "nothing is said before this ':'", "Write (said:returned)")
        if any(isinstance(part, Substitution) for part in parts):
            raise place.error(token.start(), "a second ':' in one option", "Write (said:returned), in brackets")
        sentence = opened is None and place.path == self._path and not self._open
        if sentence and (len(before) > 2 or " " in (before[0]["text"] or "")):
            fix = "Put it in brackets: (said:returned)"
            raise place.error(token.start(), "it is not clear where what this ':' stands for begins", fix)
        body = parts[0] if len(parts) == 1 else Series(parts)
        if body.slots:
            raise place.error(token.start(), "a slot stands within what this ':' replaces", "Replace words only")
        return self._checked(Substitution(" ".join(token["value"].split()), body), place, token.start())

    def _reference(self, token: re.Match[str], place: _Place, depth: int) -> Node:
        if token["rule"]:
            return self.resolve(token["rule"], place, token.start(), depth)
        if token["first"]:
            return self._range(token, place)
        body = self.resolve(f"{{{token['slot']}}}", place, token.start(), depth)
        return self._checked(Slot(token["alias"] or token["slot"], body), place, token.start())

    def _range(self, token: re.Match[str], place: _Place) -> Node:
        """Return the numbers of a range in words, with their digits as values."""
        if self._language.split("-")[0] != "en":
            fix = "Write the numbers out: (eins:1|zwei:2)"
            raise place.error(token.start(), f"numbers are said in English only, not in {self._language!r}", fix)
        digits = [token[name] or "1" for name in ("first", "last", "step")]
        # Python refuses to read thousands of digits.
        first, last, step = (int(text) if len(text) < 20 else LARGEST + 1 for text in digits)
        if max(abs(first), abs(last), step) > LARGEST:
            raise place.error(token.start(), f"{LARGEST} is the largest number", "Use smaller ones")
        if first > last or not step:
            raise place.error(token.start(), "this range holds no number", "Write {lowest..highest,step}")
        numbers = range(first, last + 1, step)
        if len(numbers) > MOST_NUMBERS:
            raise place.error(
                token.start(), f"this range holds {len(numbers)} numbers; {MOST_NUMBERS} is the most", "Use a step"
            )
        options = [
            Substitution(str(number), self._text(in_words(number), place, token.start())) for number in numbers
        ]
        body: Node = options[0] if len(options) == 1 else Choice(options)
        # Within a definition the slot is the definition's own.
        inside = bool(self._open) and not token["number"]
        return self._checked(body if inside else Slot(token["number"] or "number", body), place, token.start())

    def _text(self, text: str, place: _Place, at: int) -> Text:
        text = " ".join(text.split())
        self._check(text, place, at)
        node = Text(text)
        self._checked(node, place, at)
        return node

    def _check(self, text: str, place: _Place, at: int) -> None:
        if self._letters.issuperset(text):
            return
        wrong = next(number for number, letter in enumerate(text) if letter not in self._letters)
        start = max(0, wrong - 30)  # a message is a line, which the text may not be
        self._alphabet.check(
            text[start : start + 60], path=place.path, line=place.line, column=place.column + at + start
        )

    def _checked(self, node: Node, place: _Place, at: int) -> Node:
        if node.height > HIGHEST:
            raise self._too_high(place, at)
        if node.length > LONGEST:
            raise place.error(at, f"this makes sentences of more than {LONGEST} characters", "Write shorter ones")
        if node.count > MOST_DERIVATIONS:
            raise place.error(at, "this makes more than 10^1000 sentences", "Write fewer choices in a row")
        return node

    def _too_high(self, place: _Place, at: int) -> SentenceError:
        return place.error(at, f"brackets and rules are nested more than {HIGHEST} deep", "Nest fewer")


def _short(text: str) -> str:
    """Return `text` quoted, truncated to fit in a line."""
    return repr(text if len(text) <= 60 else text[:57] + "...")
