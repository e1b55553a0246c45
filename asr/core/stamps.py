"""Stamps that tell whether the products of a step are up to date."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from asr.core.files import fingerprint, write_json


class Stamp:
    """The fingerprint of a product's inputs.

    File times do not serve: a fresh clone has new ones, and any edit of asr.toml would make every product stale.

    Parameters
    ----------
    path : the stamp file.
    inputs : settings (JSON values) and files (Paths) that the product depends on.
    """

    def __init__(self, path: Path, *inputs: Any) -> None:
        self.path = path
        self.value = fingerprint(*inputs)

    def is_fresh(self, products: Iterable[Path]) -> bool:
        """Tell whether the products exist and were made from the same inputs."""
        try:
            kept = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return kept == self.value and all(product.exists() for product in products)

    def set(self) -> None:
        """Record that the products have been made."""
        write_json(self.path, self.value)
