"""A graph on disk, .pb or .pbmm, opened without trusting it: nodes, constants and the client's metadata.

Everything is bounds-checked before it is used, because the client's library does not do so: it aborts or
crashes on some damaged files.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr.core.alphabet import Alphabet
from asr.core.errors import ModelError
from export import wire
from export.tensors import (
    NUMBERS,
    Node,
    attribute,
    constant,
    data_type,
    node_messages,
    parse_node,
    parse_shape,
)

PACKAGE = "memmapped_package://"
_AGAIN = "Export the model again"


@dataclass(frozen=True)
class Metadata:
    """What a model says about itself."""

    alphabet: Alphabet
    sample_rate: int  # Hz
    window_ms: int
    step_ms: int
    n_context: int  # frames on either side
    n_features: int  # coefficients a frame
    n_steps: int  # frames of one run
    state: int  # width of previous_state_c
    beam_width: int
    language: str


class ModelFile:
    """The nodes of a model file; constants are read when asked for.

    Parameters
    ----------
    path : a .pb (serialised GraphDef), or a .pbmm if its name contains that, as the client decides it.

    Raises
    ------
    ModelError : there is no such file, or it is damaged.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        data = _map(self.path)
        self._regions: dict[str, memoryview] = {}
        try:
            if ".pbmm" in self.path.name:
                self._regions = read_directory(data)
                data = self._regions[f"{PACKAGE}."]
            self.graph = data
            self.nodes = {node.name: node for node in map(parse_node, node_messages(data))}
        except wire.Damaged as damage:
            raise self.error(f"this model {damage}") from None
        if not self.nodes:
            raise self.error("there is no graph in this file")

    def error(self, what: str) -> ModelError:
        """Return a ModelError about this file."""
        return ModelError(what, path=self.path, fix=_AGAIN)

    def node(self, name: str) -> Node:
        """Return the node of this name; ModelError where there is none."""
        if name not in self.nodes:
            raise self.error(f"this graph has no node {name}, so that it is no DeepSpeech 0.9 model")
        return self.nodes[name]

    def shape(self, name: str, rank: int) -> list[int]:
        """Return the `shape` attribute of a placeholder; ModelError unless it has `rank` positive sizes."""
        try:
            shape = parse_shape(attribute(self.node(name), "shape", 7))
        except wire.Damaged as damage:
            raise self.error(f"{name} {damage}") from None
        if len(shape) != rank or min(shape) < 1:
            raise self.error(f"{name} has the shape {shape} where {rank} sizes belong")
        return shape

    def array(self, name: str) -> npt.NDArray[np.generic]:
        """Return a numeric constant, copied; ModelError where it is none, or damaged."""
        node = self.node(name)
        try:
            return constant(node, self._regions).copy()
        except wire.Damaged as damage:
            raise self.error(f"the constant {name} {damage}") from None

    def check_constants(self) -> None:
        """Check that every constant has the bytes that its shape asks for; else ModelError names it."""
        for node in self.nodes.values():
            try:
                if node.op == "ImmutableConst" or (node.op == "Const" and data_type(node) in NUMBERS):
                    constant(node, self._regions)
            except wire.Damaged as damage:
                raise self.error(f"the constant {node.name} {damage}") from None

    def metadata(self) -> Metadata:
        """Return what the client reads; ModelError where it is missing or not of version 6."""
        version = self._metadata_number("version")
        if version != 6:
            raise self.error(f"this model has version {version} where the client of 0.9 needs 6")
        _, n_steps, frames, n_features = self.shape("input_node", 4)
        _, state = self.shape("previous_state_c", 2)
        if self.shape("previous_state_h", 2)[1] != state or frames % 2 == 0:
            raise self.error("its placeholders contradict each other")
        for name in ("input_samples", "input_lengths", "mfccs", "logits", "new_state_c", "new_state_h"):
            self.node(name)
        language = self._string("metadata_language") if "metadata_language" in self.nodes else b""
        try:
            alphabet = Alphabet.parse(self._string("metadata_alphabet"))
        except ModelError as error:
            raise self.error(error.what) from None
        return Metadata(
            alphabet,
            sample_rate=self._metadata_number("sample_rate"),
            window_ms=self._metadata_number("feature_win_len"),
            step_ms=self._metadata_number("feature_win_step"),
            n_context=frames // 2,
            n_features=n_features,
            n_steps=n_steps,
            state=state,
            beam_width=self._metadata_number("beam_width"),
            language=language.decode("utf-8", "replace"),
        )

    def _metadata_number(self, name: str) -> int:
        value = self.array(f"metadata_{name}")
        if value.size != 1 or not np.issubdtype(value.dtype, np.integer) or int(value.item()) < 1:
            raise self.error(f"metadata_{name} is not one positive number")
        return int(value.item())

    def _string(self, name: str) -> bytes:
        try:
            tensor = attribute(self.node(name), "value", 8)
            values = [bytes(wire.as_view(value)) for field, _, value in wire.fields(tensor) if field == 8]
        except wire.Damaged as damage:
            raise self.error(f"{name} {damage}") from None
        if len(values) != 1:
            raise self.error(f"{name} is not one string")
        return values[0]


def read_metadata(path: Path | str) -> Metadata:
    """Check a model file throughout and return its metadata, without loading its weights.

    Raises
    ------
    ModelError : it is missing, damaged, or not what the client of 0.9.3 runs.
    """
    file = ModelFile(path)
    metadata = file.metadata()
    file.check_constants()
    return metadata


def read_directory(data: memoryview) -> dict[str, memoryview]:
    """Return the regions of a .pbmm by name, the graph's own included; Damaged where they do not fit."""
    if len(data) < 8:
        raise wire.Damaged("is cut off: it has no directory")
    (start,) = struct.unpack("<Q", data[-8:])
    if start > len(data) - 8:
        raise wire.Damaged("is cut off or damaged: its directory is not where its last bytes say")
    regions: dict[str, memoryview] = {}
    for field, _, value in wire.fields(data[start:-8]):
        if field != 1:
            raise wire.Damaged("is cut off or damaged: its directory holds something else")
        entry = {key: part for key, _, part in wire.fields(wire.as_view(value))}
        offset, length = wire.as_int(entry.get(1, 0)), wire.as_int(entry.get(3, 0))
        name = wire.as_text(entry.get(2, memoryview(b"")))
        if offset > start or length > start - offset or name in regions:
            raise wire.Damaged(f"is damaged: its region {name} lies outside the file, or is there twice")
        regions[name] = data[offset : offset + length]
    if not regions.get(f"{PACKAGE}."):
        raise wire.Damaged("is cut off or damaged: it holds no graph")
    return regions


def _map(path: Path) -> memoryview:
    """Return the file's bytes, mapped into memory."""
    try:
        with path.open("rb") as file:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except ValueError:
        raise ModelError("this model is empty", path=path, fix=_AGAIN) from None
    except FileNotFoundError:
        raise ModelError(
            "there is no such model", path=path, fix="Give the path of an exported model"
        ) from None
    except OSError as error:
        raise ModelError(f"this model cannot be read: {error.strerror}", path=path) from None
