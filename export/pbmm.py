"""The memory-mapped form of a graph (.pbmm), as TensorFlow's convert_graphdef_memmapped_format writes it.

Tensors at aligned offsets, then the GraphDef, then a MemmappedFileSystemDirectory message, then the offset of
that message as uint64, little-endian. The client maps such a file instead of copying its weights, provided
that the file's name contains ".pbmm".
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr.core.errors import ModelError
from asr.core.files import atomic_path
from export import wire
from export.model_file import PACKAGE, ModelFile
from export.tensors import NUMBERS, Node, constant, data_type, node_def, parse_node, tensor_shape

ALIGNMENT = 64  # bytes; TensorFlow's kernels need their tensors on such a boundary
SMALLEST = 10_000  # bytes; smaller constants stay in the graph, as with the original tool


def write_pbmm(graph: bytes | memoryview, path: Path | str) -> None:
    """Write a serialised GraphDef as a .pbmm, atomically.

    Its float32 and int32 constants of 10,000 bytes and over move out of the graph. They are written one after
    the other, so that no second copy of the weights is held.

    Raises
    ------
    ModelError : `graph` is damaged, or the name would make the client read the file as a .pb.
    """
    path = Path(path)
    if ".pbmm" not in path.name:
        raise ModelError(
            "the client maps a model only if .pbmm is in its name", path=path, fix="Call it X.pbmm"
        )
    with atomic_path(path) as beside, beside.open("wb") as file:
        directory: list[bytes] = []
        nodes: list[bytes | memoryview] = []
        names: set[str] = set()

        def add(name: str, *parts: bytes | memoryview) -> None:
            offset, length = file.tell(), sum(len(part) for part in parts)
            file.writelines(parts)
            entry = wire.integer(1, offset) + wire.block(2, name.encode()) + wire.integer(3, length)
            directory.append(wire.block(1, entry))

        try:
            for field, kind, value in wire.fields(memoryview(graph)):
                if field != 1:
                    nodes.append(wire.again(field, kind, value))
                    continue
                message = wire.as_view(value)
                node = parse_node(message)
                numeric = node.op == "Const" and data_type(node) in NUMBERS
                if not numeric or (values := constant(node, {})).nbytes < SMALLEST:
                    nodes.append(wire.block(1, message))
                    continue
                name = _region(node.name, names)
                file.write(bytes(-file.tell() % ALIGNMENT))
                add(name, np.ascontiguousarray(values).view(np.uint8).reshape(-1).data)
                nodes.append(wire.block(1, _immutable(node, values.shape, name)))
        except wire.Damaged as damage:
            raise ModelError(f"this graph {damage}", path=path, fix="Export the model again") from None
        add(f"{PACKAGE}.", *nodes)
        end = file.tell()
        file.writelines(directory)
        file.write(struct.pack("<Q", end))


def read_pbmm(path: Path | str) -> bytes:
    """Return the GraphDef of a .pbmm with its constants put back: what the .pb of the same model holds.

    Raises
    ------
    ModelError : the file is missing or damaged.
    """
    file = ModelFile(path)
    parts: list[bytes] = []
    for field, kind, value in wire.fields(file.graph):
        if field == 1 and file.nodes[(node := parse_node(wire.as_view(value))).name].op == "ImmutableConst":
            parts.append(wire.block(1, _plain(node, file.array(node.name))))
        else:
            parts.append(wire.again(field, kind, value))
    return b"".join(parts)


def _region(name: str, taken: set[str]) -> str:
    """Return a region's name that nobody has yet, of the characters that TensorFlow allows."""
    plain = PACKAGE + re.sub(r"[^A-Za-z0-9_.]", "_", name.replace("/", "."))
    unique, number = plain, 1
    while unique in taken or unique == f"{PACKAGE}.":
        number += 1
        unique = f"{plain}_{number}"
    taken.add(unique)
    return unique


def _immutable(node: Node, shape: Sequence[int], region: str) -> bytes:
    """Return the NodeDef that takes the place of a Const whose values lie in a region."""
    return node_def(
        node.name,
        "ImmutableConst",
        [],
        dtype=wire.integer(6, data_type(node)),
        shape=wire.block(7, tensor_shape(shape)),
        memory_region_name=wire.block(2, region.encode()),
    )


def _plain(node: Node, values: npt.NDArray[np.generic]) -> bytes:
    """Return the Const that an ImmutableConst was made of."""
    dtype = data_type(node)
    tensor = (
        wire.integer(1, dtype),
        wire.block(2, tensor_shape(values.shape)),
        wire.block(4, values.tobytes()),
    )
    return node_def(node.name, "Const", [], dtype=wire.integer(6, dtype), value=wire.block(8, *tensor))
