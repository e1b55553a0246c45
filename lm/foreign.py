"""Templates of other notations as trees, before they are written in ours.

`lm.rhasspy` and `lm.home_assistant` read into these parts; `lm.conversion` writes them. A part without a counterpart
is a `Missing`; what contains one cannot be written either, except for a choice, which goes without that option.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from asr.core.alphabet import Alphabet
from asr.core.errors import SentenceError
from lm.numbers import LARGEST, in_words
from lm.remarks import quoted

# The writer and `lm.expression` recurse; trees from hostile files are cut here.
HIGHEST = 60
MOST_BYTES = 4 << 20  # of a file
_LONGEST = 20_000  # characters of a template
_MOST_OPTIONAL = 12  # parts in a row that are all optional, where one has to be said

_DROPPED = frozenset('.,;:?!¿¡…"“”„«»()')
_SPACED = frozenset("-_/")
_NUMBER = re.compile(r"(?<![\w.])-?\d{1,6}(?![\w.]|[.,]\d)")
_SAID = {"%": " percent", "°": " degrees", "&": " and "}


class TemplateError(Exception):
    """A template that is wrong in its own notation."""


def read_file(path: Path) -> str:
    """Return a file of sentences; SentenceError where it cannot be read, is no UTF-8 or is too large."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise SentenceError(f"it cannot be read: {error.strerror}", path=path) from None
    if len(data) > MOST_BYTES:
        raise SentenceError(f"it has more than {MOST_BYTES} bytes", path=path, fix="Split it")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SentenceError("this is not UTF-8 text", path=path, line=line, fix="Save it as UTF-8") from None


@dataclass(frozen=True)
class Part:
    """A part of a template.

    Attributes
    ----------
    lack : why it cannot be written; "" where it can.
    can_be_empty : some derivation has no word.
    has_slots : it fills a slot.
    height : longest path to a leaf.
    """

    lack: str
    can_be_empty: bool
    has_slots: bool
    height: int


@dataclass(frozen=True)
class Words(Part):
    """Text, in which spaces count.

    Attributes
    ----------
    said : in the characters of the alphabet.
    shown : as it stands in the file, which is the value where it is part of a slot.
    """

    said: str
    shown: str


@dataclass(frozen=True)
class Missing(Part):
    """Something without a counterpart in our notation."""


@dataclass(frozen=True)
class Series(Part):
    """Parts one after another, without a space between them."""

    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Either(Part):
    """One of several options; or none, if `optional`."""

    options: tuple[Part, ...]
    optional: bool


@dataclass(frozen=True)
class AnyOrder(Part):
    """All parts, in any order."""

    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Rule(Part):
    """Something with a name that is used in several places.

    Attributes
    ----------
    path, line : where it stands.
    """

    name: str
    body: Part
    path: Path
    line: int


@dataclass(frozen=True)
class Tag(Part):
    """A body whose words are the value of a slot."""

    slot: str
    body: Part


@dataclass(frozen=True)
class Returned(Part):
    """A body for which a value is returned."""

    value: str
    body: Part


@dataclass(frozen=True)
class Numbers(Part):
    """Whole numbers from `first` to `last`, whose digits are the value."""

    first: int
    last: int
    step: int


def missing(why: str) -> Missing:
    """Return a part that cannot be written."""
    return Missing(why, False, False, 0)


NOTHING = Words("", True, False, 0, "", "")
SPACE = Words("", True, False, 0, " ", " ")


def is_nothing(part: Part) -> bool:
    """Tell whether a part has no word at all."""
    return isinstance(part, Words) and part.can_be_empty


def words(said: str, shown: str) -> Words:
    """Return text."""
    return Words("", not said.strip(), False, 0, said, shown)


def numbers(first: int, last: int, step: int) -> Part:
    """Return a range of numbers; missing if there is none in it, or one too large to be said."""
    if first > last or step < 1:
        return missing(f"the range {first} to {last} in steps of {step} holds no number")
    if max(abs(first), abs(last)) > LARGEST:
        return missing(f"{LARGEST} is the largest number that can be written")
    return Numbers("", False, False, 0, first, last, step)


def series(parts: Sequence[Part]) -> Part:
    """Return parts one after another; texts side by side become one."""
    joined: list[Part] = []
    for part in parts:
        last = joined[-1] if joined else None
        if isinstance(part, Words) and isinstance(last, Words):
            joined[-1] = words(last.said + part.said, last.shown + part.shown)
        else:
            joined.append(part)
    if not joined:
        return NOTHING
    if len(joined) == 1:
        return joined[0]
    lack = next((part.lack for part in joined if part.lack), "")
    empty = all(part.can_be_empty for part in joined)
    return _checked(Series(lack, empty, any(part.has_slots for part in joined), _above(joined), tuple(joined)))


