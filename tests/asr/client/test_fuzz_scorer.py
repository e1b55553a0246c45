"""A .scorer, damaged: passed as whole, or refused in one line."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asr.client.scorer_file import check_scorer
from asr.core.errors import ScorerError
from tests.mutations import NUMBERS, damaged

FUZZ = settings(max_examples=200, deadline=None, derandomize=True, database=None, suppress_health_check=[*HealthCheck])
KENLM = b"mmap lm http://kheafield.com/code format version 5\n\0" + bytes(range(256)) * 3


def scorer(states: int = 5, arcs: int = 7, counts: tuple[int, int] | None = None, start: int = 0) -> bytes:
    """Return a scorer as docs/formats.md describes it; `counts` are what its header says of states and arcs."""
    content = KENLM + struct.pack("<ii?dd", 0x54524945, 6, False, 0.9, 1.2)
    content += struct.pack("<i", 2125659606)
    for kind in (b"const", b"standard"):
        content += struct.pack("<i", len(kind)) + kind
    content += struct.pack("<iiQqqq", 1, 4, 0xA5AA5A950001, start, *(counts or (states, arcs)))
    for count, size in ((states, 20), (arcs, 16)):
        content += bytes(-len(content) % 16) + bytes(count * size)
    return content


def passes(path: Path) -> bool:
    try:
        check_scorer(path)
    except ScorerError as error:
        assert "\n" not in str(error)
        return False
    return True


def test_a_scorer_is_passed_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "kenlm.scorer"
    wholes = (scorer(), scorer(900, 0), scorer() + scorer())

    @FUZZ
    @given(st.data())
    def run(data: st.DataObject) -> None:
        path.write_bytes(data.draw(damaged(wholes, near_end=300)))
        passes(path)

    run()


@pytest.mark.parametrize("number", NUMBERS)
def test_sizes_that_the_file_does_not_have_are_refused(tmp_path: Path, number: int) -> None:
    path = tmp_path / "kenlm.scorer"
    path.write_bytes(scorer())
    assert passes(path)
    for counts in ((number, 7), (5, number), (number, number)):
        if number.bit_length() < 64 and -(1 << 63) <= number < 1 << 63:
            path.write_bytes(scorer(counts=counts))
            assert not passes(path)
    path.write_bytes(scorer(start=number))
    assert passes(path) == (0 <= number < 5)
