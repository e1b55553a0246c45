"""The layers of a finished graph, whoever wrote it: ours, or a DeepSpeech 0.9 trainer's.

Nothing is assumed of names but those of the client's contract: the path from `input_node` to `logits` is
followed through the graph, and each product and each BlockLSTM on it is a layer, called as its weights are.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr.layers.sentence import Array, Convolution, Dense, Layer, Lstm, check_layers
from export import wire
from export.model_file import Metadata, ModelFile
from export.tensors import Node

# Ops on the path that change no value, or only the order of axes of length one.
_TRANSPARENT = {"Identity", "Reshape", "Transpose", "Squeeze", "ExpandDims", "Softmax"}
# Ops that pass on the size of their input and not what was heard.
_SIZES = {"Shape", "Rank", "Size"}
_SUMS = {"Add", "AddV2", "BiasAdd"}


@dataclass(frozen=True, eq=False)
class Network:
    """A network as read from a file: its layers from input to output, and what the model says of itself."""

    layers: tuple[Layer, ...]
    metadata: Metadata


def read_layers(path: Path | str) -> Network:
    """Return the layers and the metadata of a .pb or .pbmm.

    Mozilla's releases (0.9, n_hidden 2048) are read like our own files; the arrays are copies.

    Raises
    ------
    ModelError : the file is missing, damaged, or holds a network of another kind.
    """
    file = ModelFile(path)
    metadata = file.metadata()
    try:
        layers = _Walk(file).layers()
    except wire.Damaged as damage:
        raise file.error(f"a node of this model {damage}") from None
    try:
        inputs = (2 * metadata.n_context + 1) * metadata.n_features
        check_layers(layers, inputs, metadata.alphabet.size + 1)
    except ValueError as error:
        raise file.error(f"the layers of this model do not fit together: {error}") from None
    return Network(tuple(layers), metadata)


class _Walk:
    """Goes from the logits back to the input."""

    def __init__(self, file: ModelFile) -> None:
        self._file = file
        self._heard = _descendants(file, "input_node")

    def layers(self) -> list[Layer]:
        found: list[Layer] = []
        name = "logits"
        # A path longer than the graph has nodes goes in a circle.
        for _ in self._file.nodes:
            node = self._node(name)
            if node.name == "input_node":
                return found[::-1]
            sources = self._data(node)
            if node.op in _TRANSPARENT or self._is_mask(node):
                name = sources[0]
            else:
                layer, name = self._layer(node)
                found.append(layer)
        raise self._file.error("the network in this graph goes in a circle")

    def _layer(self, node: Node) -> tuple[Convolution | Dense | Lstm, str]:
        """Return the layer that ends at `node`, and the name of its input."""
        if node.op == "BlockLSTM":
            return self._lstm(node), node.inputs[1]
        clip: float | None = None
        if node.op in ("Minimum", "Relu6"):
            clip = 6.0 if node.op == "Relu6" else self._number(node)
            node = self._source(node) if node.op == "Minimum" else node
        if node.op in ("Relu", "Relu6"):
            clip = float("inf") if clip is None else clip
            node = self._source(node)
        elif clip is not None:
            raise self._file.error(f"{node.name} is clipped but not rectified")
        pool = 1
        if node.op == "Max":
            pool, node = self._pool(node)
        if node.op not in _SUMS:
            raise self._file.error(f"{node.name} is a {node.op}, which belongs to no layer known here")
        bias = self._constant(node)
        product = self._source(node)
        if product.op != "MatMul" or len(product.inputs) != 2 or self._transposed(product):
            raise self._file.error(f"{product.name} is a {product.op}, not the product of a layer")
        constant = self._constant_name(product)
        name = constant.rpartition("/")[0] or constant
        kernel, bias = self._constant(product), bias.reshape(-1)
        gather = self._gather(product)
        if gather is None:
            if pool > 1:
                raise self._file.error(f"{name} takes maxima, and is no convolution")
            return Dense(name, kernel, bias, clip), product.inputs[0]
        taps, step = self._places(gather)
        return Convolution(name, kernel, bias, taps, pool, step, clip), self._data(gather)[0]

    def _gather(self, product: Node) -> Node | None:
        """Return the GatherNd that lines up the frames of a convolution's places, if that is what a product is of."""
        node = self._source(product)
        for _ in self._file.nodes:
            if node.op not in ("Reshape", "Transpose"):
                break
            node = self._source(node)
        if node.op != "GatherNd":
            return None
        indices = self._indices(node)
        return node if indices.ndim == 3 and indices.size else None

    def _places(self, gather: Node) -> tuple[int, int]:
        """Return how many frames a GatherNd takes for each position, and the frames from one position to the next."""
        frames = self._indices(gather)[:, :, 0].astype(np.int64)
        taps = frames.shape[1]
        step = int(frames[1, 0]) if len(frames) > 1 else 1
        starts = step * np.arange(len(frames))[:, np.newaxis]
        if step < 1 or not np.array_equal(frames, starts + np.arange(taps)):
            raise self._file.error(f"{gather.name} takes frames in an order that is no convolution's")
        return taps, step

    def _pool(self, node: Node) -> tuple[int, Node]:
        """Return of how many parts a Max takes the largest values, and the node that gives them."""
        parts = self._source(node)
        shape = self._indices(parts).reshape(-1) if parts.op == "Reshape" else np.zeros(0)
        axes = self._indices(node).reshape(-1).tolist()
        if len(shape) != 3 or shape[1] < 1 or axes != [1] or _first(node, "keep_dims") not in (None, 0):
            raise self._file.error(f"{node.name} takes maxima in a way that belongs to no layer known here")
        return int(shape[1]), self._source(parts)

    def _indices(self, node: Node) -> npt.NDArray[np.generic]:
        """Return the constant that tells a node which places, shape or axes it is about."""
        return self._file.array(self._constant_name(node))

    def _lstm(self, node: Node) -> Lstm:
        if len(node.inputs) != 9:
            raise self._file.error(f"{node.name} has {len(node.inputs)} inputs where 9 belong")
        settings = {key: _first(node, key) for key in ("forget_bias", "cell_clip", "use_peephole")}
        if settings["use_peephole"] not in (None, 0):
            raise self._file.error(f"{node.name} has peepholes")
        clip, forget = (_real(settings[key]) for key in ("cell_clip", "forget_bias"))
        if clip is None or clip > 0:
            raise self._file.error(f"{node.name} clips its cells")
        kernel, bias = (self._follow(node.inputs[index]) for index in (4, 8))
        values = self._values(bias)
        if forget is None or forget != 0.0:
            # The op adds it to the forget gate of every step; i, c, f, o.
            quarter = len(values) // 4
            values[2 * quarter : 3 * quarter] += np.float32(1.0 if forget is None else forget)
        return Lstm(kernel.name.rpartition("/")[0] or kernel.name, self._values(kernel), values)

    def _is_mask(self, node: Node) -> bool:
        """Tell whether a product blanks the steps beyond input_lengths, as TensorFlow's LSTM wrapper does."""
        return node.op == "Mul" and len(node.inputs) == 2 and self._follow(self._masks(node)[0]).op != "Const"

    def _masks(self, node: Node) -> list[str]:
        return [source for source in node.inputs if source not in self._data(node)] or list(node.inputs)

    def _data(self, node: Node) -> list[str]:
        """Return the inputs that carry what was heard, as against constants and lengths."""
        found = [source for source in node.inputs if source.partition(":")[0] in self._heard]
        if not found:
            raise self._file.error(f"{node.name} hears nothing of input_node")
        return found

    def _source(self, node: Node) -> Node:
        return self._node(self._data(node)[0])

    def _constant_name(self, node: Node) -> str:
        names = [source for source in node.inputs if source.partition(":")[0] not in self._heard]
        if len(names) != 1:
            raise self._file.error(f"{node.name} has {len(names)} constants where one belongs")
        return self._follow(names[0]).name

    def _constant(self, node: Node) -> Array:
        return self._values(self._node(self._constant_name(node)))

    def _number(self, node: Node) -> float:
        value = self._constant(node)
        if value.size != 1:
            raise self._file.error(f"the limit of {node.name} is {value.size} numbers")
        return float(value.item())

    def _follow(self, name: str) -> Node:
        """Return the constant behind `name`: frozen variables are read through an Identity."""
        node = self._node(name)
        for _ in range(8):
            if node.op != "Identity" or not node.inputs:
                break
            node = self._node(node.inputs[0])
        return node

    def _values(self, node: Node) -> Array:
        values: npt.NDArray[np.generic] = self._file.array(node.name)
        if values.dtype != np.float32:
            raise self._file.error(f"the constant {node.name} is {values.dtype}, not float32")
        return values.astype(np.float32)

    def _node(self, name: str) -> Node:
        return self._file.node(name.partition(":")[0])

    def _transposed(self, product: Node) -> bool:
        return any(_first(product, key) not in (None, 0) for key in ("transpose_a", "transpose_b"))


def _descendants(file: ModelFile, root: str) -> set[str]:
    """Return the names of all nodes that `root` has an influence on."""
    readers: dict[str, list[str]] = {}
    for node in file.nodes.values():
        if node.op in _SIZES:
            continue
        for source in node.inputs:
            readers.setdefault(source.partition(":")[0], []).append(node.name)
    found: set[str] = set()
    waiting = [root]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += readers.get(name, [])
    return found


def _first(node: Node, key: str) -> wire.Value | None:
    """Return the value of an attribute, whatever its type; None where it is not written."""
    for _, _, value in wire.fields(node.attributes.get(key, memoryview(b""))):
        return value
    return None


def _real(value: wire.Value | None) -> float | None:
    if value is None:
        return None
    view = wire.as_view(value)
    return float(np.frombuffer(view, dtype="<f4")[0]) if len(view) == 4 else None
