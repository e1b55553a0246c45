"""Rhasspy's sentences.ini, converted to our notation.

The format is that of https://rhasspy.readthedocs.io/en/latest/training/: a section for each intent, sentences, and
rules as `name = ...`, which belong to their section. Values of `$slot` stand in files of the folder `slots` beside it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from asr.core.alphabet import Alphabet
from asr.core.errors import SentenceError
from lm.conversion import MOST_SENTENCES, Conversion, Writer
from lm.foreign import Part, either, missing, numbers, read_file, rule, speak, words
from lm.remarks import Remarks
from lm.rhasspy_template import read_template

SUFFIX = ".ini"

_LANGUAGE = "en"  # sentences.ini names none; its numbers are converted as English ones
_MOST_CHARACTERS = 8 << 20  # of templates, repeated wherever a slot's file repeats them
_SECTION = re.compile(r"\[([^\[\]]+)\]")
_NO_NAME = re.compile(r"[\[\](){}<>|]")
_NUMBER_SLOT = re.compile(r"rhasspy/number,(-?\d{1,9}),(-?\d{1,9})(?:,(\d{1,9}))?")
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)


def convert_rhasspy(source: Path, alphabet: Alphabet) -> Conversion:
    """Return the sentences of a sentences.ini in our notation.

    Raises
    ------
    SentenceError : it cannot be read, or nothing in it can be converted.
    """
    intents = _sections(read_file(source))
    remarks = Remarks()
    writer = Writer(source, alphabet, _LANGUAGE, remarks)
    names = _Names(source, alphabet, intents, remarks)
    count = 0
    for intent, section in intents.items():
        for line, text in section.sentences:
            count += 1
            if count > MOST_SENTENCES:
                raise SentenceError(f"it has more than {MOST_SENTENCES} sentences", path=source, line=line)
            writer.add(intent, names.read(text, intent, source, line), source, line)
    return writer.finish()


@dataclass
class _Section:
    """An intent: its sentences and its rules, with their lines."""

    sentences: list[tuple[int, str]] = field(default_factory=list)
    rules: dict[str, tuple[int, str]] = field(default_factory=dict)


def _sections(text: str) -> dict[str, _Section]:
    """Return the intents of a file in its order; "" holds what stands before the first."""
    intents: dict[str, _Section] = {}
    intent, rule_name = "", ""
    for number, raw in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        section = _SECTION.fullmatch(line)
        if section:
            intent, rule_name = section[1].strip(), ""
            intents.setdefault(intent, _Section())
            continue
        into = intents.setdefault(intent, _Section())
        before, equals, body = line.partition("=")
        if equals and before.strip() and not _NO_NAME.search(before):
            rule_name = before.strip()
            into.rules[rule_name] = number, body.strip()
        elif rule_name and raw[0].isspace():
            # An indented line goes on with the rule before it.
            first, start = into.rules[rule_name]
            into.rules[rule_name] = first, f"{start} {line}"
        else:
            rule_name = ""
            into.sentences.append((number, line.replace("\\[", "[")))
    return intents


class _Names:
    """What the rules and slots of a file stand for."""

    def __init__(self, source: Path, alphabet: Alphabet, intents: dict[str, _Section], remarks: Remarks) -> None:
        self._source = source
        self._alphabet = alphabet
        self._intents = intents
        self._remarks = remarks
        self._known: dict[str, Part] = {}
        self._open: set[str] = set()
        self._left = _MOST_CHARACTERS

    def read(self, text: str, intent: str, path: Path, line: int, depth: int = 0) -> Part:
        """Return the parts of a template that stands in an intent."""
        self._left -= len(text) + 1
        if self._left < 0:
            raise SentenceError(
                f"its templates are more than {_MOST_CHARACTERS >> 20} MB with their slots",
                path=path, line=line, fix="Convert a part of it",
            )  # fmt: skip
        return read_template(text, _Here(self, intent, path, line), depth)

    def speak(self, text: str) -> Part:
        """Return a word as it is said."""
        return speak(text, self._alphabet, _LANGUAGE)

    def remark(self, path: Path, line: int, what: str) -> None:
        """Note what cannot be converted."""
        self._remarks.add(path, line, what)

    def rule(self, full_name: str, intent: str, depth: int) -> Part:
        """Return a rule, `name` of the intent or `Intent.name`."""
        at, _, name = full_name.rpartition(".")
        section = self._intents.get(at or intent)
        found = section.rules.get(name) if section else None
        if found is None:
            return missing(f"there is no rule <{full_name}>")
        line, body = found
        key = f"<{at or intent}.{name}>"
        if key in self._known:
            return self._known[key]
        if key in self._open:
            return missing(f"<{full_name}> contains itself")
        self._open.add(key)
        part = self._known[key] = rule(
            name, self.read(body, at or intent, self._source, line, depth), self._source, line
        )
        self._open.remove(key)
        return part

    def slot(self, name: str, depth: int) -> Part:
        """Return the values of `$name`."""
        key = f"${name}"
        if key in self._known:
            return self._known[key]
        if key in self._open:
            return missing(f"{key} contains itself")
        self._open.add(key)
        part = self._known[key] = self._values(name, depth)
        self._open.remove(key)
        return part

    def _values(self, name: str, depth: int) -> Part:
        ranged = _NUMBER_SLOT.fullmatch(name)
        if ranged:
            return numbers(int(ranged[1]), int(ranged[2]), int(ranged[3] or 1))
        path = self._source.parent / "slots" / name
        # A name is no way out of the folder.
        inside = (
            ".." not in Path(name).parts and not Path(name).is_absolute() and name.isprintable() and len(name) < 200
        )
        if not inside or not path.is_file():
            built_in = {"rhasspy/days": _DAYS, "rhasspy/months": _MONTHS}.get(name)
            if built_in:
                return rule(name, either([words(day, day) for day in built_in]), self._source, 1)
            program = (self._source.parent / "slot_programs" / name.split(",")[0]) if inside else path
            if inside and program.is_file():
                return missing(f"${name} is a program; write what it prints to slots/{name.split(',')[0]}")
            return missing(f"${name} has no file in the folder slots")
        options = []
        for line, text in enumerate(re.split(r"\r\n|\r|\n", read_file(path)), 1):
            if text.strip():
                option = self.read(text.strip(), "", path, line, depth)
                if option.lack:
                    self._remarks.add(path, line, f"{option.lack}: this value is left out")
                else:
                    options.append(option)
        return rule(name, either(options), path, 1) if options else missing(f"${name} has no value in its file")


@dataclass(frozen=True)
class _Here:
    """The names as they are seen from a template; `lm.rhasspy_template.Names`."""

    names: _Names
    intent: str
    path: Path
    line: int

    def rule(self, name: str, depth: int) -> Part:
        return self.names.rule(name, self.intent, depth)

    def slot(self, name: str, depth: int) -> Part:
        return self.names.slot(name, depth)

    def speak(self, text: str) -> Part:
        return self.names.speak(text)

    def remark(self, what: str) -> None:
        self.names.remark(self.path, self.line, what)
