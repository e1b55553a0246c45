"""How alike two pronunciations are: what it costs to turn one into the other, phoneme by phoneme.

Phonemes are IPA symbols as espeak-ng writes them. Replacing one costs 0 to 1 by how it is made: consonants by place,
manner and voice, vowels by height, backness and length. Leaving one out costs 1, or less where people swallow it.
"""

from __future__ import annotations

from collections.abc import Sequence

_STRESS = str.maketrans("", "", "\u02c8\u02cc\u0329\u0361")
_LONG = "\u02d0"

# Place, from the lips (0) to the throat (8); manner; whether it is voiced.
_CONSONANTS: dict[str, tuple[int, str, bool]] = {
    "p": (0, "stop", False), "b": (0, "stop", True), "t": (3, "stop", False), "d": (3, "stop", True),
    "k": (6, "stop", False), "g": (6, "stop", True), "\u0261": (6, "stop", True), "\u0294": (8, "stop", False),
    "t\u0283": (4, "affricate", False), "d\u0292": (4, "affricate", True),
    "f": (1, "fricative", False), "v": (1, "fricative", True), "\u03b8": (2, "fricative", False),
    "\u00f0": (2, "fricative", True), "s": (3, "fricative", False), "z": (3, "fricative", True),
    "\u0283": (4, "fricative", False), "\u0292": (4, "fricative", True), "x": (6, "fricative", False),
    "\u00e7": (5, "fricative", False), "h": (8, "fricative", False),
    "m": (0, "nasal", True), "n": (3, "nasal", True), "\u014b": (6, "nasal", True),
    "l": (3, "liquid", True), "\u026b": (3, "liquid", True), "\u0279": (3, "liquid", True), "r": (3, "liquid", True),
    "\u027e": (3, "stop", True), "\u0281": (7, "liquid", True), "j": (5, "glide", True), "w": (0, "glide", True),
}  # fmt: skip
# Height, from open (0) to close (1); backness, from front (0) to back (1).
_VOWELS: dict[str, tuple[float, float]] = {
    "i": (1.0, 0.0), "y": (1.0, 0.1), "\u026a": (0.85, 0.15), "e": (0.7, 0.0), "\u00f8": (0.7, 0.1),
    "\u025b": (0.4, 0.1), "\u0153": (0.4, 0.2), "\u00e6": (0.15, 0.1), "a": (0.0, 0.3), "\u0250": (0.15, 0.5),
    "\u0259": (0.5, 0.5), "\u025a": (0.5, 0.5), "\u025c": (0.45, 0.5), "\u0268": (1.0, 0.5), "\u1d7b": (0.85, 0.4),
    "\u028c": (0.35, 0.7), "\u0251": (0.0, 0.9), "\u0252": (0.0, 1.0), "\u0254": (0.4, 1.0), "o": (0.7, 1.0),
    "\u028a": (0.85, 0.9), "u": (1.0, 1.0), "\u0289": (1.0, 0.6),
}  # fmt: skip
_SWALLOWED = {"h": 0.6, "\u0259": 0.6, "\u0294": 0.4, "\u027e": 0.8, "\u0250": 0.6}


def distance(first: Sequence[str], second: Sequence[str]) -> float:
    """Return what it costs to turn one pronunciation into the other; 0: they sound the same."""
    first, second = [plain(phoneme) for phoneme in first], [plain(phoneme) for phoneme in second]
    before = [0.0]
    for phoneme in second:
        before.append(before[-1] + _left_out(phoneme))
    for one in first:
        row = [before[0] + _left_out(one)]
        for place, other in enumerate(second):
            row.append(
                min(
                    before[place] + replaced(one, other),
                    before[place + 1] + _left_out(one),
                    row[place] + _left_out(other),
                )
            )
        before = row
    return before[-1]


def plain(phoneme: str) -> str:
    """Return a phoneme without marks of stress."""
    return phoneme.translate(_STRESS)


def replaced(one: str, other: str) -> float:
    """Return the cost of one phoneme for another, 0 to 1."""
    if one == other:
        return 0.0
    consonants = _CONSONANTS.get(one), _CONSONANTS.get(other)
    if consonants[0] and consonants[1]:
        (place, manner, voiced), (other_place, other_manner, other_voiced) = consonants[0], consonants[1]
        nearness = 0.35 * min(1.0, abs(place - other_place) / 4)
        return max(0.1, nearness + 0.4 * (manner != other_manner) + 0.25 * (voiced != other_voiced))
    vowels = _track(one), _track(other)
    if vowels[0] and vowels[1]:
        apart = [abs(a - b) for a, b in zip(vowels[0], vowels[1], strict=True)]
        heights, backs = apart[0] + apart[2], apart[1] + apart[3]
        return min(1.0, 0.1 + 0.45 * heights + 0.35 * backs)
    return 1.0


def _track(phoneme: str) -> tuple[float, float, float, float] | None:
    """Return where a vowel or diphthong starts and ends; None for anything else."""
    places = [_VOWELS[symbol] for symbol in phoneme if symbol in _VOWELS]
    if not places or phoneme in _CONSONANTS:
        return None
    return (*places[0], *places[-1])


def _left_out(phoneme: str) -> float:
    return _SWALLOWED.get(phoneme, 1.0)
