"""Everyday sentences of a language, as templates: the pretrained weights are trained on them, and other speech in a
training is drawn from them. `en.txt` is English.
"""

from __future__ import annotations

from pathlib import Path


def general_sentences(language: str) -> Path | None:
    """Return the file of everyday sentences of a language (BCP 47); None where there is none."""
    path = Path(__file__).parent / f"{language.lower().replace('_', '-').partition('-')[0]}.txt"
    return path if path.is_file() else None
