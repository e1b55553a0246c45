"""The model card: what it tells was given or measured, and what was not says so."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from asr.core.errors import ModelError
from export.card import Card, Share, render, write_card


def figure(value: float | None, interval: tuple[float, float] | None = None) -> dict[str, Any]:
    return {"value": value, "interval": interval, "part": 0, "whole": 0, "note": ""}


def conditions(wer: float, accepted: float | None) -> dict[str, Any]:
    return {
        "clean": {
            "utterances": 123,
            "speakers": 13,
            "wer": figure(wer, (0.021, 0.079)),
            "cer": figure(0.012),
            "sentence_accuracy": figure(0.9),
            "acceptance": figure(accepted, (0.875, 0.967) if accepted is not None else None),
        }
    }


REPORT = {
    "evaluations": [
        {"kind": "real", "conditions": conditions(0.0456, 0.927), "remarks": ["split by recordings"]},
        {"kind": "synthetic", "conditions": conditions(0.0, None), "remarks": []},
    ],
    "facts": {"scorer": "kenlm.scorer", "beam width": 500},
    "descriptions": {"clean": "clips as cut and trimmed"},
}
RUN = {
    "id": "20260101T120000Z-abcdef",
    "started": "2026-01-01T12:00:00+00:00",
    "ended": "2026-01-01T12:40:00+00:00",
    "parent": None,
    "data": "f00d",
    "settings": {"train": {"n_hidden": 320, "seed": 1}},
    "versions": {"python": "3.11.7"},
    "curves": [{"epoch": 1}, {"epoch": 2}],
    "process": {"host": "my-own-computer"},
}


@pytest.fixture
def exported(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "output_graph.pbmm", tmp_path / "kenlm.scorer"]
    for number, path in enumerate(paths):
        path.write_bytes(bytes(range(256)) * (number + 1))
    return paths


def full() -> Card:
    rows = [("anna", 1800.0, False), ("ben", 900.0, False), ("en-us+f3", 900.0, True), ("anna", 0.0, False)]
    return Card(
        "coffee",
        "A. Nyone",
        {"train": Share.of(rows)},
        "recording",
        ["split by recordings"],
        RUN,
        REPORT,
        "CC BY 4.0",
        sentences=["get me a latte"],
    )


def rows_of(text: str) -> dict[str, list[str]]:
    """First cell to the others, of every row of every table."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {row[0]: row[1:] for row in reversed(cells)}


def test_card_tells_what_was_given_and_measured(tmp_path: Path, exported: list[Path]) -> None:
    path = write_card(tmp_path, full(), exported)
    text = path.read_text(encoding="utf-8")
    rows = rows_of(text)
    # Four clips of one hour in all, three speakers, one clip of four synthetic.
    assert rows["train"] == ["4", "1.00 h", "3", "1 (25 %)"]
    assert rows["clean"] == ["123", "13", "92.7 % (87.5 to 96.7)", "90.0 %", "4.6 % (2.1 to 7.9)", "1.2 %"]
    assert rows["trained by"] == ["A. Nyone"] and rows["run"] == [RUN["id"]]
    assert rows["`n_hidden`"] == ["`320`"] and rows["epochs done"] == ["2"]
    assert "CC BY 4.0" in text and "get me a latte" in text and "the same speakers are in several" in text
    assert text.count("Warning: split by recordings.") == 2  # beside the data and beside the figures
    assert "my-own-computer" not in text + (tmp_path / "MODEL_CARD.json").read_text(encoding="utf-8")


def test_real_and_synthetic_speech_have_tables_of_their_own() -> None:
    real, synthetic = render(full(), []).split("### Synthetic voices (no people)")
    assert "### Real speech" in real and "4.6 %" in real
    assert rows_of(synthetic)["clean"][2] == "not measured yet"


def test_client_and_runtime_stand_side_by_side() -> None:
    measures = ("sentence_accuracy", "wer", "understanding", "accepted_right", "accepted_wrong", "refused")
    client = dict.fromkeys(measures, figure(None)) | {"wer": figure(0.031, (0.01, 0.05))}
    runtime = dict.fromkeys(measures, figure(None)) | {"wer": figure(0.029), "refused": figure(0.125)}
    ways = {"kitchen 6 dB": {"client, n-gram scorer": client, "runtime, grammar": runtime}}
    report = {"evaluations": [{"kind": "real", "conditions": conditions(0.0, None), "ways": ways}]}
    text = render(Card("lamp", report=report), [])
    assert "| condition | recognised by | WER | refused |" in text
    assert "| kitchen 6 dB | client, n-gram scorer | 3.1 % (1.0 to 5.0) | - |" in text
    assert "| kitchen 6 dB | runtime, grammar | 2.9 % | 12.5 % |" in text


def test_checksums_are_those_of_sha256sum(tmp_path: Path, exported: list[Path]) -> None:
    rows = rows_of(write_card(tmp_path, full(), exported).read_text(encoding="utf-8"))
    lines = subprocess.run(["sha256sum", *exported], capture_output=True, text=True, check=True).stdout.split("\n")
    for path, line in zip(exported, lines, strict=False):
        assert rows[f"`{path.name}`"] == [f"{path.stat().st_size:,}", f"`{line.split()[0]}`"]
    content = json.loads((tmp_path / "MODEL_CARD.json").read_text(encoding="utf-8"))
    assert [item["bytes"] for item in content["files"]] == [256, 512]
    assert content["report"]["conditions"]["real"]["clean"]["wer"]["value"] == 0.0456


def test_nothing_is_filled_in() -> None:
    text = render(Card("lamp"), [])
    assert "Word error rate, sentences and commands right: not measured yet." in text
    assert rows_of(text)["trained by"] == ["not stated"] and rows_of(text)["run"] == ["not stated"]
    assert text.rstrip().endswith("Not stated") and "No files exported yet." in text
    assert "%" not in text


def test_user_text_stays_text() -> None:
    text = render(Card("my <b>lamp", author="A | B\n# Big"), [])
    assert "<b>" not in text and "\n# Big" not in text
    (line,) = [line for line in text.splitlines() if "trained by" in line]
    assert line == "| trained by | A \\| B # Big |"


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.pbmm: cannot be read"):
        write_card(tmp_path, full(), [tmp_path / "none.pbmm"])
