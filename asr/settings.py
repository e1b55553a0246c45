"""asr.toml: every parameter of a workspace, once, as frozen dataclasses.

Each field carries its explanation, unit and limits; the file that `asr init` writes, the checks and the
messages are all made from them, so that no second place has to agree.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
import sys
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asr.alphabet import ENGLISH
from asr.augment.settings import Augment
from asr.errors import WorkspaceError
from asr.section import setting

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class Sentences:
    """What may be said."""

    file: str = setting("sentences.txt", "one sentence or template a line")
    limit: int = setting(
        20000, "sentences written out for the scorer; of more, a fair sample", minimum=1, maximum=10_000_000
    )
    seed: int = setting(1, "seed of that sample", minimum=0)


@dataclass(frozen=True)
class AlphabetSection:
    """The characters a transcript may hold."""

    labels: str = setting(ENGLISH, "one character a label; the space comes first in DeepSpeech's models")
    language: str = setting("en", "kept in the exported graph for information")


@dataclass(frozen=True)
class Recordings:
    """Sound in, clips out."""

    folder: str = setting(
        "recordings", "holds recordings.csv (file, transcript, speaker) or a folder per sentence"
    )
    trim: bool = setting(True, "cut the silence before and after the speech")
    silence_db: float = setting(
        -40.0,
        "quieter than this below the loudest part counts as silence",
        unit="dB",
        minimum=-90,
        maximum=-5,
    )
    margin: float = setting(0.15, "silence kept on each side of the speech", unit="s", minimum=0, maximum=5)
    shortest: float = setting(0.1, "a shorter clip is set aside", unit="s", minimum=0.04, maximum=10)
    longest: float = setting(30.0, "a longer clip is set aside", unit="s", minimum=0.5, maximum=120)


@dataclass(frozen=True)
class Voices:
    """Synthetic voices (espeak-ng, Piper) that speak the sentences."""

    use: str = setting(
        "mix",
        "if-needed: only where there are no recordings; mix: also beside recordings, in training only; never",
        choices=("if-needed", "mix", "never"),
    )
    voices: tuple[str, ...] = setting(
        (), "espeak-ng voices such as en-us+f3, or piper:FILE.onnx; empty: a wide spread"
    )
    speakers: int = setting(
        200, "speakers made of the voices, each with its own speed and pitch", minimum=1, maximum=2000
    )
    utterances: int = setting(
        800,
        "spoken utterances in all, where voices speak for missing recordings",
        minimum=3,
        maximum=1_000_000,
    )
    speed: tuple[float, ...] = setting(
        (110.0, 220.0), "slowest and fastest", unit="words a minute", minimum=80, maximum=450
    )
    pitch: tuple[float, ...] = setting(
        (20.0, 80.0), "lowest and highest, 50 is the voice's own", minimum=0, maximum=99
    )
    seed: int = setting(1, "seed of voices, speeds, pitches and sentences", minimum=0)


@dataclass(frozen=True)
class Split:
    """Who is trained on and who is kept apart to judge the result."""

    train: float = setting(0.7, "share of the recordings", minimum=0, maximum=1)
    dev: float = setting(0.2, "share of the recordings", minimum=0, maximum=1)
    test: float = setting(0.1, "share of the recordings", minimum=0, maximum=1)
    train_speakers: tuple[str, ...] = setting((), "speakers named here are in train, whatever the shares say")
    dev_speakers: tuple[str, ...] = setting((), "the same for dev")
    test_speakers: tuple[str, ...] = setting((), "the same for test")
    seed: int = setting(1, "seed of the choice", minimum=0)


@dataclass(frozen=True)
class Scorer:
    """The language model, with the parameters of the DeepSpeech tools."""

    order: int = setting(5, "longest word sequence counted", unit="words", minimum=2, maximum=6)
    top_k: int = setting(500000, "most frequent words kept", minimum=1)
    prune: tuple[int, ...] = setting(
        (0, 0, 1), "n-grams counted at most this often are dropped, by order", minimum=0
    )
    a_bits: int = setting(255, "pointer compression of build_binary", unit="bits", minimum=0, maximum=255)
    q_bits: int = setting(8, "quantisation of probabilities", unit="bits", minimum=2, maximum=16)
    structure: str = setting("trie", "data structure of build_binary", choices=("trie",))
    discount_fallback: bool = setting(True, "lets small lists of sentences through the discount estimation")
    alpha: float = setting(0.931289039105002, "weight of the language model", minimum=0, maximum=100)
    beta: float = setting(1.1834137581510284, "bonus for each word", minimum=-100, maximum=100)


@dataclass(frozen=True)
class Train:
    """The network and how it is trained."""

    network: str = setting(
        "deepspeech", "deepspeech: as in DeepSpeech 0.9", choices=("deepspeech", "deepspeech-2lstm")
    )
    n_hidden: int = setting(134, "width of each layer", minimum=8, maximum=4096)
    epochs: int = setting(75, "most passes over the training data", minimum=1, maximum=10000)
    epoch_utterances: int = setting(
        500,
        "least utterances an epoch: fewer recordings come again, augmented anew each time",
        minimum=1,
        maximum=1_000_000,
    )
    batch_size: int = setting(16, "utterances a step", minimum=1, maximum=4096)
    learning_rate: float = setting(0.001, "highest learning rate", minimum=1e-8, maximum=1)
    warm_up: float = setting(
        0.1, "share of the epochs over which the rate rises to it", minimum=0, maximum=0.9
    )
    schedule: str = setting(
        "one-cycle",
        "plateau: falls when dev loss stalls; one-cycle: rises, then falls to nothing",
        choices=("plateau", "one-cycle"),
    )
    plateau_patience: int = setting(4, "epochs without a better dev loss before the rate falls", minimum=1)
    plateau_factor: float = setting(0.5, "the rate is multiplied by this", minimum=0.01, maximum=0.99)
    early_stop_patience: int = setting(
        20, "epochs without a better dev loss before training ends; 0: never", minimum=0
    )
    dropout: float = setting(
        0.15, "share of activations dropped after each dense layer", minimum=0, maximum=0.9
    )
    weight_decay: float = setting(0.0001, "AdamW's decay", minimum=0, maximum=1)
    gradient_norm: float = setting(5.0, "gradients are scaled down to this norm", minimum=0.001)
    normalise: bool = setting(
        True, "features to zero mean and unit variance; folded into the exported weights"
    )
    blank_bias: float = setting(
        0.0, "start of the blank's bias: leaves the all-blank plateau sooner", minimum=-20, maximum=20
    )
    curriculum: int = setting(2, "epochs that go from short to long utterances", minimum=0)
    synthetic_epochs: int = setting(4, "epochs on synthetic voices alone, before the recordings", minimum=0)
    synthetic_utterances: int = setting(1000, "utterances of one such epoch, new ones each time", minimum=1)
    synthetic_share: float = setting(
        1.0,
        "synthetic utterances beside the recordings, as a multiple of them; falls to synthetic_last of it",
        minimum=0,
        maximum=100,
    )
    synthetic_last: float = setting(
        0.25, "what is left of that share in the last epoch", minimum=0, maximum=1
    )
    average: int = setting(5, "checkpoints averaged into the result; 1: none", minimum=1, maximum=50)
    choose_by: str = setting(
        "wer",
        "the best checkpoint: wer: dev word errors through the decoder; loss: dev loss",
        choices=("wer", "loss"),
    )
    start_from: str = setting("", "weights to start from: a .pb, a .pbmm or a run's name; empty: none")
    freeze: tuple[str, ...] = setting((), "layers of those weights that stay as they are")
    drop_layers: int = setting(0, "last layers of those weights that start anew", minimum=0, maximum=6)
    seed: int = setting(1, "seed of weights, order and augmentation", minimum=0)


@dataclass(frozen=True)
class Evaluate:
    """How the result is judged."""

    beam_width: int = setting(500, "beams of the client's decoder", minimum=1, maximum=10000)
    noise: bool = setting(True, "also measure in noise")
    noise_folder: str = setting(
        "test_noise",
        "sounds for that, never trained on; where there are none, a kind of noise kept out of training",
    )
    noise_levels: tuple[float, ...] = setting(
        (24.0, 21.0, 18.0, 15.0, 12.0, 9.0, 6.0), "speech above noise", unit="dB", minimum=-20, maximum=60
    )
    seed: int = setting(1, "seed of the noise and the bootstrap", minimum=0)


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

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as plain dictionaries and lists."""
        return typing.cast("dict[str, Any]", json.loads(json.dumps(dataclasses.asdict(self))))


def with_values(settings: Settings, **sections: dict[str, Any]) -> Settings:
    """Return the settings with some values changed: with_values(settings, train={"epochs": 3})."""
    changed = {
        name: dataclasses.replace(getattr(settings, name), **values) for name, values in sections.items()
    }
    return dataclasses.replace(settings, **changed)


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
        value = float(value)
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
    for section, kind in (("voices", Voices), ("augment", Augment)):
        # Every list of plain numbers in these sections is a range.
        for key, hint in typing.get_type_hints(kind).items():
            pair = getattr(getattr(settings, section), key)
            if hint == tuple[float, ...] and (len(pair) != 2 or pair[0] > pair[1]):
                found = _toml(pair)
                fail(section, key, f"expected [lowest, highest], found {found}", "Write two numbers in rising order")
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
