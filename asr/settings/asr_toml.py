"""asr.toml: every parameter of a workspace, once, as frozen dataclasses.

The sections are declared in asr.settings.sections, with each field's explanation, unit and limits; the file that
`asr init` writes, the checks and the messages are all made from them, so that no second place has to agree.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
import sys
import typing
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asr.core.alphabet import normal_word
from asr.core.errors import WorkspaceError
from asr.settings.augment import KINDS, Augment
from asr.settings.keyword import SILENCE, UNKNOWN, Keyword
from asr.settings.sections import AlphabetSection, Evaluate, Recordings, Scorer, Sentences, Split, Train, Voices

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


# What others have taught already decides, most of all with a few words of a few people (docs/recipe.md).
_FROM_ENGLISH: dict[str, dict[str, Any]] = {
    "voices": {"flite_share": 0.5},
    "train": {
        "network": "deepspeech-conv", "n_hidden": 320, "start_from": "english", "learning_rate": 0.0006,
        "curriculum": 0,
    },
}  # fmt: skip

# As defaults these would change what older workspaces mean. A client that does not know where sentences end hears a
# word too many, and one piece of noise for each clip leaves three points to chance.
_SINCE_THEN: dict[str, dict[str, Any]] = {
    "sentences": {"alike": True}, "scorer": {"look_ahead": True}, "evaluate": {"noise_draws": 3},
}  # fmt: skip

_FOR_FEW_WORDS: dict[str, dict[str, Any]] = {
    "train": {"epochs": 24, "synthetic_epochs": 0, "synthetic_last": 0.7},
    "augment": {"endpoint_probability": 0.5},
}

# More words mean sentences: more epochs, synthetic speech of theirs before the recordings, and the noise and the pauses
# that would erase a single short word.
_MANY_WORDS = 30
# In three scenes of ten a texture sounds, for the noise that nobody thought of (docs/recipe.md).
_WITH_TEXTURES = (*(kind for kind in KINDS if kind not in ("texture", "babble")), *3 * ("texture",), "babble")
_FOR_MANY_WORDS: dict[str, dict[str, Any]] = {
    # A list of whole sentences says more of what comes next than the English that the usual weights were made for.
    "scorer": {"alpha": 2.5, "beta": 1.0},
    "train": {
        "epochs": 76, "heard_in": 2, "warm_up": 0.08, "batch_size": 8, "synthetic_epochs": 2,
        "synthetic_utterances": 1400, "synthetic_share": 1.2, "consistency": 0.2, "intermediate": 0.3, "bfloat16": True,
    },
    # Gentler than for single words, for stronger effects left a higher dev loss; but for noise and masks, which the
    # consistency can use (docs/recipe.md).
    "augment": {
        "speed": (0.9, 1.12), "tempo_probability": 0.1, "pitch_probability": 0.1, "vocal_tract": (0.88, 1.14),
        "gate_probability": 0.1, "crop_probability": 0.5, "silence_probability": 0.3, "silence": (0.0, 2.0),
        "room_probability": 0.05, "noise_probability": 0.65, "noise_above": (2.0, 30.0), "noise_kinds": _WITH_TEXTURES,
        "telephone_probability": 0.0, "cheap_microphone_probability": 0.02, "hiss_probability": 0.5,
        "clipping_probability": 0.0, "codec_probability": 0.0, "time_masks": 4, "time_mask_longest": 0.1,
        "time_mask_share": 0.1, "frequency_masks": 2,
    },
}  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """A whole asr.toml."""

    sentences: Sentences = field(default_factory=Sentences)
    alphabet: AlphabetSection = field(default_factory=AlphabetSection)
    recordings: Recordings = field(default_factory=Recordings)
    voices: Voices = field(default_factory=Voices)
    split: Split = field(default_factory=Split)
    scorer: Scorer = field(default_factory=Scorer)
    train: Train = field(default_factory=Train)
    augment: Augment = field(default_factory=Augment)
    evaluate: Evaluate = field(default_factory=Evaluate)
    keyword: Keyword = field(default_factory=Keyword)

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as plain dictionaries and lists."""
        return typing.cast("dict[str, Any]", json.loads(json.dumps(dataclasses.asdict(self))))


