"""The values of a whole asr.toml."""

from __future__ import annotations

import dataclasses
import json
import typing
from dataclasses import dataclass, field
from typing import Any

from asr.settings.augment import Augment
from asr.settings.declaration import Product, keys_affecting
from asr.settings.keyword import Keyword
from asr.settings.sections import (
    AlphabetSection,
    Evaluate,
    Recordings,
    Rejection,
    Scorer,
    Sentences,
    Split,
    Train,
    Voices,
)

Tables = dict[str, dict[str, Any]]  # values by section and key


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
    rejection: Rejection = field(default_factory=Rejection)
    evaluate: Evaluate = field(default_factory=Evaluate)
    keyword: Keyword = field(default_factory=Keyword)

    def as_dict(self) -> Tables:
        """Return the settings as plain dictionaries and lists, as a run's record holds them."""
        return typing.cast("Tables", json.loads(json.dumps(dataclasses.asdict(self))))


SECTIONS = {item.name: typing.cast("type[Any]", item.default_factory) for item in dataclasses.fields(Settings)}


def with_values(settings: Settings, **sections: dict[str, Any]) -> Settings:
    """Return the settings with some values changed: with_values(settings, train={"epochs": 3})."""
    changed = {name: dataclasses.replace(getattr(settings, name), **values) for name, values in sections.items()}
    return dataclasses.replace(settings, **changed)


def affecting(record: dict[str, Any], products: Product) -> Tables:
    """Return the values that at least one of the products depends on.

    Parameters
    ----------
    record : from `Settings.as_dict`, or a run's record of it; a missing key gives None.
    """
    found = {}
    for name, kind in SECTIONS.items():
        if keys := keys_affecting(kind, products):
            found[name] = {key: record.get(name, {}).get(key) for key in keys}
    return found
