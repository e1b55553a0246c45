"""How a section of asr.toml declares its keys: default, limits, and which products depend on them."""

from __future__ import annotations

import enum
from dataclasses import field, fields
from typing import Any

Range = tuple[float, ...]  # least, most
SEEDS = (0, 2**32 - 1)  # what Keras and NumPy's older generator take


class Product(enum.Flag):
    """What is kept below build/ and is made again when a setting changes that it depends on.

    A product that is made of another one, as weights are of clips, goes out of date with it.
    """

    NOTHING = 0  # only what is made anew each time depends on it
    CLIPS = enum.auto()
    SPLIT = enum.auto()
    SCORER = enum.auto()
    WEIGHTS = enum.auto()
    VERIFIER = enum.auto()
    EVALUATION = enum.auto()
    LEARNING_CURVE = enum.auto()
    KEYWORD_FEATURES = enum.auto()
    KEYWORD_WEIGHTS = enum.auto()
    KEYWORD_THRESHOLDS = enum.auto()


def setting(
    default: Any,
    affects: Product,
    help: str,
    limits: tuple[float | None, float | None] = (None, None),
    unit: str = "",
    *,
    choices: tuple[str, ...] = (),
) -> Any:
    """Declare a key of a section.

    Parameters
    ----------
    affects : the products that go out of date when the value changes.
    help : one line for a reader of asr.toml.
    limits : least and greatest value, inclusive; they hold for each item of a list.
    """
    minimum, maximum = limits
    details = dict(affects=affects, help=help, unit=unit, minimum=minimum, maximum=maximum, choices=choices)
    return field(default=default, metadata=details)


def keys_affecting(section: Any, products: Product) -> tuple[str, ...]:
    """Return the keys of a section (its class or its values) that at least one of the products depends on."""
    return tuple(item.name for item in fields(section) if item.metadata["affects"] & products)


def values_affecting(section: Any, products: Product) -> dict[str, Any]:
    """Return the values of a section that at least one of the products depends on."""
    return {key: getattr(section, key) for key in keys_affecting(section, products)}