def with_values(settings: Settings, **sections: dict[str, Any]) -> Settings:
    """Return the settings with some values changed: with_values(settings, train={"epochs": 3})."""
    changed = {
        name: dataclasses.replace(getattr(settings, name), **values) for name, values in sections.items()
    }
    return dataclasses.replace(settings, **changed)


def fitted(settings: Settings, words: int) -> Settings:
    """Return the settings that a new workspace of so many different words begins with (docs/recipe.md)."""
    known = with_values(with_values(settings, **_SINCE_THEN), **_FROM_ENGLISH)
    return with_values(known, **(_FOR_MANY_WORDS if words > _MANY_WORDS else _FOR_FEW_WORDS))


def from_dict(tables: dict[str, Any], path: Path) -> Settings:
    """Return what `Settings.as_dict` gave; keys that a later version dropped are passed over.

    Raises
    ------
    WorkspaceError : a value is impossible; `path` is for the message.
    """
    sections = {}
    for item in dataclasses.fields(Settings):
        kind = typing.cast("type[Any]", item.default_factory)
        known = {field.name for field in dataclasses.fields(kind)}
        values = {key: value for key, value in tables.get(item.name, {}).items() if key in known}
        sections[item.name] = _section(kind, item.name, values, "", path)
    return Settings(**sections)


def read(path: Path) -> Settings:
    """Read asr.toml.

    Raises
    ------
    WorkspaceError : not TOML, an unknown section or key, a wrong type or an impossible value; with the line.
    """
    try:
        # Some editors write a byte order mark, which TOML does not know.
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise WorkspaceError(
            "no such file", path=path, fix=f"Make a workspace with: asr init {path.parent}"
        ) from None
    except UnicodeDecodeError:
        raise WorkspaceError("this is not UTF-8 text", path=path, fix="Save it as UTF-8") from None
    except OSError as error:
        raise WorkspaceError(f"it cannot be read: {error.strerror}", path=path) from None
    return parse(text, path)


