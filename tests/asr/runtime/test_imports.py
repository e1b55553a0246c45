"""The runtime needs nothing but NumPy and Python, and nothing of the rest of the project."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import asr.runtime

FOLDER = Path(asr.runtime.__file__).parent
OPTIONAL = {
    "bodies.py": {"starlette"},
    "microphone.py": {"sounddevice"},
    "mqtt.py": {"paho"},
    "wyoming_events.py": {"wyoming"},
    "wyoming_server.py": {"wyoming"},
    "server.py": {"starlette", "uvicorn"},
    "streams.py": {"starlette"},
}  # the wheel's extras


def test_modules_import_numpy_the_standard_library_and_one_another() -> None:
    modules = sorted(FOLDER.glob("*.py"))
    assert len(modules) > 10
    for path in modules:
        allowed = {"numpy", *sys.stdlib_module_names, *OPTIONAL.get(path.name, set())}
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level <= 1, f"{path.name}:{node.lineno} leaves the package"
                names = [] if node.level else [node.module or ""]
            else:
                continue
            for name in names:
                assert name.split(".")[0] in allowed, f"{path.name}:{node.lineno} imports {name}"