def either(options: Sequence[Part], optional: bool = False) -> Part:
    """Return one of several options; an option that says nothing makes the others optional."""
    said = [option for option in options if not is_nothing(option)]
    optional = optional or len(said) < len(options)
    if not said:
        return NOTHING
    if len(said) == 1 and not optional:
        return said[0]
    writable = [option for option in said if not option.lack]
    lack = "" if writable or optional else said[0].lack
    empty = optional or any(option.can_be_empty for option in writable)
    return _checked(
        Either(lack, empty, any(option.has_slots for option in writable), _above(said), tuple(said), optional)
    )


def any_order(parts: Sequence[Part]) -> Part:
    """Return parts in any order."""
    if len(parts) == 1:
        return parts[0]
    lack = next((part.lack for part in parts if part.lack), "")
    empty = all(part.can_be_empty for part in parts)
    return _checked(AnyOrder(lack, empty, any(part.has_slots for part in parts), _above(parts), tuple(parts)))


def rule(name: str, body: Part, path: Path, line: int) -> Part:
    """Return the use of a rule; one that says nothing is left out."""
    if is_nothing(body):
        return body
    return _checked(Rule(body.lack, body.can_be_empty, body.has_slots, body.height + 1, name, body, path, line))


def tag(slot: str, body: Part) -> Part:
    """Return a slot; where its body can be empty, it is optional, since a slot takes a word."""
    some = non_empty(body)
    if some is None:
        return NOTHING
    made = _checked(Tag(some.lack, False, True, some.height + 1, slot, some))
    return either([made], optional=True) if body.can_be_empty else made


def returned(value: str, body: Part) -> Part:
    """Return a body for which `value` is returned; a body that says nothing stays as it is."""
    if is_nothing(body):
        return body
    return _checked(Returned(body.lack, body.can_be_empty, body.has_slots, body.height + 1, value, body))


def non_empty(part: Part) -> Part | None:
    """Return a part with all derivations of `part` that have a word; None if there is none."""
    if not part.can_be_empty:
        return part
    if isinstance(part, Series):
        if len(part.parts) > _MOST_OPTIONAL:
            return missing(f"{len(part.parts)} optional parts in a row, one of which has to be said")
        # By the first part that says something.
        firsts = [(number, non_empty(inner)) for number, inner in enumerate(part.parts)]
        return either([series([first, *part.parts[n + 1 :]]) for n, first in firsts if first is not None])
    if isinstance(part, Either):
        options = [some for option in part.options if (some := non_empty(option)) is not None]
        return either(options) if options else None
    if isinstance(part, AnyOrder):
        return missing("all parts of a permutation are optional")
    if isinstance(part, Rule):
        return non_empty(part.body)
    if isinstance(part, Returned):
        some = non_empty(part.body)
        return returned(part.value, some) if some is not None else None
    return None


def speak(text: str, alphabet: Alphabet, language: str) -> Part:
    """Return text as it is said: in the alphabet's characters, numbers in words, without punctuation."""
    said = unicodedata.normalize("NFC", text).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    if "a" in alphabet.labels and "A" not in alphabet.labels:
        said = said.lower()
    if _is_english(language):
        said = _NUMBER.sub(lambda found: in_words(int(found[0])), said)
        for symbol, spoken in _SAID.items():
            said = said.replace(symbol, spoken)
    wrong = ""
    for letter in sorted(set(said) - set(alphabet.labels)):
        if letter in _DROPPED:
            said = said.replace(letter, "")
        elif letter in _SPACED or letter.isspace():
            said = said.replace(letter, " ")
        else:
            wrong = wrong or letter
    said = re.sub(" +", " ", said)
    if wrong:
        shown = text.strip()
        return missing(f"{wrong!r} in {shown if len(shown) <= 40 else shown[:37] + '...'!r} is not in the alphabet")
    return words(said, text)


def number_names(number: int) -> tuple[str, ...]:
    """Return the ways to say a number: 142 with and without "and"."""
    said = in_words(number)
    loose = re.sub(r"\b(hundred|thousand) (?!(?:\w+ )*(?:hundred|thousand))", r"\1 and ", said)
    every = re.sub(r"\bhundred (?!thousand|and)", "hundred and ", loose)
    return tuple(dict.fromkeys([said, loose, every]))


def _is_english(language: str) -> bool:
    return language.split("-")[0].split("_")[0].lower() == "en"


def _above(parts: Sequence[Part]) -> int:
    return 1 + max(part.height for part in parts)


def _checked(part: Part) -> Part:
    return part if part.height <= HIGHEST else missing(f"brackets and rules are nested more than {HIGHEST} deep")


def guarded(text: str, read: Callable[[], Part]) -> Part:
    """Return what `read` makes of a template; missing where that is wrong or too long."""
    if len(text) > _LONGEST:
        return missing(f"a template of more than {_LONGEST} characters")
    try:
        return read()
    except TemplateError as error:
        return missing(f"{error} in {quoted(text)}")
