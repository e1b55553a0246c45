"""The notebook in docs runs from top to bottom, and what runs it tells where it fails."""

from __future__ import annotations

import io
import json
from pathlib import Path

import matplotlib.image
import pytest

from asr.core.errors import UserError
from tools import notebook

ROOT = Path(__file__).resolve().parents[2]


def write(path: Path, *cells: str) -> Path:
    sources = [{"cell_type": "code", "metadata": {}, "source": cell.splitlines(keepends=True)} for cell in cells]
    path.write_text(json.dumps({"cells": [{"cell_type": "markdown", "source": ["# x"]}, *sources]}))
    return path


def test_cells_share_their_names_and_keep_what_they_print(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ipynb", "x = start + 1\nprint(x)", "print(x * 2)")
    done = notebook.run(path, {"start": 4})
    assert [cell["outputs"][0]["text"] for cell in done["cells"][1:]] == [["5\n"], ["10\n"]]
    assert [cell["execution_count"] for cell in done["cells"][1:]] == [1, 2]


def test_a_cell_that_fails_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ipynb", "x = 1", "y = 2\nx / 0")
    with pytest.raises(UserError, match=r"a.ipynb: cell 2 fails: ZeroDivisionError: division by zero \(.*:2\)"):
        notebook.run(path)


def test_the_keyword_notebook_runs_on_little_data(tmp_path: Path) -> None:
    done = notebook.run(ROOT / "docs" / "keyword.ipynb", {"folder": tmp_path, "voices": 12, "epochs": 4})
    shown = notebook.pictures(done)
    # The features, eight versions of one word, the training, two confusions and the curve.
    assert len(shown) == 6
    for png in shown:
        pixels = matplotlib.image.imread(io.BytesIO(png), format="png")
        assert pixels.shape[0] > 200 and pixels[..., :3].std() > 0.05
    printed = "".join(line for cell in done["cells"] for out in cell.get("outputs", ()) for line in out.get("text", ()))
    assert "operators: DEPTHWISE_CONV_2D, FULLY_CONNECTED, RESHAPE, SOFTMAX" in printed
    assert "72 recordings of 6 words by 12 voices" in printed
