"""Whole numbers in English words, as people say them to a device."""

from __future__ import annotations

MOST_NUMBERS = 10_000  # of one range
LARGEST = 999_999

_ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def in_words(number: int) -> str:
    """Return the words of a number: 142 is "one hundred forty two", -3 is "minus three".

    Raises
    ------
    ValueError : it has more than six digits.
    """
    if abs(number) > LARGEST:
        raise ValueError(f"{number} has more than six digits")
    if number < 0:
        return f"minus {in_words(-number)}"
    if number < 20:
        return _ONES[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return _TENS[tens] + (f" {_ONES[ones]}" if ones else "")
    size, name = (1000, "thousand") if number >= 1000 else (100, "hundred")
    many, rest = divmod(number, size)
    return f"{in_words(many)} {name}" + (f" {in_words(rest)}" if rest else "")
