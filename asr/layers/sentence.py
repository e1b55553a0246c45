"""The layers of a sentence network as plain arrays: the contract between trainers and exporters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

# DeepSpeech clips its rectified activations here.
CLIP = 20.0

# The LSTM's name in DeepSpeech's checkpoints.
LSTM_NAME = "cudnn_lstm/rnn/multi_rnn_cell/cell_0/cudnn_compatible_lstm_cell"


@dataclass(frozen=True, eq=False)
class Dense:
    """min(max(x @ kernel + bias, 0), clip); where clip is None, x @ kernel + bias.

    Parameters
    ----------
    name : DeepSpeech's are layer_1, layer_2, layer_3, layer_5 and layer_6; its variables are named after it.
    kernel : float32 [n_in, n_out].
    bias : float32 [n_out].
    """

    name: str
    kernel: Array
    bias: Array
    clip: float | None = CLIP


@dataclass(frozen=True, eq=False)
class Lstm:
    """A long short-term memory without peepholes, clipping or forget bias.

    Parameters
    ----------
    name : DeepSpeech's is LSTM_NAME.
    kernel : float32 [n_in + n_cell, 4 * n_cell]; gates in the order i, c, f, o of TensorFlow's BlockLSTM.
    bias : float32 [4 * n_cell], in the same order.
    """

    name: str
    kernel: Array
    bias: Array


@dataclass(frozen=True, eq=False)
class Convolution:
    """A convolution over the frames of the context window, then a maximum over parts of its outputs.

    Comes before the Dense layers. Of frames x of width n, those at i to i + taps - 1, concatenated, give
    m = max over `pool` parts of (x @ kernel + bias), and the output is min(max(m, 0), clip); where clip is None, m.
    i runs from 0 in steps of `step` while there are frames. The first Convolution takes the frames of the window; a
    Dense takes the remaining frames concatenated.

    Parameters
    ----------
    name : its variables are named after it.
    kernel : float32 [taps * n, pool * n_out].
    bias : float32 [pool * n_out].
    taps : frames that one position covers.
    pool : parts of the outputs, one after the other, whose largest value is the output.
    step : frames from one position to the next.
    """

    name: str
    kernel: Array
    bias: Array
    taps: int = 1
    pool: int = 1
    step: int = 1
    clip: float | None = CLIP

    @property
    def n_in(self) -> int:
        """Width of an input frame."""
        return len(self.kernel) // self.taps


Layer = Convolution | Dense | Lstm


def cells(layer: Lstm) -> int:
    """Return the width of an LSTM's state."""
    return len(layer.bias) // 4


def places(layer: Convolution, frames: int) -> npt.NDArray[np.int32]:
    """Return the frames, of `frames`, that each position of a convolution covers: int32 [positions, taps]."""
    starts = np.arange(0, frames - layer.taps + 1, layer.step)
    return np.asarray(starts[:, np.newaxis] + np.arange(layer.taps), np.int32)


def context_of(layers: Sequence[Layer], n_features: int) -> int:
    """Return the frames of context on either side of a frame that a network takes; a frame has `n_features` features.

    Raises
    ------
    ValueError : the layers fit no window of an odd number of frames, or fit several.
    """
    convolutions = [layer for layer in layers if isinstance(layer, Convolution)]
    dense = next((layer for layer in layers if isinstance(layer, Dense | Lstm)), None)
    if dense is None or 0 in dense.kernel.shape:
        raise ValueError("there is no layer that looks at frames")
    width = len(convolutions[-1].bias) // convolutions[-1].pool if convolutions else n_features
    rows = len(dense.kernel) - (cells(dense) if isinstance(dense, Lstm) else 0)
    frames = most = rows // max(width, 1)
    for layer in reversed(convolutions):
        # With a step above 1, up to step - 1 frames at the end may be in no position.
        most = most * layer.step + layer.taps - 1
        frames = (frames - 1) * layer.step + layer.taps
    found = [count for count in range(frames, most + 1) if count % 2]
    if frames < 1 or rows % max(width, 1) or not found:
        raise ValueError(f"{dense.name} has {rows} rows, which are no frame with as many neighbours on either side")
    if len(found) > 1:
        raise ValueError(f"the layers fit windows of {' or '.join(map(str, found))} frames")
    return found[0] // 2


