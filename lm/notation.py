"""Parser for the template notation of Rhasspy and Home Assistant.

    (a|b) one of them      [a] optional             [a|b] one of them or none
    <rule> = ...           text used in several places, as <rule>
    {slot} = ...           the same, and the words are the value of a slot; {slot:name} names it `name`
    # a comment, to the end of the line

docs/sentences.md describes it for users.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from asr.core.alphabet import Alphabet
from asr.core.errors import SentenceError
from lm.template import HIGHEST, Choice, Gap, Node, Nothing, Series, Slot, Text

_COMMENT = re.compile(r"(?:^|\s)#.*")
_NAME = r"[^\W\d][\w.-]*"
_DEFINITION = re.compile(rf"(<{_NAME}>|\{{{_NAME}\}})\s*=(.*)", re.DOTALL)
_SPECIAL = re.compile(r"[()\[\]|<>{}]")
_TOKEN = re.compile(
    rf"(?P<gap>\s+)|(?P<bracket>[()\[\]|])|(?P<rule><{_NAME}>)"
    rf"|\{{(?P<slot>{_NAME})(?::(?P<alias>{_NAME}))?\}}"
    r"|(?P<text>[^\s()\[\]|<>{}]+(?:\s+[^\s()\[\]|<>{}]+)*)"
)
_CLOSING = {"(": ")", "[": "]"}


@dataclass(frozen=True)
class Line:
    """A sentence or template, and its 1-based line number."""

    node: Node
    number: int


def parse(text: str, alphabet: Alphabet, path: Path | str | None = None) -> list[Line]:
    """Parse the content of a sentences.txt, in its order.

    Parameters
    ----------
    text : the content, with any line ends; a byte order mark is ignored.
    alphabet : characters that sentences may contain.
    path : of the file, for messages.

    Raises
    ------
    SentenceError : a syntax error, with the line, or there is no sentence.
    """
    # Not splitlines, which also splits at characters that editors do not count as line ends.
    lines = re.split(r"\r\n|\r|\n", text.removeprefix("\N{BYTE ORDER MARK}"))
    definitions: dict[str, _Definition] = {}
    templates: list[tuple[int, str]] = []
    for number, raw in enumerate(lines, 1):
        line = _COMMENT.sub("", raw).strip()
        defined = _DEFINITION.fullmatch(line)
        if defined:
            name, body = defined.groups()
            if name in definitions:
                raise SentenceError(
                    f"{name} is already defined in line {definitions[name].number}",
                    path=path,
                    line=number,
                    fix="Rename one of them",
                )
            definitions[name] = _Definition(body.strip(), number)
        elif line:
            templates.append((number, line))
    if not templates:
        what = "definitions, but no sentence that uses them" if definitions else "no sentence"
        raise SentenceError(f"this file has {what}", path=path, fix="Write one sentence or template a line")
    reader = _Reader(definitions, alphabet, path)
    for name in definitions:
        reader.resolve(name, definitions[name].number, 0)
    return [Line(reader.template(line, number), number) for number, line in templates]


@dataclass(frozen=True)
class _Definition:
    body: str
    number: int


class _Reader:
    """Parses text into trees; a definition is parsed once, when it is first used."""

    def __init__(self, definitions: dict[str, _Definition], alphabet: Alphabet, path: Path | str | None) -> None:
        self._definitions = definitions
        self._alphabet = alphabet
        self._path = path
        self._resolved: dict[str, Node] = {}
        self._open: list[str] = []

    def template(self, text: str, number: int) -> Node:
        """Return the tree of a sentence or template."""
        node = self._body(text, number, 0)
        if node.can_be_empty:
            what = f"everything in {_short(text)} is optional"
            raise self._error(number, what, "Leave one word outside of [brackets]")
        for name, times in node.slots.items():
            if times > 1:
                raise self._error(
                    number,
                    f"{{{name}}} can occur twice in one sentence, but a slot has one value",
                    f"Rename them: {{{name}:first}} and {{{name}:second}}",
                )
        return node

    def resolve(self, name: str, number: int, depth: int) -> Node:
        """Return what <rule> or {slot}, used in line `number`, stands for."""
        if name in self._resolved:
            return self._resolved[name]
        if name not in self._definitions:
            raise self._error(number, f"{name} is not defined", f"Add a line: {name} = (one|or another)")
        if name in self._open:
            cycle = " -> ".join([*self._open[self._open.index(name) :], name])
            raise self._error(number, f"{name} contains itself: {cycle}", "Remove the cycle")
        definition = self._definitions[name]
        self._open.append(name)
        node = self._body(definition.body, definition.number, depth + 1)
        self._open.pop()
        if name.startswith("{") and node.can_be_empty:
            raise self._error(definition.number, f"{name} can be empty", f"Write [{name}] where it is optional")
        self._resolved[name] = node
        return node

    def _body(self, text: str, number: int, depth: int) -> Node:
        """Return the tree of a line, or of the right side of a definition."""
        if not _SPECIAL.search(text):
            if not text:
                raise self._error(number, "there is nothing after the =", "Write its value")
            return self._text(text, number)
        tokens = self._tokens(text, number)
        node, end = self._choice(tokens, 0, None, number, depth)
        assert end == len(tokens)
        return node

    def _tokens(self, text: str, number: int) -> list[re.Match[str]]:
        tokens = []
        at = 0
        while at < len(text):
            token = _TOKEN.match(text, at)
            if token is None:
                raise self._error(
                    number,
                    f"{text[at]!r} in {_short(text)} does not start a <rule> or {{slot}}",
                    "Write <name> or {name}, defined on a line of its own",
                )
            tokens.append(token)
            at = token.end()
        return tokens

    def _choice(
        self, tokens: list[re.Match[str]], at: int, opened: str | None, number: int, depth: int
    ) -> tuple[Node, int]:
        """Parse the options from token `at` to the bracket that closes `opened`; return the next token, too."""
        if depth > HIGHEST:
            raise self._too_high(number)
        options: list[Node] = []
        parts: list[Node] = []
        closed = False
        while at < len(tokens) and not closed:
            token = tokens[at]
            at += 1
            bracket = token["bracket"]
            if bracket in _CLOSING:
                part, at = self._choice(tokens, at, bracket, number, depth + 1)
                parts.append(part)
            elif bracket == "|":
                options.append(self._series(parts, number, opened))
                parts = []
            elif bracket:
                if opened is None or bracket != _CLOSING[opened]:
                    found = f"'{bracket}' closes " + (f"'{opened}'" if opened else "nothing")
                    raise self._error(number, f"{found} in {_short(token.string)}", "Balance the brackets")
                closed = True
            elif token["gap"]:
                self._check(" ", number)
                parts.append(Gap())
            elif token["text"]:
                parts.append(self._text(token["text"], number))
            else:
                parts.append(self._reference(token, number, depth))
        if opened and not closed:
            raise self._error(
                number, f"'{opened}' is never closed in {_short(tokens[0].string)}", "Balance the brackets"
            )
        options.append(self._series(parts, number, opened))
        if opened == "[":
            options.append(Nothing())
        return self._checked(options[0] if len(options) == 1 else Choice(options), number), at

    def _series(self, parts: list[Node], number: int, opened: str | None) -> Node:
        if all(isinstance(part, Gap) for part in parts):
            where = f"inside {opened}{_CLOSING[opened]}" if opened else "beside |"
            raise self._error(number, f"a choice {where} is empty", "Write [a|b] for a, b or nothing")
        return self._checked(parts[0] if len(parts) == 1 else Series(parts), number)

    def _reference(self, token: re.Match[str], number: int, depth: int) -> Node:
        if token["rule"]:
            return self.resolve(token["rule"], number, depth)
        body = self.resolve(f"{{{token['slot']}}}", number, depth)
        return self._checked(Slot(token["alias"] or token["slot"], body), number)

    def _text(self, text: str, number: int) -> Text:
        text = " ".join(text.split())
        self._check(text, number)
        return Text(text)

    def _check(self, text: str, number: int) -> None:
        self._alphabet.check(text, path=self._path, line=number)

    def _checked(self, node: Node, number: int) -> Node:
        if node.height > HIGHEST:
            raise self._too_high(number)
        return node

    def _too_high(self, number: int) -> SentenceError:
        return self._error(number, f"brackets and rules are nested more than {HIGHEST} deep", "Nest fewer")

    def _error(self, number: int, what: str, fix: str) -> SentenceError:
        return SentenceError(what, path=self._path, line=number, fix=fix)


def _short(text: str) -> str:
    """Return `text` quoted, truncated to fit in a line."""
    return repr(text if len(text) <= 60 else text[:57] + "...")
