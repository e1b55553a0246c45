"""Kokoro's notation of English, against what its authors publish."""

# ruff: noqa: RUF001 - letters of the IPA

from __future__ import annotations

import pytest

from asr.core.errors import AudioError
from datasets.phonemes import AMERICAN, BRITISH, LONGEST, TOKENS, notation, tokens


def test_tokens_are_those_of_the_model() -> None:
    # The model card of the ONNX export: "How could I know? It's an unanswerable question." and its tokens.
    said = "hˌaʊ kʊd aɪ nˈoʊ? ɪts ɐn ʌnˈænsɚɹəbəl kwˈɛstʃən."
    card = (
        "50 157 43 135 16 53 135 46 16 43 102 16 56 156 57 135 6 16 102 62 61 16 70 56 16 138 56 156 72 56 61 85 123 83"
    )
    card += " 44 83 54 16 53 65 156 86 61 62 131 83 56 4"
    expected = dict(zip(said, map(int, card.split()), strict=True))
    common = {letter: number for letter, number in expected.items() if letter in TOKENS}
    assert common == {letter: TOKENS[letter] for letter in common} and len(common) >= 23


@pytest.mark.parametrize(
    ("text", "accent", "expected"),
    [
        # As the authors' own G2P writes them, where espeak-ng agrees about the sounds.
        ("hello world!", AMERICAN, "həlˈO wˈɜɹld!"),
        ("hello world!", BRITISH, "həlˈQ wˈɜːld!"),
        ("my church, your judge", AMERICAN, "mI ʧˈɜɹʧ, jʊɹ ʤˈʌʤ"),
        ("a bottle of butter", AMERICAN, "ə bˈɑTᵊl ʌv bˈʌTəɹ"),
        ("a bottle of butter", BRITISH, "ə bˈɒtᵊl ɒv bˈʌtə"),
        ("a fair idea", BRITISH, "ə fˈɛːɹ Idˈɪə"),
    ],
)
def test_notation(text: str, accent: str, expected: str) -> None:
    assert notation(text, accent) == expected
    assert set(expected) <= set(TOKENS)


def test_diphthongs_are_one_letter() -> None:
    assert notation("knife oil", AMERICAN).replace("ˈ", "") == "nIf Yl"
    assert notation("no, now, nay", BRITISH).replace("ˈ", "") == "nQ, nW, nA"


def test_marks_are_kept_once() -> None:
    assert notation("yes!! no ...", AMERICAN).replace("ˈ", "").replace("ˌ", "") == "jɛs! nO."


def test_texts_that_cannot_be_spoken() -> None:
    for silent in ("", "'", "...", "?"):
        with pytest.raises(AudioError, match="has no sound in English"):
            tokens(silent, AMERICAN)
    with pytest.raises(AudioError, match=rf"has \d+ sounds; Kokoro speaks at most {LONGEST}"):
        tokens("wonderful " * 80, AMERICAN)
