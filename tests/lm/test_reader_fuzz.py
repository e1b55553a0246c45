"""A few seconds of fuzzing; `python -m tests.lm.reader_fuzz` goes on for longer."""

from __future__ import annotations

import pytest

from tests.lm.reader_fuzz import READERS, fuzz


@pytest.mark.parametrize("reader", READERS)
def test_nothing_crashes_a_reader(reader: str) -> None:
    fuzz(reader, 40, 1)
