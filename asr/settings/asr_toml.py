"""Reading asr.toml: what it sets, checked against the declarations of its keys."""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
import sys
import typing
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asr.core.errors import WorkspaceError
from asr.settings.checks import check_together
from asr.settings.presets import combine
from asr.settings.sections import AUTO
from asr.settings.values import SECTIONS, Settings, Tables

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


# Text that is compared with transcripts and speakers; an ü may be written as one character or as two.
_TEXTS = (
    *(("alphabet", "labels"), ("keyword", "words")),
    *(("split", f"{name}_speakers") for name in ("train", "dev", "test")),
)


@dataclass(frozen=True)
class AsrToml:
    """What an asr.toml says.

    Attributes
    ----------
    given : the keys that it sets, checked one by one.
    """

    path: Path
    text: str
    given: Tables

    @property
    def preset(self) -> str:
        """The preset that it names; "auto" where the number of words decides."""
        return str(self.given.get("train", {}).get("preset", AUTO))

    def settings(self, preset: str = AUTO) -> Settings:
        """Return the effective values.

        Parameters
        ----------
        preset : the one to apply if the file names none; "auto" applies none.

        Raises
        ------
        WorkspaceError : values that do not go together; with the line.
        """
        result = combine(self.given, preset if self.preset == AUTO else self.preset)

        def fail(section: str, key: str, what: str, fix: str) -> typing.NoReturn:
            raise _error(f"{section}.{key}: {what}", self.path, self.text, section, key, fix)

        check_together(result, fail)
        return result


def read(path: Path) -> AsrToml:
    """Read asr.toml.

    Raises
    ------
    WorkspaceError : not TOML, an unknown section or key, a wrong type or an impossible value; with the line.
    """
    try:
        # Some editors write a byte order mark, which TOML does not know.
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise WorkspaceError("no such file", path=path, fix=f"Make a workspace with: asr init {path.parent}") from None
    except UnicodeDecodeError:
        raise WorkspaceError("this is not UTF-8 text", path=path, fix="Save it as UTF-8") from None
    except OSError as error:
        raise WorkspaceError(f"it cannot be read: {error.strerror}", path=path) from None
    return parse(text, path)


def parse(text: str, path: Path) -> AsrToml:
    """Read the text of an asr.toml; `path` is for messages. Raises WorkspaceError as `read` does."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+)", str(error))
        # What TOML misses at the end of the document was begun on its last line or before.
        line = int(found.group(1)) if found else max(1, len(text.splitlines()))
        what = re.sub(r" \(at .*\)$", "", str(error))
        raise WorkspaceError(f"this is not TOML: {what}", path=path, line=line, fix="Correct that line") from None
    except ValueError:  # Python's answer to an integer of thousands of digits
        raise WorkspaceError("a number in it has too many digits", path=path, fix="Shorten it") from None
    given = {}
    for name, values in tables.items():
        if name not in SECTIONS:
            kind = "section" if isinstance(values, dict) else "key"
            fix = _home(name) or _nearest(name, SECTIONS, f"The sections are {', '.join(SECTIONS)}")
            raise _error(f"unknown {kind} {name!r}", path, text, "", name, fix)
        if not isinstance(values, dict):
            raise _error(f"{name!r} is a section", path, text, "", name, f"Write [{name}]")
        given[name] = _check_section(name, values, text, path)
    return AsrToml(path, text, given)


def from_record(record: dict[str, Any], path: Path) -> Settings:
    """Return the settings of a run's record, which holds effective values (`Settings.as_dict`).

    Raises
    ------
    WorkspaceError : a value is impossible; `path` is for the message.
    """
    sections = {}
    for name, kind in SECTIONS.items():
        values = {key: value for key, value in record.get(name, {}).items() if key in kind.__dataclass_fields__}
        sections[name] = kind(**_check_section(name, values, "", path))
    return Settings(**sections)


def _check_section(name: str, values: dict[str, Any], text: str, path: Path) -> dict[str, Any]:
    kind = SECTIONS[name]
    fields = {item.name: item for item in dataclasses.fields(kind)}
    hints = typing.get_type_hints(kind)
    checked = {}
    for key, value in values.items():
        if key not in fields:
            fix = _home(key) or _nearest(key, fields, "`asr settings --all` prints all keys")
            raise _error(f"unknown key {key!r} in [{name}]", path, text, name, key, fix)
        try:
            checked[key] = _checked(value, hints[key], fields[key].metadata)
            if (name, key) in _TEXTS:
                checked[key] = _composed(checked[key])
        except ValueError as error:
            raise _error(f"{name}.{key}: {error}", path, text, name, key, "Correct that value") from None
    return checked


def _checked(value: Any, kind: Any, details: Any) -> Any:
    """Return `value` as `kind`; ValueError says what was expected."""
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise ValueError(f"expected a list [...], found {value!r}")
        item_kind = typing.get_args(kind)[0]
        return tuple(_checked(item, item_kind, details) for item in value)
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "text in quotes"}
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            value = float(value)
        except OverflowError:
            raise ValueError("that number has too many digits") from None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ValueError(f"expected {names[kind]}, found {json.dumps(value, default=str)}")
    if kind in (int, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise ValueError(f"expected a finite number, found {value}")
        least, most = details["minimum"], details["maximum"]
        unit = f" {details['unit']}" if details["unit"] else ""
        if least is not None and value < least:
            raise ValueError(f"{value} is below the least possible value, {least}{unit}")
        if most is not None and value > most:
            raise ValueError(f"{value} is above the greatest possible value, {most}{unit}")
    if details["choices"] and value not in details["choices"]:
        raise ValueError(f"{value!r} is none of {', '.join(details['choices'])}")
    return value


def _composed(value: Any) -> Any:
    """Return text, or each text of a tuple, in Unicode's form NFC."""
    if isinstance(value, tuple):
        return tuple(map(_composed, value))
    return unicodedata.normalize("NFC", value)


def _home(key: str) -> str:
    """Return where a key belongs that stands in the wrong place; nothing where no section has it."""
    homes = [f"[{name}]" for name, kind in SECTIONS.items() if key in kind.__dataclass_fields__]
    return f"It belongs below {' or '.join(homes)}" if homes else ""


def _nearest(word: str, known: typing.Iterable[str], otherwise: str) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"Did you mean {close[0]!r}?" if close else otherwise


def _error(what: str, path: Path, text: str, section: str, key: str, fix: str) -> WorkspaceError:
    return WorkspaceError(what, path=path, line=_line_of(text, section, key), fix=fix)


def line_of(path: Path, section: str, key: str) -> int | None:
    """Return the 1-based line of an asr.toml on which `key` of [section] stands; None where it does not say."""
    try:
        return _line_of(path.read_text(encoding="utf-8-sig"), section, key)
    except (OSError, UnicodeDecodeError):
        return None


def _line_of(text: str, section: str, key: str) -> int | None:
    """Return the 1-based line on which `key` of [section] stands, or else the section itself."""
    current = ""
    whole = None
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[+\s*([^\]]+?)\s*\]+", line)
        if header:
            current = header.group(1).strip("\"'")
            if current.split(".")[0] == (section or key):
                if not section:
                    return number
                whole = whole or number
        elif current == section and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]", line):
            return number
        elif not current and section and re.match(rf"\s*{re.escape(section)}\s*[=.]", line):
            # section.key = value, or section = {key = value}
            whole = whole or number
            if re.match(rf"\s*{re.escape(section)}\s*(\.\s*{re.escape(key)}\s*=|=.*\b{re.escape(key)}\b)", line):
                return number
    return whole
