"""The template notation of sentences.txt, after that of Rhasspy and Home Assistant.

    (a|b) one of them      [a] optional             [a|b] one of them or none       (a;b) both, in any order
    <rule> = ...           text used in several places, as <rule>
    {slot} = ...           the same, and the words are the value of a slot; {slot:name} names it `name`
    {slot} = file:songs.txt                         its values are the lines of a file beside this one
    {0..100,5:level}       numbers in words, whose digits are the value of the slot `level`
    (said:returned)        the value that is returned for what is said
    [Intent]               on a line of its own: the intent of the sentences after it
    # a comment, to the end of the line

docs/sentences.md describes it for users, `lm.expression` reads one expression of it.
"""

from __future__ import annotations

import errno
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from asr.core.alphabet import Alphabet
from asr.core.errors import SentenceError
from lm.expression import NAME, Definition, Reader
from lm.template import Node

_COMMENT = re.compile(r"(?:^|\s)#(?!JSGF).*")
_DEFINITION = re.compile(rf"(<{NAME}>|\{{{NAME}\}})\s*=(.*)", re.DOTALL)
_SECTION = re.compile(rf"\[({NAME})\]")
_FILE = re.compile(r"file:(.*)")
_MOST_BYTES = 16 << 20  # of a file of values
_LONGEST_NAME = 200  # characters of its name


@dataclass(frozen=True)
class Line:
    """A sentence or template.

    Attributes
    ----------
    node : what it says.
    number : its line in the file, from 1.
    intent : the section that it stands in; "" before the first.
    """

    node: Node
    number: int
    intent: str = ""


def parse(text: str, alphabet: Alphabet, path: Path | str | None = None, language: str = "en") -> list[Line]:
    """Parse the content of a sentences.txt, in its order.

    Parameters
    ----------
    text : the content, with any line ends and in any Unicode form; a byte order mark is ignored.
    alphabet : characters that sentences may contain.
    path : of the file, for messages; files of values lie beside it.
    language : in which the numbers of ranges are said.

    Raises
    ------
    SentenceError : a syntax error, with line and column, or there is no sentence.
    """
    text = unicodedata.normalize("NFC", text)
    definitions: dict[str, Definition] = {}
    templates: list[tuple[int, int, str, str]] = []
    sections: dict[str, int] = {}
    intent = ""
    for number, raw in enumerate(_lines(text), 1):
        line = _COMMENT.sub("", raw).strip()
        column = len(raw) - len(raw.lstrip()) + 1
        defined, section = _DEFINITION.fullmatch(line), _SECTION.fullmatch(line)
        if defined:
            name, body = defined.groups()
            if name in definitions:
                raise SentenceError(
                    f"{name} is already defined in line {definitions[name].number}",
                    path=path,
                    line=number,
                    column=column,
                    fix="Rename one of them",
                )
            column += defined.start(2) + len(body) - len(body.lstrip())
            definitions[name] = _definition(body.strip(), number, column, path)
        elif section:
            intent = section[1]
            sections.setdefault(intent, number)
        elif line:
            templates.append((number, column, intent, line))
    if not templates:
        what = "definitions, but no sentence that uses them" if definitions else "no sentence"
        raise SentenceError(f"this file has {what}", path=path, fix="Write one sentence or template a line")
    for name in sections.keys() - {intent for _, _, intent, _ in templates}:
        raise SentenceError(
            f"no sentence follows the intent [{name}]",
            path=path,
            line=sections[name],
            fix="Write one below it; where it is meant to be a sentence, not all of it can be optional",
        )
    reader = Reader(definitions, alphabet, path, language)
    for name in definitions:
        reader.resolve(name, None, 0, 0)
    return [
        Line(reader.template(line, number, column), number, section) for number, column, section, line in templates
    ]


def value_files(text: str) -> list[str]:
    """Return the names of the files of values that a sentences.txt uses, as they stand in it."""
    defined = (_DEFINITION.fullmatch(_COMMENT.sub("", raw).strip()) for raw in _lines(text))
    named = (_FILE.fullmatch(found[2].strip()) for found in defined if found)
    return [found[1].strip() for found in named if found]


def _lines(text: str) -> list[str]:
    # Not splitlines, which also splits at characters that editors do not count as line ends.
    return re.split(r"\r\n|\r|\n", text.removeprefix("\N{BYTE ORDER MARK}"))


def _definition(body: str, number: int, column: int, path: Path | str | None) -> Definition:
    """Return a definition; its values where they stand in a file."""
    named = _FILE.fullmatch(body)
    if not named:
        return Definition(body, number, column)
    name = named[1].strip()
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise SentenceError(
            f"{name[:40]!r} is no name of a file", path=path, line=number, column=column,
            fix="Write file: and the name of a file beside this one",
        )  # fmt: skip
    source = (Path(path).parent if path is not None else Path()) / name
    try:
        # A device or a pipe would be read without end.
        if not source.is_file():
            raise FileNotFoundError(errno.ENOENT, "there is no such file")
        with source.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        lines = _lines(unicodedata.normalize("NFC", content.decode("utf-8")))
    except UnicodeDecodeError:
        raise SentenceError("this is not UTF-8 text", path=source, fix="Save it as UTF-8") from None
    except OSError as error:
        raise SentenceError(
            f"{source} cannot be read: {error.strerror}",
            path=path, line=number, column=column, fix="Write a value a line into it, beside this file",
        ) from None  # fmt: skip
    if len(content) > _MOST_BYTES:
        raise SentenceError(
            f"{source} has more than {_MOST_BYTES} bytes",
            path=path, line=number, column=column, fix="List fewer values",
        )  # fmt: skip
    values = [(line, _COMMENT.sub("", raw).strip()) for line, raw in enumerate(lines, 1)]
    listed = tuple((line, value) for line, value in values if value)
    if not listed:
        raise SentenceError("this file lists no value", path=source, fix="Write one value a line")
    return Definition("", number, column, source, listed)
