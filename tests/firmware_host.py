"""The runner of firmware/lib compiled for this machine with a model's tables, called by ctypes."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asr.keyword.detect import NEVER, Rule
from export.c_source import c_source
from export.tflite_network import read_network

LIB = Path(__file__).resolve().parent.parent / "firmware" / "lib"
WARNINGS = ("-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-fmax-errors=3")

Bytes = NDArray[np.int8]


def write_tables(tflite: bytes, folder: Path, rule: Rule | None = None) -> Path:
    """Write keyword_model.c and keyword_model.h of a network into `folder`, and return it."""
    words = ["silence", "unknown", *(f"word {index}" for index in range(read_network(tflite).output_bytes - 2))]
    rule = rule or Rule((NEVER, NEVER, *(128,) * (len(words) - 2)))
    source, header = c_source(tflite, words, rule)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "keyword_model.c").write_text(source)
    (folder / "keyword_model.h").write_text(header)
    return folder


def compile_library(model: Path, target: Path, *switches: str | Path) -> ctypes.CDLL:
    """Compile the runner and the tables in `model`, with these switches and other files, into `target`; load it."""
    sources = [*sorted(LIB.glob("neural_network*.c")), model / "keyword_model.c"]
    command: Sequence[object] = [
        "gcc", *WARNINGS, "-O2", "-shared", "-fPIC", f"-I{LIB}", f"-I{model}", *switches, *sources, "-o", target
    ]  # fmt: skip
    subprocess.run([str(word) for word in command], check=True)
    return ctypes.CDLL(str(target))


class HostRunner:
    """The runner with one model, `edit` made in its tables; calling it gives the outputs of many inputs."""

    def __init__(
        self, tflite: bytes, folder: Path, *switches: str, edit: tuple[str, str] | None = None
    ) -> None:
        network = read_network(tflite)
        self.output_bytes = network.output_bytes
        write_tables(tflite, folder)
        if edit is not None:
            text = (folder / "keyword_model.c").read_text()
            assert edit[0] in text
            (folder / "keyword_model.c").write_text(text.replace(*edit, 1))
        self.library = compile_library(folder, folder / "runner.so", *switches)
        self.model = ctypes.byref(ctypes.c_char.in_dll(self.library, "keyword_model"))
        self.call = self.library.neural_network_run
        size, pointer = ctypes.c_size_t, ctypes.c_void_p
        self.call.argtypes = [pointer, pointer, size, pointer, size, pointer, size]
        self.arena = np.zeros(network.arena_bytes, np.int8)

    def run(self, example: Bytes, output: Bytes, arena: Bytes) -> int:
        """Run one example and return the error's number."""
        return int(self.call(
            self.model, example.ctypes.data, example.size, output.ctypes.data, output.size,
            arena.ctypes.data, arena.size,
        ))  # fmt: skip

    def __call__(self, inputs: Bytes) -> Bytes:
        """Return int8 [examples, classes]."""
        outputs = np.zeros((len(inputs), self.output_bytes), np.int8)
        for example, output in zip(np.ascontiguousarray(inputs), outputs, strict=True):
            self.arena.fill(len(inputs) % 256 - 128)
            assert self.run(example, output, self.arena) == 0
        return outputs
