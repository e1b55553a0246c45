"""Run a notebook from top to bottom, and store its printed output and pictures.

    python -m tools.notebook docs/keyword.ipynb      # writes the outputs into the file

Works without Jupyter and its forty packages. Cells have no magics, and show pictures with `display` and `Image` of
IPython.display, which are replaced by small stand-ins.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import sys
import traceback
import types
from pathlib import Path
from typing import Any

from asr.core.errors import UserError
from asr.core.files import write_text


class Image:
    """Stand-in for IPython.display.Image."""

    def __init__(self, data: bytes) -> None:
        self.data = data


def run(path: Path, values: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the notebook with the outputs of all its code cells.

    Parameters
    ----------
    values : variables that are defined before the first cell.

    Raises
    ------
    UserError : a cell failed; with its number and error.
    """
    notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    names: dict[str, Any] = {"__name__": "__main__", **(values or {})}
    outputs: list[dict[str, Any]] = []

    def display(*shown: Any) -> None:
        for item in shown:
            data = {"image/png": base64.b64encode(item.data).decode()}
            outputs.append({"output_type": "display_data", "data": data, "metadata": {}})

    module = types.ModuleType("IPython.display")
    module.display, module.Image = display, Image  # type: ignore[attr-defined]
    shell = types.ModuleType("IPython")
    # matplotlib checks it when it first draws.
    shell.version_info = (9, 0)  # type: ignore[attr-defined]
    before = {name: sys.modules.get(name) for name in ("IPython", "IPython.display")}
    sys.modules["IPython"], sys.modules["IPython.display"] = shell, module
    try:
        count = 0
        for number, cell in enumerate(notebook["cells"]):
            if cell["cell_type"] != "code":
                continue
            count += 1
            outputs.clear()
            printed = io.StringIO()
            try:
                with contextlib.redirect_stdout(printed):
                    exec(compile("".join(cell["source"]), f"{path.name}, cell {number}", "exec"), names)
            except Exception as error:
                last = traceback.extract_tb(error.__traceback__)[-1]
                raise UserError(
                    f"cell {number} fails: {type(error).__name__}: {error} ({Path(last.filename).name}:{last.lineno})",
                    path=path,
                ) from error
            text = printed.getvalue()
            lines = {"output_type": "stream", "name": "stdout", "text": text.splitlines(keepends=True)}
            cell["outputs"] = [lines, *outputs] if text else [*outputs]
            cell["execution_count"] = count
    finally:
        for name, module_ in before.items():
            if module_ is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module_
    return notebook


def pictures(notebook: dict[str, Any]) -> list[bytes]:
    """Return the PNG files in a notebook's outputs."""
    shown = [output for cell in notebook["cells"] for output in cell.get("outputs", ())]
    return [base64.b64decode(output["data"]["image/png"]) for output in shown if "data" in output]


def main() -> None:
    """Run notebooks, and write their outputs into them."""
    for name in sys.argv[1:]:
        path = Path(name)
        write_text(path, json.dumps(run(path), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
