"""One template of Home Assistant's sentences, read into parts.

The notation is hassil's (https://github.com/home-assistant/hassil): `(a|b)`, `[optional]`, `(a;b)` in any order,
`{list:slot}`, `{0..100,5:slot}`, `<rule>` and a backslash before a bracket that is meant as text. Pieces without a
space between them make one word, as in ours.
"""

from __future__ import annotations

import re
from typing import Protocol

from lm.foreign import HIGHEST, SPACE, Part, TemplateError, any_order, either, guarded, numbers, series, tag

_TOKEN = re.compile(
    r"(?P<bracket>[()\[\]|;])|\{(?P<list>[^{}]*)\}|<(?P<rule>[^<>]*)>|(?P<text>(?:\\.|[^\\()\[\]{}<>|;])+)", re.DOTALL
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_RANGE = re.compile(r"(-?\d{1,9})\.\.(-?\d{1,9})(?:,(\d{1,9}))?")
_CLOSING = {"(": ")", "[": "]"}


class Names(Protocol):
    """What the names in a template stand for."""

    def rule(self, name: str, depth: int) -> Part:
        """Return an expansion rule."""

    def values(self, name: str, depth: int) -> Part:
        """Return the values of a list."""

    def speak(self, text: str) -> Part:
        """Return text as it is said."""


def read_template(text: str, names: Names, depth: int = 0) -> Part:
    """Return the parts of a template; missing where it is wrong or has no counterpart.

    Parameters
    ----------
    names : what its rules and lists stand for.
    depth : of brackets and rules around it.
    """
    return guarded(text, lambda: _Template(text, names).read(depth))


class _Template:
    def __init__(self, text: str, names: Names) -> None:
        self._names = names
        self._tokens: list[re.Match[str]] = []
        at = 0
        text = text.strip()
        while at < len(text):
            token = _TOKEN.match(text, at)
            if token is None:
                raise TemplateError(f"{text[at]!r} has no counterpart")
            self._tokens.append(token)
            at = token.end()
        self._at = 0

    def read(self, depth: int) -> Part:
        return self._group("", depth)

    def _group(self, opening: str, depth: int) -> Part:
        """Return the parts up to the bracket that closes `opening`."""
        if depth > HIGHEST:
            raise TemplateError(f"brackets and rules more than {HIGHEST} deep")
        groups: list[list[Part]] = [[]]
        separators: set[str] = set()
        closed = not opening
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            self._at += 1
            bracket = token["bracket"]
            if bracket in _CLOSING:
                groups[-1].append(self._group(bracket, depth + 1))
            elif bracket in ("|", ";"):
                separators.add(bracket)
                groups.append([])
            elif bracket:
                if not opening or bracket != _CLOSING[opening]:
                    raise TemplateError(f"'{bracket}' closes nothing")
                closed = True
                break
            else:
                groups[-1].append(self._piece(token, depth))
        if not closed:
            raise TemplateError(f"'{opening}' is never closed")
        if len(separators) > 1:
            raise TemplateError("'|' and ';' stand in one bracket")
        parts = [series(group) for group in groups]
        if separators == {";"}:
            permuted = any_order([series([part]) for part in parts])
            return either([permuted], optional=True) if opening == "[" else permuted
        if opening == "[" and parts == [SPACE]:
            # A space or none: they sound the same.
            return SPACE
        return either(parts, optional=opening == "[")

    def _piece(self, token: re.Match[str], depth: int) -> Part:
        if token["text"] is not None:
            return self._names.speak(_ESCAPED.sub(r"\1", token["text"]))
        if token["rule"] is not None:
            return self._names.rule(token["rule"].strip(), depth + 1)
        listed, _, slot = token["list"].partition(":")
        # A capture, {name:@key} or {@name}, is for the response and fills no slot.
        captured = slot.startswith("@") or listed.startswith("@")
        listed = listed.removeprefix("@").strip()
        found = _RANGE.fullmatch(listed)
        body = (
            numbers(int(found[1]), int(found[2]), int(found[3] or 1))
            if found
            else self._names.values(listed, depth + 1)
        )
        return body if captured else tag(slot.strip() or listed, body)
