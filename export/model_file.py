"""A DeepSpeech model on disk, .pb or .pbmm, checked before anything uses it; its metadata.

The client's library does not check: it aborts or crashes on some damaged files.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr.core import file_kind
from asr.core.alphabet import Alphabet
from asr.core.errors import ModelError
from export.contract import GRAPH_VERSION
from export.graph_reader import PACKAGE, Damaged, Node, read_constant, read_nodes, read_regions, read_shape

_MOST_VALUES = 1 << 28  # copied of one file; five times those of Mozilla's models


@dataclass(frozen=True)
class Metadata:
    """What a model says about itself."""

    alphabet: Alphabet
    sample_rate: int  # Hz
    window_ms: int
    step_ms: int
    n_context: int  # frames on either side
    n_features: int  # coefficients per frame
    n_steps: int  # frames per run
    state: int  # width of previous_state_c
    beam_width: int
    language: str


class ModelFile:
    """The nodes of a model file; constants are read on demand. Use `open_model`.

    Raises
    ------
    Damaged : from every method, where the graph lacks something or contradicts itself.
    """

    def __init__(self, data: memoryview, *, mapped: bool) -> None:
        self._left = _MOST_VALUES
        self._regions = read_regions(data) if mapped else {}
        self.nodes = read_nodes(self._regions.get(f"{PACKAGE}.", data))
        if not self.nodes:
            raise Damaged("there is no graph in this file")

    def node(self, name: str) -> Node:
        """Return the node of this name."""
        if name not in self.nodes:
            raise Damaged(f"the graph has no node {name}: it is not a DeepSpeech 0.9 model")
        return self.nodes[name]

    def array(self, name: str) -> npt.NDArray[np.generic]:
        """Return a copy of a numeric constant."""
        values = read_constant(self.node(name), self._regions)
        # A graph may name one constant many times.
        self._left -= values.size
        if self._left < 0:
            raise Damaged("its constants are taken more often than any network takes them")
        return values.copy()

    def check_constants(self) -> None:
        """Check that every numeric constant has the bytes that its shape needs."""
        for node in self.nodes.values():
            if node.is_numeric:
                read_constant(node, self._regions)

    def metadata(self) -> Metadata:
        """Return what the client reads: version 6 of Mozilla's format."""
        version = self._number("version")
        if version != GRAPH_VERSION:
            raise Damaged(f"this model has version {version}; the client of 0.9 needs {GRAPH_VERSION}")
        _, n_steps, frames, n_features = self._shape("input_node", 4)
        _, state = self._shape("previous_state_c", 2)
        if self._shape("previous_state_h", 2)[1] != state or frames % 2 == 0:
            raise Damaged("the placeholders of this model contradict each other")
        for name in ("input_samples", "input_lengths", "mfccs", "logits", "new_state_c", "new_state_h"):
            self.node(name)
        language = self._string("metadata_language") if "metadata_language" in self.nodes else b""
        try:
            alphabet = Alphabet.parse(self._string("metadata_alphabet"))
        except ModelError as error:
            raise Damaged(error.what) from None
        return Metadata(
            alphabet,
            sample_rate=self._number("sample_rate"),
            window_ms=self._number("feature_win_len"),
            step_ms=self._number("feature_win_step"),
            n_context=frames // 2,
            n_features=n_features,
            n_steps=n_steps,
            state=state,
            beam_width=self._number("beam_width"),
            language=language.decode("utf-8", "replace"),
        )

    def _shape(self, name: str, rank: int) -> list[int]:
        shape = read_shape(self.node(name).attribute("shape").message(7))
        if len(shape) != rank or min(shape) < 1:
            raise Damaged(f"{name} has the shape {shape}; {rank} positive sizes are needed")
        return shape

    def _number(self, name: str) -> int:
        value = self.array(f"metadata_{name}")
        if value.size != 1 or value.dtype != np.int32 or int(value.item()) < 1:
            raise Damaged(f"metadata_{name} is not one positive integer")
        return int(value.item())

    def _string(self, name: str) -> bytes:
        values = self.node(name).attribute("value").message(8).views(8)
        if len(values) != 1:
            raise Damaged(f"{name} is not one string")
        return bytes(values[0])


@contextmanager
def open_model(path: Path | str) -> Iterator[ModelFile]:
    """Open a .pb (serialised GraphDef), or a .pbmm if the name contains that: the client's own rule.

    Raises
    ------
    ModelError : the file is missing or unreadable; or the block found it damaged.
    """
    path = Path(path)
    again = "Export the model again"
    try:
        with path.open("rb") as file:
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except ValueError:
        raise ModelError("this model is empty", path=path, fix=again) from None
    except FileNotFoundError:
        raise ModelError("no such model", path=path, fix="Give the path of an exported model") from None
    except OSError as error:
        raise ModelError(f"this model cannot be read: {error.strerror}", path=path) from None
    try:
        yield ModelFile(data, mapped=".pbmm" in path.name)
    except Damaged as damage:
        raise _refused(path, str(damage)) from None


def _refused(path: Path, damage: str) -> ModelError:
    """Return the error for a file that is not a whole model: what it is instead, or what is damaged."""
    what = file_kind.name(path)
    mapped = what.endswith("(.pbmm)")
    if mapped and ".pbmm" not in path.name:
        return ModelError(
            f"this is {what}, and its name does not say so", path=path, fix="Rename it so that it ends in .pbmm"
        )
    if what and not mapped and (not what.endswith("(.pb)") or ".pbmm" in path.name):
        fix = "Rename it so that it ends in .pb" if what.endswith("(.pb)") else "Give output_graph.pbmm, or .pb"
        return ModelError(f"this is {what}, not a model that the client runs", path=path, fix=fix)
    return ModelError(damage, path=path, fix="Export the model again")


def read_metadata(path: Path | str) -> Metadata:
    """Check a model file throughout and return its metadata, without loading its weights.

    Raises
    ------
    ModelError : it is missing, damaged, or not what the client of 0.9.3 runs.
    """
    with open_model(path) as model:
        metadata = model.metadata()
        model.check_constants()
    return metadata
