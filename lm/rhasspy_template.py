"""One template of Rhasspy's sentences.ini, read into parts.

    (a|b) [a] <rule> $slot 0..100,5      as in ours, but what stands side by side is always two words
    word:value (several words):value     what is returned; nothing, if the value is empty
    word{tag} (a|b){tag:value}           the value of the slot `tag`
    word!int (a|b){tag!float}            a converter of the value

The notation is that of https://github.com/rhasspy/rhasspy-nlu.
"""

from __future__ import annotations

import re
from typing import Protocol

from lm.foreign import (
    HIGHEST,
    NOTHING,
    SPACE,
    Part,
    TemplateError,
    either,
    guarded,
    is_nothing,
    numbers,
    returned,
    series,
    tag,
)

_TOKEN = re.compile(
    r"(?P<gap>\s+)|(?P<bracket>[()\[\]|])|<(?P<rule>[^<>]*)>|\{(?P<tag>[^{}]*)\}"
    r"|(?P<text>[^\s()\[\]{}<>|]+)"
)
_GROUPED = re.compile(r"\(([^()]*)\)")
_RANGE = re.compile(r"(-?\d{1,9})\.\.(-?\d{1,9})(?:,(\d{1,9}))?")
_CLOSING = {"(": ")", "[": "]"}
# Converters whose result our values are already: text that a program reads as a number.
_SILENT = {"int", "float"}


class Names(Protocol):
    """What the names in a template stand for."""

    def rule(self, name: str, depth: int) -> Part:
        """Return a rule."""

    def slot(self, name: str, depth: int) -> Part:
        """Return the values of a slot."""

    def speak(self, text: str) -> Part:
        """Return a word as it is said."""

    def remark(self, what: str) -> None:
        """Note what cannot be converted."""


def read_template(text: str, names: Names, depth: int = 0) -> Part:
    """Return the parts of a template; missing where it is wrong or has no counterpart.

    Parameters
    ----------
    names : what its rules and slots stand for.
    depth : of brackets and rules around it.
    """
    return guarded(text, lambda: _Template(text, names).read(depth))


class _Template:
    def __init__(self, text: str, names: Names) -> None:
        self._text = text
        self._names = names
        self._at = 0

    def read(self, depth: int) -> Part:
        return self._group("", depth)

    def _group(self, opening: str, depth: int) -> Part:
        """Return the parts up to the bracket that closes `opening`."""
        if depth > HIGHEST:
            raise TemplateError(f"brackets and rules more than {HIGHEST} deep")
        groups: list[list[Part]] = [[]]
        while self._at < len(self._text):
            token = _TOKEN.match(self._text, self._at)
            if token is None:
                raise TemplateError(f"{self._text[self._at]!r} stands alone")
            self._at = token.end()
            bracket = token["bracket"]
            if token["gap"]:
                continue
            if bracket == "|":
                groups.append([])
            elif bracket in _CLOSING:
                groups[-1].append(self._suffixed(self._group(bracket, depth + 1)))
            elif bracket:
                if not opening or bracket != _CLOSING[opening]:
                    raise TemplateError(f"'{bracket}' closes nothing")
                return self._either(groups, optional=opening == "[")
            elif token["tag"] is not None:
                self._tag(groups[-1], token["tag"])
            elif token["rule"] is not None:
                groups[-1].append(self._names.rule(token["rule"].strip(), depth + 1))
            else:
                groups[-1].append(self._word(token["text"], depth))
        if opening:
            raise TemplateError(f"'{opening}' is never closed")
        return self._either(groups, optional=False)

    def _either(self, groups: list[list[Part]], optional: bool) -> Part:
        options = []
        for group in groups:
            spaced: list[Part] = []
            for part in group:
                if not is_nothing(part):
                    spaced += [SPACE, part] if spaced else [part]
            options.append(series(spaced))
        return either(options, optional)

    def _word(self, text: str, depth: int) -> Part:
        """Return a word, a slot or a range, with what is returned for it."""
        said, colon, value = text.partition(":")
        said, *converters = said.split("!") if not colon else [said]
        value, *more = value.split("!")
        self._convert(converters + more)
        if colon and not value:
            value = self._grouped() or ""
        if said.startswith("$") and len(said) > 1:
            part = self._names.slot(said[1:], depth + 1)
        elif found := _RANGE.fullmatch(said):
            part = numbers(int(found[1]), int(found[2]), int(found[3] or 1))
        elif said:
            part = self._names.speak(said)
        else:
            if value:
                self._names.remark(f"{':' + value!r} adds a word that nobody says: it is left out")
            return NOTHING
        return returned(value, part) if colon else part

    def _suffixed(self, part: Part) -> Part:
        """Return a group with the value or the converter that follows its bracket."""
        sign = self._text[self._at : self._at + 1]
        if sign not in (":", "!"):
            return part
        self._at += 1
        grouped = self._grouped()
        if grouped is None:
            found = _TOKEN.match(self._text, self._at)
            grouped = (found["text"] or "") if found else ""
            self._at += len(grouped)
        value, *converters = grouped.split("!")
        if sign == "!":
            self._convert([value, *converters])
            return part
        self._convert(converters)
        return returned(value, part)

    def _grouped(self) -> str | None:
        """Return the words of a value in brackets that stands here; None where there is none."""
        found = _GROUPED.match(self._text, self._at)
        if found is None:
            return None
        self._at = found.end()
        return " ".join(found[1].split())

    def _tag(self, parts: list[Part], text: str) -> None:
        """Make the last part the value of a slot."""
        name, *converters = text.split("!")
        name, colon, value = name.partition(":")
        value, *more = value.split("!")
        self._convert(converters + more)
        if not parts:
            raise TemplateError(f"{{{text}}} follows nothing")
        part = parts.pop()
        if is_nothing(part):
            self._names.remark(f"the slot {{{text}}} is left out: it has no words")
            parts.append(NOTHING)
            return
        parts.append(tag(name.strip(), returned(value, part) if colon else part))

    def _convert(self, converters: list[str]) -> None:
        for converter in converters:
            if converter not in _SILENT:
                self._names.remark(f"the converter !{converter} is left out: values are text")
