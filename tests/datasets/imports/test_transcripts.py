"""Transcripts of published corpora in the English alphabet, and in others."""

from __future__ import annotations

import pytest

from asr.core.alphabet import ENGLISH, Alphabet
from datasets.imports.transcripts import (
    APOSTROPHE,
    CASE,
    EMPTY,
    INVISIBLE,
    MARKED,
    OUTSIDE_ALPHABET,
    PUNCTUATION,
    Normaliser,
    RefusedTranscriptError,
)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Don\u2019t you see?", "don't you see"),
        ("CHAPTER ONE MISSUS RACHEL LYNDE", "chapter one missus rachel lynde"),
        ('"""Hello,"" he said."', "hello he said"),
        ("twenty-one — or more…", "twenty one or more"),
        ("the U.S.A.", "the u s a"),
        ("soft\u00adly\u200b spoken\ufeff", "softly spoken"),
        ("tab\tand\u00a0no-break", "tab and no break"),
        ("¿Que?", "que"),
    ],
)
def test_english(written: str, said: str) -> None:
    assert Normaliser(Alphabet()).write(written) == said


def test_what_the_alphabet_has_stays() -> None:
    german = Alphabet(ENGLISH + "äöüßÄ-")
    assert Normaliser(german).write("Ärger u\u0308ber E-Mails!") == "Ärger über e-mails"
    no_apostrophe = Alphabet(ENGLISH.replace("'", ""))
    assert Normaliser(no_apostrophe).write("Don't") == "dont"


@pytest.mark.parametrize(
    ("written", "reason", "detail"),
    [
        ("", EMPTY, ""),
        (" ... ", EMPTY, ""),
        ("call me at 3", OUTSIDE_ALPHABET, "'3': numbers have to be words"),
        ("fifty %", OUTSIDE_ALPHABET, "'%' (percent sign)"),
        ("Café", OUTSIDE_ALPHABET, "'é' (latin small letter e with acute)"),
        ("İstanbul", OUTSIDE_ALPHABET, "'\u0307' (combining dot above)"),
        ("yes <noise> please", MARKED, "<noise>"),
        ("[laughter]", MARKED, "[laughter]"),
    ],
)
def test_what_is_not_guessed(written: str, reason: str, detail: str) -> None:
    with pytest.raises(RefusedTranscriptError) as caught:
        Normaliser(Alphabet()).write(written)
    assert (caught.value.reason, caught.value.detail) == (reason, detail)


def test_each_rule_counts_the_transcripts_that_it_changed() -> None:
    normaliser = Normaliser(Alphabet())
    for text in ("plain", "TWO Words", "Stop, stop.", "it\u2019s\u200b"):
        normaliser.write(text)
    with pytest.raises(RefusedTranscriptError):
        normaliser.write("Nine 9")
    assert normaliser.changed == {CASE: 2, PUNCTUATION: 1, APOSTROPHE: 1, INVISIBLE: 1}
