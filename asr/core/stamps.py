"""Which products are up to date: a step whose inputs did not change does nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from asr.core.files import fingerprint, write_json


class Stamp:
    """The fingerprint of what a product was made from.

    Make's own times do not serve here: a fresh clone gives every file the same one, and a single asr.toml would
    make every product stale whichever parameter changed.

    Parameters
    ----------
    path : where the stamp is kept.
    inputs : settings (JSON values) and files (Paths) that the product depends on.
    """

    def __init__(self, path: Path, *inputs: Any) -> None:
        self.path = path
        self.value = fingerprint(*inputs)

    def is_fresh(self, products: Iterable[Path]) -> bool:
        """Tell whether the products are there and were made from the same inputs."""
        try:
            kept = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return kept == self.value and all(product.exists() for product in products)

    def set(self) -> None:
        """Note that the products have been made."""
        write_json(self.path, self.value)