def parse(text: str, path: Path) -> Settings:
    """Read the text of an asr.toml; `path` is for messages. Raises WorkspaceError as `read` does."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+)", str(error))
        # What TOML misses at the end of the document was begun on its last line or before.
        line = int(found.group(1)) if found else max(1, len(text.splitlines()))
        what = re.sub(r" \(at .*\)$", "", str(error))
        raise WorkspaceError(
            f"this is not TOML: {what}", path=path, line=line, fix="Mend that line"
        ) from None
    except ValueError:  # Python's answer to an integer of thousands of digits
        raise WorkspaceError("a number in it has too many digits", path=path, fix="Mend it") from None
    kinds = {item.name: item.default_factory for item in dataclasses.fields(Settings)}
    sections = {}
    for name, values in tables.items():
        if name not in kinds:
            raise WorkspaceError(
                f"unknown {'section' if isinstance(values, dict) else 'key'} {name!r}",
                path=path,
                line=_line_of(text, "", name),
                fix=_home(name) or _nearest(name, kinds, "the sections are"),
            )
        if not isinstance(values, dict):
            raise WorkspaceError(
                f"{name!r} is a section", path=path, line=_line_of(text, "", name), fix=f"Write [{name}]"
            )
        kind = typing.cast("type[Any]", kinds[name])
        sections[name] = _section(kind, name, values, text, path)
    result = Settings(**sections)
    _check_together(result, text, path)
    return result


def _section(kind: type[Any], name: str, values: dict[str, Any], text: str, path: Path) -> Any:
    fields = {item.name: item for item in dataclasses.fields(kind)}
    hints = typing.get_type_hints(kind)
    checked = {}
    for key, value in values.items():
        line = _line_of(text, name, key)
        if key not in fields:
            raise WorkspaceError(
                f"unknown key {key!r} in [{name}]",
                path=path,
                line=line,
                fix=_home(key) or _nearest(key, fields, "the keys are"),
            )
        try:
            checked[key] = _checked(value, hints[key], fields[key].metadata)
        except ValueError as error:
            raise WorkspaceError(
                f"{name}.{key}: {error}", path=path, line=line, fix="Mend that value"
            ) from None
    return kind(**checked)


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
        unit = f" {details['unit']}" if details["unit"] else ""
        if details["minimum"] is not None and value < details["minimum"]:
            raise ValueError(f"{value} is below the least possible value, {details['minimum']}{unit}")
        if details["maximum"] is not None and value > details["maximum"]:
            raise ValueError(f"{value} is above the greatest possible value, {details['maximum']}{unit}")
    if details["choices"] and value not in details["choices"]:
        raise ValueError(f"{value!r} is none of {', '.join(details['choices'])}")
    return value


def _check_together(settings: Settings, text: str, path: Path) -> None:
    """Check what one value alone cannot tell."""

    def fail(section: str, key: str, what: str, fix: str) -> None:
        raise WorkspaceError(
            f"{section}.{key}: {what}", path=path, line=_line_of(text, section, key), fix=fix
        )

    labels = settings.alphabet.labels
    if not labels or len(set(labels)) != len(labels):
        fail("alphabet", "labels", "needs at least one character, none of them twice", "Mend the list")
    if any(not label.isprintable() for label in labels):
        fail("alphabet", "labels", "holds a character that cannot be printed", "Take it out")
    if labels and " " not in labels:
        fail("alphabet", "labels", "has no space, and the scorer needs one between words", "Add the space")
    split = settings.split
    total = split.train + split.dev + split.test
    if abs(total - 1) > 1e-6:
        fail("split", "train", f"train, dev and test add up to {total:g}, not 1", "Change one of them")
    named = [*split.train_speakers, *split.dev_speakers, *split.test_speakers]
    for speaker in named:
        if named.count(speaker) > 1:
            key = next(
                k for k in ("test_speakers", "dev_speakers", "train_speakers") if speaker in getattr(split, k)
            )
            fail("split", key, f"speaker {speaker!r} is named twice", "A speaker belongs to one split")
    for section, kind in (("voices", Voices), ("augment", Augment), ("keyword", Keyword)):
        # Every list of plain numbers in these sections is a range.
        for key, hint in typing.get_type_hints(kind).items():
            pair = getattr(getattr(settings, section), key)
            if hint == tuple[float, ...] and (len(pair) != 2 or pair[0] > pair[1]):
                found = _toml(pair)
                fail(section, key, f"expected [lowest, highest], found {found}", "Write two numbers in rising order")
    words = settings.keyword.words
    alike = Counter(normal_word(word) for word in words)
    for word in words:
        plain = normal_word(word)
        if alike[plain] > 1 or plain in (SILENCE, UNKNOWN, "") or word != " ".join(word.split()):
            what = "is there twice" if alike[plain] > 1 else "cannot be a word here"
            fail("keyword", "words", f"{word!r} {what}", "Each word once; silence and unknown come by themselves")
    if not words:
        fail("keyword", "words", "names no word", 'Write for example words = ["yes", "no"]')
    if settings.recordings.shortest > settings.recordings.longest:
        fail("recordings", "shortest", "is above recordings.longest", "Change one of them")


def _home(key: str) -> str:
    """Return where a key belongs that stands in the wrong place; nothing where no section has it."""
    homes = [
        f"[{item.name}]"
        for item in dataclasses.fields(Settings)
        if key in {field.name for field in dataclasses.fields(typing.cast("type[Any]", item.default_factory))}
    ]
    return f"It belongs below {' or '.join(homes)}" if homes else ""


def _nearest(word: str, known: typing.Iterable[str], otherwise: str) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return (
        f"Did you mean {close[0]!r}?"
        if close
        else f"{otherwise[0].upper()}{otherwise[1:]} {', '.join(known)}"
    )


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


def render(settings: Settings) -> str:
    """Return the text of an asr.toml with every value written out, explained and with its unit."""
    lines = ["# Every parameter of this recogniser. `asr init` wrote the defaults; change what you need.", ""]
    for section in dataclasses.fields(Settings):
        values = getattr(settings, section.name)
        summary = (type(values).__doc__ or "").strip().splitlines()[0]
        lines += [f"[{section.name}]  # {summary}"]
        rows = []
        for item in dataclasses.fields(values):
            details = item.metadata
            unit = f" [{details['unit']}]" if details["unit"] else ""
            rows.append((f"{item.name} = {_toml(getattr(values, item.name))}", f"{details['help']}{unit}"))
        width = min(44, max(len(left) for left, _ in rows))
        lines += [f"{left:<{width}}  # {right}" for left, right in rows]
        lines.append("")
    return "\n".join(lines)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, str):
        # JSON's escapes are TOML's, but for the one control character that JSON leaves as it is.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
