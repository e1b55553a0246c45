"""What the rules and lists of Home Assistant's sentences stand for."""

from __future__ import annotations

from pathlib import Path

from asr.core.alphabet import Alphabet
from asr.core.errors import SentenceError
from lm.foreign import Part, Words, either, missing, number_names, numbers, returned, rule, speak, words
from lm.hassil import read_template
from lm.remarks import Remarks
from lm.yaml_file import Items, Mapping, Node, Scalar

Placed = tuple[Path, Node]  # something in a file

_MOST_CHARACTERS = 8 << 20  # of templates, repeated wherever an alias or a rule repeats them
_MOST_SPELLED = 2000  # numbers of a range with fractions or a multiplier
_TEMPLATE = frozenset("(){}<>[]|@")  # makes a value of a list a template
_FILLED = ("name", "area", "floor")  # lists that Home Assistant fills


class Reading:
    """What is common to all that is read.

    Parameters
    ----------
    alphabet : characters that sentences may contain.
    language : in which numbers are said.
    """

    def __init__(self, alphabet: Alphabet, language: str) -> None:
        self.alphabet = alphabet
        self.language = language
        self.remarks = Remarks()
        self._left = _MOST_CHARACTERS

    def spend(self, characters: int, path: Path, line: int) -> None:
        """Count what is read; SentenceError when aliases and rules make it endless."""
        self._left -= characters + 1
        if self._left < 0:
            raise SentenceError(
                f"its templates are more than {_MOST_CHARACTERS >> 20} MB with all that they repeat",
                path=path, line=line, fix="Convert a part of it",
            )  # fmt: skip


class Scope:
    """The rules and lists that a block of sentences sees.

    Parameters
    ----------
    rules, lists : by name.
    """

    def __init__(self, reading: Reading, rules: dict[str, Placed], lists: dict[str, Placed]) -> None:
        self._reading = reading
        self._rules = rules
        self._lists = lists
        self._known: dict[str, Part] = {}
        self._open: set[str] = set()

    def read(self, path: Path, line: int, text: str, depth: int = 0) -> Part:
        """Return the parts of a template."""
        self._reading.spend(len(text), path, line)
        return read_template(text, self, depth)

    def speak(self, text: str) -> Part:
        """Return text as it is said."""
        said = speak(text, self._reading.alphabet, self._reading.language)
        return words(said.said, said.said) if isinstance(said, Words) else said

    def rule(self, name: str, depth: int) -> Part:
        """Return an expansion rule."""
        return self._named(f"<{name}>", self._rules.get(name), depth)

    def values(self, name: str, depth: int) -> Part:
        """Return the values of a list."""
        return self._named(f"{{{name}}}", self._lists.get(name), depth)

    def _named(self, name: str, placed: Placed | None, depth: int) -> Part:
        """Return a rule or a list, read once."""
        known = self._known.get(name)
        if known is not None:
            return known
        if placed is None:
            if name.startswith("<"):
                return missing(f"there is no expansion rule {name}")
            filled = " (Home Assistant fills it)" if name[1:-1] in _FILLED else ""
            return missing(f"the list {name} is not in the file{filled}; write it under lists: and convert again")
        if name in self._open:
            return missing(f"{name} contains itself")
        self._open.add(name)
        path, node = placed
        if name.startswith("{"):
            body = self._list(name, path, node, depth)
        elif isinstance(node, Scalar):
            body = self.read(path, node.line, node.text, depth)
        else:
            body = missing(f"the expansion rule {name} is no text")
        self._open.remove(name)
        part = self._known[name] = rule(name[1:-1], body, path, node.line)
        return part

    def _list(self, name: str, path: Path, node: Node, depth: int) -> Part:
        about = node.values if isinstance(node, Mapping) else {}
        values, numbers_, wildcard = about.get("values"), about.get("range"), about.get("wildcard")
        if isinstance(values, Items):
            options = [self._value(name, path, value, depth) for value in values.values]
            spoken = [option for option in options if option is not None]
            return either(spoken) if spoken else missing(f"the list {name} has no value")
        if isinstance(numbers_, Mapping):
            return self._range(name, numbers_)
        if isinstance(wildcard, Scalar) and wildcard.is_true:
            return missing(f"{name} is a wildcard, which takes any words")
        return missing(f"the list {name} has neither values nor a range")

    def _value(self, name: str, path: Path, node: Node, depth: int) -> Part | None:
        """Return a value of a list; None where it is none."""
        said, value = node, None
        if isinstance(node, Mapping):
            said, value = node.values.get("in", node), node.values.get("out")
            for key in ("context", "metadata"):
                if key in node.values:
                    self._reading.remarks.add(path, node.line, f"{key} of the values of {name} is left out")
        if not isinstance(said, Scalar) or said.is_null:
            self._reading.remarks.add(path, node.line, f"a value of {name} is no text: it is left out")
            return None
        part = self.read(path, said.line, said.text, depth)
        if part.lack:
            self._reading.remarks.add(path, said.line, f"{part.lack}: this value of {name} is left out")
            return None
        if isinstance(value, Scalar) and not value.is_null:
            return returned(value.text, part)
        if value is not None:
            self._reading.remarks.add(path, node.line, f"what a value of {name} returns is no text: its words are")
        # Without template syntax a value is returned as it is written, capitals and all.
        plain = node is said and not _TEMPLATE.intersection(said.text)
        return returned(said.text, part) if plain else part

    def _range(self, name: str, about: Mapping) -> Part:
        if self._reading.language.split("-")[0].split("_")[0] != "en":
            return missing(f"the numbers of {name}: they are said in English only; write them out")
        limits = [_number(about.values.get(key)) for key in ("from", "to")]
        step = _number(about.values["step"]) if "step" in about.values else 1
        if limits[0] is None or limits[1] is None or step is None:
            return missing(f"the range of {name} has no whole numbers 'from' and 'to'")
        whole = numbers(limits[0], limits[1], step)
        fractions, multiplier = about.values.get("fractions"), about.values.get("multiplier")
        if whole.lack or (fractions is None and multiplier is None):
            return whole
        tenths = {"halves": (0, 5), "tenths": tuple(range(10))}
        kind = fractions.text if isinstance(fractions, Scalar) else ""
        try:
            factor = float(multiplier.text) if isinstance(multiplier, Scalar) else 1.0
        except ValueError:
            return missing(f"the multiplier of {name} is no number")
        if fractions is not None and kind not in tenths:
            return missing(f"the fractions of {name} are neither halves nor tenths")
        every = [
            (number, tenth)
            for number in range(limits[0], limits[1] + 1, step)[: _MOST_SPELLED + 1]
            for tenth in tenths.get(kind, (0,))
        ]
        if len(every) > _MOST_SPELLED:
            return missing(f"the range of {name} has more than {_MOST_SPELLED} numbers")
        return either(
            [
                returned(f"{(number + tenth / 10) * factor:.10g}", self.speak(_in_words(said, tenth)))
                for number, tenth in every
                for said in number_names(number)
            ]
        )


def _number(node: Node | None) -> int | None:
    if not isinstance(node, Scalar) or len(node.text) > 9:
        return None
    try:
        return int(node.text)
    except ValueError:
        return None


def _in_words(whole: str, tenth: int) -> str:
    return f"{whole} point {number_names(tenth)[0]}" if tenth else whole
