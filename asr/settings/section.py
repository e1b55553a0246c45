"""How a section of asr.toml declares its fields; a leaf, so that any room can own a section."""

from __future__ import annotations

from dataclasses import field
from typing import Any

MOST_SEED = 2**32 - 1  # Keras and NumPy's older generator take no higher one


def setting(
    default: Any,
    help: str,
    *,
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """Declare a field of a settings section, with what a reader and a checker need to know of it.

    `minimum` and `maximum` are inclusive and hold for each item of a list.
    """
    details = {"help": help, "unit": unit, "minimum": minimum, "maximum": maximum, "choices": choices}
    return field(default=default, metadata=details)
