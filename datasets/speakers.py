"""Names of speakers: spellings of one name stand for one person."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

_APART = re.compile(r"[\s_]+")


def normal_speaker(name: str) -> str:
    """Return a name in Unicode's form NFC, without characters that cannot be seen and needless spaces."""
    name = unicodedata.normalize("NFC", name)
    return " ".join("".join(letter for letter in name if unicodedata.category(letter) != "Cf").split())


def same_speaker(name: str) -> str:
    """Return what all spellings of a name share: `Anna`, `anna ` and `ANNA`; `ann_b` and `Ann B`."""
    return _APART.sub(" ", normal_speaker(name).casefold()).strip()


def spellings(names: Iterable[str]) -> dict[str, str]:
    """Return for each name the spelling to use: of those of one name the most frequent, then the first by alphabet."""
    counts = Counter(names)
    chosen: dict[str, str] = {}
    for name in sorted(counts, key=lambda name: (-counts[name], name)):
        chosen.setdefault(same_speaker(name), name)
    return {name: chosen[same_speaker(name)] for name in counts}


def spelled_alike(chosen: dict[str, str]) -> list[str]:
    """Return a sentence for each name that has several spellings in the result of `spellings`."""
    groups: dict[str, list[str]] = {}
    for name, spelling in chosen.items():
        groups.setdefault(spelling, []).append(name)
    return [
        f"{' and '.join(repr(name) for name in sorted(names))} are taken for one speaker, {spelling!r}; "
        "if they are different people, name one of them otherwise"
        for spelling, names in sorted(groups.items())
        if len(names) > 1
    ]