def check_layers(layers: Sequence[Layer], n_in: int, n_out: int) -> None:
    """Check that the layers fit together, from inputs of width `n_in` to `n_out` labels.

    Raises
    ------
    ValueError : they do not; the text names the layer and the reason.
    """
    names: set[str] = set()
    width = n_in
    frames = 0  # of the context window, while convolutions run over them
    for layer in layers:
        if layer.name in names:
            raise ValueError(f"two layers are named {layer.name}")
        if layer.kernel.ndim != 2 or layer.bias.ndim != 1 or 0 in layer.kernel.shape:
            raise ValueError(f"{layer.name} needs a matrix and a vector that are not empty")
        first = not names
        names.add(layer.name)
        if isinstance(layer, Convolution):
            frames, width = _convolved(layer, frames, width, first=first)
            continue
        if frames:
            width, frames = width * frames, 0
        columns = layer.kernel.shape[1]
        if layer.bias.shape != (columns,):
            raise ValueError(f"{layer.name} has {columns} columns and {layer.bias.size} biases")
        if isinstance(layer, Lstm):
            if columns % 4:
                raise ValueError(f"{layer.name} has {columns} columns, not four times its cells")
            rows, width = width + columns // 4, columns // 4
        else:
            rows, width = width, columns
        if layer.kernel.shape[0] != rows:
            raise ValueError(f"{layer.name} has {layer.kernel.shape[0]} rows where {rows} belong")
    last = layers[-1] if layers else None
    if not isinstance(last, Dense) or last.clip is not None:
        raise ValueError("the last layer must be a Dense without clip")
    if width != n_out:
        raise ValueError(f"{last.name} has {width} outputs where the alphabet and the blank need {n_out}")
    lstms = sum(isinstance(layer, Lstm) for layer in layers)
    if lstms != 1:
        raise ValueError(f"there are {lstms} LSTM layers; one is needed, which carries the state between chunks")


def _convolved(layer: Convolution, frames: int, width: int, *, first: bool) -> tuple[int, int]:
    """Return the frames that a convolution puts out, and their width; for the first, `width` is the whole window's."""
    rows, columns = layer.kernel.shape
    if min(layer.taps, layer.pool, layer.step) < 1 or rows % layer.taps or columns % layer.pool:
        raise ValueError(
            f"{layer.name} has {rows} rows and {columns} columns for {layer.taps} frames and {layer.pool} parts"
        )
    if first and width % layer.n_in == 0:
        frames, width = width // layer.n_in, layer.n_in
    if not frames or layer.n_in != width:
        raise ValueError(f"{layer.name} takes frames of width {layer.n_in}, and gets none")
    if layer.bias.shape != (columns,):
        raise ValueError(f"{layer.name} has {columns} columns and {layer.bias.size} biases")
    left = len(places(layer, frames))
    if not left:
        raise ValueError(f"{layer.name} takes {layer.taps} frames of {frames}")
    return left, columns // layer.pool


def fold_normalisation(kernel: Array, bias: Array, mean: npt.ArrayLike, scale: npt.ArrayLike) -> tuple[Array, Array]:
    """Return kernel and bias of a first layer that takes plain features instead of normalised ones.

    The network was trained on `(features - mean) * scale`, or on `(features - mean) @ scale` where scale is a
    matrix; the graph takes plain features.

    The client pads the context of the first and last frames with zeros before normalisation. Folding is exact only
    where the trainer does the same: pad, then normalise.

    Parameters
    ----------
    kernel : float32 [contexts * coefficients, n_out].
    bias : float32 [n_out].
    mean : [coefficients], repeated for every frame of the context.
    scale : [coefficients], or [coefficients, coefficients].

    Returns
    -------
    kernel, bias : float32, computed in float64.
    """
    means, matrix = _normalisation(kernel, mean, scale)
    blocks = kernel.astype(np.float64).reshape(-1, len(matrix), kernel.shape[1])
    scaled = (matrix @ blocks).reshape(kernel.shape)
    return scaled.astype(np.float32), (bias.astype(np.float64) - means @ scaled).astype(np.float32)


def unfold_normalisation(kernel: Array, bias: Array, mean: npt.ArrayLike, scale: npt.ArrayLike) -> tuple[Array, Array]:
    """Undo `fold_normalisation`: return a first layer that takes normalised features.

    Where the matrix is close to singular, the weights of least norm are taken.
    """
    means, matrix = _normalisation(kernel, mean, scale)
    plain = kernel.astype(np.float64)
    blocks = np.linalg.pinv(matrix, rcond=1e-3) @ plain.reshape(-1, len(matrix), kernel.shape[1])
    return blocks.reshape(kernel.shape).astype(np.float32), (bias.astype(np.float64) + means @ plain).astype(np.float32)


def _normalisation(
    kernel: Array, mean: npt.ArrayLike, scale: npt.ArrayLike
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the means of a first layer's inputs, float64 [n_in], and the matrix of one frame."""
    means, matrix = np.asarray(mean, dtype=np.float64), np.asarray(scale, dtype=np.float64)
    if kernel.shape[0] % means.size or means.size != len(matrix):
        raise ValueError(f"{means.size} means and {len(matrix)} scales do not divide {kernel.shape[0]} inputs")
    return np.tile(means, kernel.shape[0] // means.size), np.diag(matrix) if matrix.ndim == 1 else matrix
