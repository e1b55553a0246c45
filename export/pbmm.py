"""The memory-mapped form of a graph (.pbmm), as TensorFlow's convert_graphdef_memmapped_format writes it.

Tensors at aligned offsets, then the GraphDef, then a MemmappedFileSystemDirectory message, then the offset of
that message as uint64, little-endian. The client maps such a file instead of copying its weights, provided
that the file's name contains ".pbmm".
"""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tensorflow.core.framework.attr_value_pb2 import AttrValue
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.types_pb2 import DT_FLOAT, DT_INT32
from tensorflow.core.util.memmapped_file_system_pb2 import MemmappedFileSystemDirectory
from tensorflow.python.framework.tensor_util import MakeNdarray

from asr.core.errors import ModelError
from asr.core.files import atomic_path
from export.graph_reader import PACKAGE

ALIGNMENT = 64  # bytes; TensorFlow's kernels need their tensors on such a boundary
SMALLEST = 10_000  # bytes; smaller constants stay in the graph, as with the original tool


def write_pbmm(graph: Any, path: Path | str) -> None:
    """Write a GraphDef as a .pbmm, atomically.

    Its float32 and int32 constants of 10,000 bytes and over move out of the graph. They are written one after
    the other, so that no second copy of all weights is held.

    Raises
    ------
    ModelError : the name would make the client read the file as a .pb.
    ValueError : a constant of `graph` has too few or too many values for its shape.
    """
    path = Path(path)
    if ".pbmm" not in path.name:
        raise ModelError("the client maps a model only if .pbmm is in its name", path=path, fix="Call it X.pbmm")
    packed, directory = GraphDef(versions=graph.versions, library=graph.library), MemmappedFileSystemDirectory()
    with atomic_path(path) as beside, beside.open("wb") as file:

        def add(name: str, content: Any) -> None:
            directory.element.add(offset=file.tell(), name=name, length=memoryview(content).nbytes)
            file.write(content)

        for node in graph.node:
            values = _values(node)
            if values is None or values.nbytes < SMALLEST:
                packed.node.add().CopyFrom(node)
                continue
            # The number tells apart names that differ only in what TensorFlow does not allow in a region's name.
            name = f"{PACKAGE}{len(directory.element)}.{re.sub(r'[^A-Za-z0-9_.]', '_', node.name)}"
            file.write(bytes(-file.tell() % ALIGNMENT))
            add(name, values)
            attributes = {
                "dtype": node.attr["dtype"],
                "shape": AttrValue(shape=node.attr["value"].tensor.tensor_shape),
                "memory_region_name": AttrValue(s=name.encode()),
            }
            packed.node.add(name=node.name, op="ImmutableConst", attr=attributes)
        add(f"{PACKAGE}.", packed.SerializeToString(deterministic=True))
        end = file.tell()
        file.write(directory.SerializeToString())
        file.write(struct.pack("<Q", end))


def _values(node: Any) -> npt.NDArray[np.generic] | None:
    """Return the values of a node that is a constant of float32 or int32, else None."""
    if node.op != "Const" or node.attr["dtype"].type not in (DT_FLOAT, DT_INT32):
        return None
    return np.asarray(MakeNdarray(node.attr["value"].tensor))
