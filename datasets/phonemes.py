"""English phonemes as Kokoro's tokens.

espeak-ng writes the IPA of a text, with a tie between the letters of one sound. Kokoro was trained on a notation with a
single letter for each diphthong and affricate, without length marks in American English.
"""

# ruff: noqa: RUF001, RUF003 - letters of the IPA

from __future__ import annotations

import functools
import re

from asr.core.errors import AudioError
from datasets.espeak import TIE, espeak

AMERICAN, BRITISH = "en-us", "en"
LONGEST = 508  # tokens of a text: styles have a row for each number up to 509
PAD = 0  # first and last token

# Kokoro-82M v1.0's token of each letter that English needs, from the model's config.json.
TOKENS = {
    **{".": 4, "!": 5, "?": 6, ",": 3, " ": 16, "A": 24, "I": 25, "O": 31, "Q": 33, "T": 36, "W": 39, "Y": 41},
    **{"ᵊ": 42, "a": 43, "b": 44, "d": 46, "f": 48, "h": 50, "i": 51, "j": 52, "k": 53, "l": 54, "m": 55, "n": 56},
    **{"p": 58, "s": 61, "t": 62, "u": 63, "v": 64, "w": 65, "z": 68, "ɑ": 69, "ɒ": 71, "æ": 72, "ɔ": 76, "ð": 81},
    **{"ʤ": 82, "ə": 83, "ɛ": 86, "ɜ": 87, "ɡ": 92, "ɪ": 102, "ŋ": 112, "θ": 119, "ɹ": 123, "ʃ": 131, "ʧ": 133},
    **{"ʊ": 135, "ʌ": 138, "ʒ": 147, "ˈ": 156, "ˌ": 157, "ː": 158, "ᵻ": 177},
}

# Longer sounds first. Ties are kept until here, since "a" followed by "ɪ" is not the diphthong.
_BOTH = {
    **{"t^ʃ": "ʧ", "d^ʒ": "ʤ", "e^ɪ": "A", "a^ɪ": "I", "ɔ^ɪ": "Y", "a^ʊ": "W", "o^ʊ": "O", "ə^ʊ": "Q"},
    **{"ə^l": "ᵊl", "l̩": "ᵊl", "n̩": "ᵊn", "m̩": "ᵊm", "ʔ": "t", "ɐ": "ə", "r": "ɹ", "x": "k", "ɬ": "l", "ç": "h"},
}
_AMERICAN = {
    **{"ɜːɹ": "ɜɹ", "ɜː": "ɜɹ", "ɚɹ": "əɹ", "ɚ": "əɹ", "i^ə": "iə", "ɾ": "T", "ɒ": "ɑ", "oː": "ɔ", "o": "ɔ"},
    **{"e": "ɛ", "ː": ""},
}
_BRITISH = {"e^ə": "ɛː", "i^ə": "ɪə", "ɚ": "ə", "ɾ": "t", "o": "ɔ", "e": "ɛ", "æ": "a"}


def tokens(text: str, accent: str) -> list[int]:
    """Return Kokoro's tokens of a text, without the padding at both ends.

    Parameters
    ----------
    text : a line, which may hold the marks . , ! ?
    accent : AMERICAN or BRITISH.

    Raises
    ------
    AudioError : the text has no sound, or is longer than LONGEST.
    """
    letters = notation(text, accent)
    found = [TOKENS[letter] for letter in letters]
    if not re.search(r"\w", letters):
        raise AudioError(f"{text!r} has no sound in English", fix="Write out what is said")
    if len(found) > LONGEST:
        raise AudioError(f"{text[:60]!r} ... has {len(found)} sounds; Kokoro speaks at most {LONGEST}")
    return found


def notation(text: str, accent: str) -> str:
    """Return a text in Kokoro's notation, with the marks that it holds."""
    pieces = re.split(r"\s*([.,!?]+)\s*", text.strip())
    said = []
    for piece, mark in zip(pieces[::2], [*pieces[1::2], ""], strict=True):
        ipa = espeak().phonemes(piece, accent) if piece else ""
        said.append(_translated(ipa, accent) + mark[:1])
    return " ".join(part for part in said if part)


def _translated(ipa: str, accent: str) -> str:
    pattern, letters = _table(accent)
    replaced = pattern.sub(lambda found: letters[found.group()], ipa)
    return "".join(letter for letter in replaced if letter in TOKENS)


@functools.cache
def _table(accent: str) -> tuple[re.Pattern[str], dict[str, str]]:
    letters = {sound.replace("^", TIE): letter for sound, letter in {**_BOTH, **_accent(accent)}.items()}
    longest_first = sorted(letters, key=lambda sound: (-len(sound), sound))
    return re.compile("|".join(map(re.escape, longest_first))), letters


def _accent(accent: str) -> dict[str, str]:
    return _BRITISH if accent == BRITISH else _AMERICAN
