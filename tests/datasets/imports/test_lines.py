"""Tables that nobody has checked: long lines, broken text, wrong headers."""

from __future__ import annotations

import csv
import tracemalloc
from pathlib import Path

import pytest

from asr.core.errors import RecordingsError
from datasets.imports.lines import (
    FIELDS,
    LONGEST_LINE,
    NOT_UTF8,
    QUOTES,
    TOO_LONG,
    check_headers,
    read_lines,
    read_table,
)


def test_rows_are_those_of_the_csv_module(tmp_path: Path) -> None:
    rows = [["a", "b"], ["1", "yes, please"], ["2", 'say "stop"'], ["3", "ünïcode"], ["4", " spaces "]]
    path = tmp_path / "table.csv"
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows(rows)
    check_headers([path], ("a", "b"), ",")
    found = [(number, list(row.values()), fault) for number, row, fault in read_table(path, ",")]
    assert found == [(number, row, "") for number, row in enumerate(rows[1:], 2)]


def test_a_fault_costs_its_own_line_only(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    lines = [b"a,b", b"1,2", b"1,2,3", b'"open,2', b"\xff,2", b"x" * (3 * LONGEST_LINE) + b",2", b"", b"3,4"]
    path.write_bytes(b"\r\n".join(lines))
    found = [(number, row.get("a", ""), fault) for number, row, fault in read_table(path, ",")]
    assert found == [
        *((2, "1", ""), (3, "", FIELDS), (4, "", QUOTES), (5, "", NOT_UTF8), (6, "", TOO_LONG)),
        (8, "3", ""),
    ]


def test_a_line_without_an_end_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "table.tsv"
    with path.open("wb") as file:
        file.truncate(50 << 20)
    tracemalloc.start()
    faults = [fault for _, _, fault in read_lines(path)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert faults == [TOO_LONG]
    assert peak < 1 << 20


def test_all_that_is_wrong_with_headers_is_told_at_once(tmp_path: Path) -> None:
    one, other = tmp_path / "one.tsv", tmp_path / "other.tsv"
    one.write_text("path\tpath\tage\n")
    other.write_text("client_id,path,sentence\n")
    with pytest.raises(RecordingsError) as caught:
        check_headers([one, other], ("client_id", "path", "sentence"), "\t")
    told = str(caught.value)
    assert "one.tsv: no client_id, no sentence among" in told and "one.tsv: path occurs 2 times" in told
    assert "other.tsv: columns are separated by commas" in told and "\n" not in told


@pytest.mark.parametrize(("content", "told"), [(b"", "no header"), ("a,b\n".encode("utf-16"), "UTF-16")])
def test_what_is_no_table(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(RecordingsError, match=told):
        check_headers([path], ("a", "b"), ",")
