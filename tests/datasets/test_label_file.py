"""Audacity's label files: what it writes is read, what is none is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from asr.core.errors import RecordingsError
from datasets.label_file import Label, read, write


def test_labels_of_audacity_are_read(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    # As Audacity 3 exports them: a spectral selection has a second line.
    path.write_text("0.500000\t1.250000\tstop\n\\\t100.0\t8000.0\n2,0\t2,5\tturn  on\n3.0\t3.0\t\n\n", encoding="utf-8")
    assert read(path) == [Label(0.5, 1.25, "stop"), Label(2.0, 2.5, "turn on"), Label(3.0, 3.0)]
    write(tmp_path / "again.txt", read(path))
    assert read(tmp_path / "again.txt") == read(path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"1.0\tx\tstop\n", "is no label"),
        (b"2.0\t1.0\tstop\n", "is no label"),
        (b"nan\tnan\tstop\n", "is no label"),
        (b"-1\t1\tstop\n", "is no label"),
        (b"stop\n", "is no label"),
        (b"0\t1\t" + b"a" * 2000, "too long"),
        (b"\xff\xfe0\x00", "not UTF-8"),
    ],
)
def test_what_is_no_label_is_told_with_its_line(tmp_path: Path, text: bytes, reason: str) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes(b"0\t1\tgood\n" + text)
    with pytest.raises(RecordingsError, match=reason) as caught:
        read(path)
    assert caught.value.line == (None if reason == "not UTF-8" else 2)
