"""Sentences of other notations, written in ours: what `asr init --sentences` makes of them.

Every sentence that is written is read by our own reader first; one that it refuses is left out, with a remark.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from asr.core.alphabet import Alphabet
from asr.core.errors import SentenceError
from lm.expression import Definition, Reader
from lm.foreign import (
    AnyOrder,
    Either,
    Numbers,
    Part,
    Returned,
    Rule,
    Series,
    Tag,
    Words,
    missing,
    non_empty,
    number_names,
)
from lm.notation import Line
from lm.remarks import Remark, Remarks, quoted

MOST_SENTENCES = 100_000  # lines of one conversion
_MOST_CHARACTERS = 16 << 20  # of all that is written
_MOST_SPELLED = 1000  # numbers of one range that are written out
_LONGEST_NAME = 60
_LONG_LIST = 30  # options; more go into a file of their own
_REFERENCE = re.compile(r"<([^<>]+)>|\{([^{}:]+)(?::[^{}]*)?\}")
_NOTATION = re.compile(r"[()\[\]|;:<>{}]|\s#|[\r\n]")


@dataclass(frozen=True)
class Conversion:
    """Sentences in our notation.

    Attributes
    ----------
    text : of a sentences.txt.
    files : content of the files of values beside it, by name.
    lines : the sentences and templates, read.
    remarks : what could not be converted.
    """

    text: str
    files: dict[str, str]
    lines: tuple[Line, ...]
    remarks: tuple[Remark, ...]


class Writer:
    """Writes parts in our notation.

    Parameters
    ----------
    source : the file or folder that is converted, for the heading and messages.
    alphabet : characters that sentences may contain.
    language : in which numbers are said.
    remarks : receives what cannot be written.
    """

    def __init__(self, source: Path, alphabet: Alphabet, language: str, remarks: Remarks) -> None:
        self._source = source
        self._alphabet = alphabet
        self._language = language
        self._remarks = remarks
        self._intents: dict[str, dict[str, tuple[Path, int]]] = {"": {}}  # sentences, and where each comes from
        self._definitions: dict[str, str] = {}  # with brackets, to body
        self._lists: dict[str, tuple[str, ...]] = {}  # the options of long lists, by the same name
        self._names: dict[tuple[str, str], str] = {}  # bracket and body, to name
        # Names of rules and slots by bracket and identity of the body, which is kept alive.
        self._known: dict[tuple[str, int], tuple[Part, str]] = {}
        self._size = 0
        self._here = (source, 1)

    def add(self, intent: str, part: Part, path: Path, line: int) -> None:
        """Write a sentence or template of an intent.

        Raises
        ------
        SentenceError : there are more than a workspace can use.
        """
        self._here = (path, line)
        some = missing("nobody can say this: it has no word") if (found := non_empty(part)) is None else found
        if some.lack:
            self._remark(f"{some.lack}: the sentence is left out")
            return
        sentences = self._intents.setdefault(name(intent) if intent else "", {})
        text = " ".join(self._write(some, value=False).split())
        self._count_characters(len(text))
        if re.fullmatch(r"\[[\w.-]+\]", text):
            text = f"({text})"
        sentences.setdefault(text, self._here)
        if len(sentences) > MOST_SENTENCES:
            raise SentenceError(
                f"this makes more than {MOST_SENTENCES} lines of one intent",
                path=path, line=line, fix="Convert a part of it",
            )  # fmt: skip

    def finish(self) -> Conversion:
        """Return what was written, as far as our reader takes it.

        Raises
        ------
        SentenceError : no sentence is left.
        """
        lines = self._checked()
        remarks = self._remarks.all()
        if not lines:
            why = f": {remarks[0].what}" if remarks else ""
            raise SentenceError(
                f"none of its sentences can be converted{why}",
                path=remarks[0].path if remarks else self._source,
                line=remarks[0].line if remarks else None,
                fix="Write them by hand, as docs/sentences.md says",
            )
        kept = [text for sentences in self._intents.values() for text in sentences]
        used = self._reachable(kept)
        files: dict[str, str] = {}
        text = [f"# Converted from {self._source.name}"]
        if remarks:
            text += ["# Not converted:", *(f"#   {' '.join(remark.brief().split())}" for remark in remarks)]
        for intent, sentences in self._intents.items():
            if sentences:
                text += ["", *([f"[{intent}]"] if intent else []), *sentences]
        text.append("")
        for key in self._definitions:
            if key in used and key in self._lists:
                file = f"{key[1:-1]}-values.txt"
                files[file] = "".join(f"{option}\n" for option in self._lists[key])
                text.append(f"{key} = file:{file}")
            elif key in used:
                text.append(f"{key} = {self._definitions[key]}")
        return Conversion("\n".join(text).rstrip("\n") + "\n", files, tuple(lines), remarks)

    # ------------------------------------------------------------------------------------------- parts

    def _write(self, part: Part, value: bool) -> str:
        """Return a part in our notation; `value`: what it returns counts, too."""
        if isinstance(part, Series):
            return "".join(self._inner(inner, value) for inner in part.parts)
        if isinstance(part, Either):
            opening, closing = "[]" if part.optional else "()"
            texts = self._options(part, value)
            return opening + "|".join(texts) + closing if texts else ""
        if isinstance(part, AnyOrder):
            return "(" + ";".join(self._inner(inner, value).strip() for inner in part.parts) + ")"
        if isinstance(part, Rule):
            found = self._rule(part)
            return f"<{found}>" if found else ""
        if isinstance(part, Tag):
            return self._tag(part)
        if isinstance(part, Numbers):
            return f"<{self._define('<', f'number.{part.first}.{part.last}', part, self._here)}>"
        return self._inner(part, value)

    def _inner(self, part: Part, value: bool) -> str:
        """Return a part that others stand beside."""
        text = self._option(part, value)
        before, after = " " * text.startswith(" "), " " * text.endswith(" ")
        changed = isinstance(part, (Words, Returned)) and ":" in text
        return f"{before}({text.strip()}){after}" if changed else text

    def _option(self, part: Part, value: bool) -> str:
        """Return a part that is all between two brackets or |; `value`: what it returns counts, too."""
        if isinstance(part, Words):
            said, shown = " ".join(part.said.split()), " ".join(part.shown.split())
            if not value or said == shown or not said:
                return part.said
            return self._replaced(part.said, shown)
        if not isinstance(part, Returned):
            return self._write(part, value)
        if not value:
            said = self._write(part.body, value=False)
            if part.value != said:
                self._remark(f"{quoted(said)} is not replaced by {quoted(part.value)}: it is in no slot")
            return said
        if part.has_slots:
            self._remark(f"{quoted(part.value)} is returned for words with a slot in them: the words are returned")
            return self._write(part.body, value)
        return self._replaced(self._write(part.body, value=False), " ".join(part.value.split()))

    def _replaced(self, said: str, value: str) -> str:
        if _NOTATION.search(value):
            self._remark(f"the value {quoted(value)} has a character of the notation: the words are returned")
            return said
        return said if said == value else f"{said}:{value}"

    def _options(self, part: Either, value: bool) -> list[str]:
        texts = []
        for option in part.options:
            if option.lack:
                self._remark(f"{option.lack}: this choice is left out")
            else:
                texts.append(self._option(option, value))
        return list(dict.fromkeys(texts))

    def _rule(self, part: Rule, bracket: str = "<") -> str:
        """Return the name of a rule's definition."""
        key = bracket, id(part.body)
        if key not in self._known:
            found = self._define(bracket, part.name, part.body, (part.path, part.line))
            self._known[key] = part.body, found
        return self._known[key][1]

    def _tag(self, part: Tag) -> str:
        slot, body = name(part.slot), part.body
        if isinstance(body, Numbers) and _is_plain(body):
            return f"{{{_range(body)}:{slot}}}"
        if isinstance(body, Rule) and not body.has_slots:
            found = self._rule(body, "{")
        else:
            found = self._define("{", slot, body, self._here)
        return f"{{{found}}}" if found == slot else f"{{{found}:{slot}}}"

    def _numbers(self, part: Numbers) -> list[str]:
        """Return the options of a range within a definition."""
        many = range(part.first, part.last + 1, part.step)
        if not _is_plain(part) and len(many) <= _MOST_SPELLED:
            return [f"{said}:{number}" for number in many for said in number_names(number)]
        if not _is_plain(part):
            self._remark(f"of the numbers {part.first} to {part.last} those with 'and' are left out")
        return [f"{{{_range(part)}}}"]

    # ------------------------------------------------------------------------------------- definitions

    def _define(self, bracket: str, preferred: str, part: Part, place: tuple[Path, int]) -> str:
        """Return the name of a definition, which may be known by its body; "" if it says nothing."""
        here, self._here = self._here, place
        options: list[str] = []
        if isinstance(part, Numbers) or (isinstance(part, Either) and not part.optional):
            texts = self._numbers(part) if isinstance(part, Numbers) else self._options(part, value=True)
            options = [" ".join(text.split()) for text in texts]
            body = f"({'|'.join(options)})" if len(options) > 1 else "".join(options)
        else:
            body = " ".join(self._option(part, value=True).split())
        self._here = here
        if not body:
            return ""
        if body.startswith("file:"):
            body = f"({body})"
        found = self._names.get((bracket, body))
        if found is None:
            base = found = name(preferred)
            number = 2
            while self._key(bracket, found) in self._definitions:
                found, number = f"{base}.{number}", number + 1
            self._names[bracket, body] = found
            key = self._key(bracket, found)
            self._definitions[key] = body
            if len(options) > _LONG_LIST:
                self._lists[key] = tuple(options)
            self._count_characters(len(body))
        return found

    def _count_characters(self, more: int) -> None:
        self._size += more
        if self._size > _MOST_CHARACTERS:
            raise SentenceError(
                f"this makes more than {_MOST_CHARACTERS >> 20} MB of sentences",
                path=self._here[0], line=self._here[1], fix="Convert a part of it",
            )  # fmt: skip

    @staticmethod
    def _key(bracket: str, found: str) -> str:
        return f"<{found}>" if bracket == "<" else f"{{{found}}}"

    def _checked(self) -> list[Line]:
        """Return the sentences that our reader takes; drop the others."""
        definitions = {key: self._definition(key, body) for key, body in self._definitions.items()}
        reader = Reader(definitions, self._alphabet, None, self._language)
        lines = []
        for intent, sentences in self._intents.items():
            for text, (path, line) in list(sentences.items()):
                try:
                    lines.append(Line(reader.template(text, line, 1), line, intent))
                except SentenceError as error:
                    self._remarks.add(path, line, f"{error.what}: the sentence is left out")
                    del sentences[text]
        return lines

    def _definition(self, key: str, body: str) -> Definition:
        if key in self._lists:
            return Definition("", 1, 1, Path(f"{key[1:-1]}-values.txt"), tuple(enumerate(self._lists[key], 1)))
        return Definition(body, 1)

    def _reachable(self, texts: list[str]) -> set[str]:
        """Return the definitions that these sentences use, directly or through others."""
        used: set[str] = set()
        waiting = list(texts)
        while waiting:
            for rule, slot in _REFERENCE.findall(waiting.pop()):
                key = f"<{rule}>" if rule else f"{{{slot}}}"
                if key in self._definitions and key not in used:
                    used.add(key)
                    waiting.append(self._definitions[key])
        return used

    def _remark(self, what: str) -> None:
        self._remarks.add(*self._here, what)


def name(text: str) -> str:
    """Return a name that our notation takes."""
    clean = re.sub(r"[^\w.-]+", "_", text.strip())[:_LONGEST_NAME] or "_"
    return clean if re.match(r"[^\W\d]", clean) else f"_{clean}"


def _is_plain(part: Numbers) -> bool:
    """Tell whether there is one way to say each of the numbers."""
    return part.last <= 100 and part.first >= -100


def _range(part: Numbers) -> str:
    return f"{part.first}..{part.last}" + (f",{part.step}" if part.step > 1 else "")
