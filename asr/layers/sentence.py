"""The layers of a sentence network, as plain arrays: what a trainer hands over and a reader gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

# DeepSpeech clips its rectified activations here.
CLIP = 20.0


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
    name : see `lstm_name`.
    kernel : float32 [n_in + n_cell, 4 * n_cell]; gates in the order i, c, f, o of TensorFlow's BlockLSTM.
    bias : float32 [4 * n_cell], in the same order.
    """

    name: str
    kernel: Array
    bias: Array


@dataclass(frozen=True)
class Skip:
    """Adds the output of an earlier layer of the same width to the running output.

    Parameters
    ----------
    from_layer : name of that Dense or Lstm.
    """

    from_layer: str


@dataclass(frozen=True)
class Stride:
    """Only every so-manieth frame goes on; the last layer then answers for that many frames at once. Comes first.

    Parameters
    ----------
    frames : 2 or more; the last layer has this many times the labels and the blank as outputs, frame after frame.
    """

    frames: int


@dataclass(frozen=True, eq=False)
class Convolution:
    """One product for all places of a few neighbouring frames in the context window, then the largest of its parts.

    Comes before the Dense layers. Of frames x of width n, those at i to i + taps - 1, side by side, make
    m = max over `pool` parts of (x @ kernel + bias), and that min(max(m, 0), clip); where clip is None, m. i goes
    up by `step` from `first` as long as there are frames. The first of them takes the window's own frames; a Dense
    takes the frames that are left side by side.

    Parameters
    ----------
    name : its variables are named after it.
    kernel : float32 [taps * n, pool * n_out].
    bias : float32 [pool * n_out].
    taps : frames that one place covers.
    pool : parts of the outputs, one after the other, of which the largest value goes on.
    step : frames from one place to the next.
    first : frames before the first place, at which it does not look.
    """

    name: str
    kernel: Array
    bias: Array
    taps: int = 1
    pool: int = 1
    step: int = 1
    clip: float | None = CLIP
    first: int = 0

    @property
    def n_in(self) -> int:
        """Width of a frame that it takes."""
        return len(self.kernel) // self.taps


Layer = Convolution | Dense | Lstm | Skip | Stride


def lstm_name(index: int) -> str:
    """Return the name that DeepSpeech's checkpoints give the LSTM number `index`, from 0."""
    return f"cudnn_lstm/rnn/multi_rnn_cell/cell_{index}/cudnn_compatible_lstm_cell"


def cells(layer: Lstm) -> int:
    """Return the width of an LSTM's state."""
    return len(layer.bias) // 4


def places(layer: Convolution, frames: int) -> npt.NDArray[np.int32]:
    """Return which of `frames` each of a convolution's places covers, int32 [places, taps]."""
    starts = np.arange(layer.first, frames - layer.taps + 1, layer.step)
    return np.asarray(starts[:, np.newaxis] + np.arange(layer.taps), np.int32)


def stride(layers: Sequence[Layer]) -> int:
    """Return how many frames the network answers for in one step."""
    return next((layer.frames for layer in layers if isinstance(layer, Stride)), 1)


def context_of(layers: Sequence[Layer], n_features: int) -> int:
    """Return how many frames on either side of a frame a network is given; frames are `n_features` wide.

    Raises
    ------
    ValueError : the layers are for no odd number of frames, or may be for several.
    """
    convolutions = [layer for layer in layers if isinstance(layer, Convolution)]
    dense = next((layer for layer in layers if isinstance(layer, Dense | Lstm)), None)
    if dense is None or 0 in dense.kernel.shape:
        raise ValueError("there is no layer that looks at frames")
    width = len(convolutions[-1].bias) // convolutions[-1].pool if convolutions else n_features
    rows = len(dense.kernel) - (cells(dense) if isinstance(dense, Lstm) else 0)
    frames = most = rows // max(width, 1)
    for layer in reversed(convolutions):
        # Where places lie `step` apart, up to step - 1 last frames may be in none of them.
        most = layer.first + most * layer.step + layer.taps - 1
        frames = layer.first + (frames - 1) * layer.step + layer.taps
    found = [count for count in range(frames, most + 1) if count % 2]
    if frames < 1 or rows % max(width, 1) or not found:
        raise ValueError(f"{dense.name} has {rows} rows, which are no frame with as many neighbours on either side")
    if len(found) > 1:
        raise ValueError(f"the layers fit windows of {' or '.join(map(str, found))} frames")
    return found[0] // 2


def check_layers(layers: Sequence[Layer], n_in: int, n_out: int) -> None:
    """Check that the layers fit together from inputs of width `n_in` to labels of number `n_out`.

    Raises
    ------
    ValueError : they do not; the text says which one and why.
    """
    widths: dict[str, int] = {}
    width = n_in
    frames = 0  # of the context window, while convolutions run over them
    for index, layer in enumerate(layers):
        if isinstance(layer, Stride):
            if index or layer.frames < 2:
                raise ValueError(f"a stride of {layer.frames} at place {index}; it comes first, and is 2 or more")
            continue
        if isinstance(layer, Skip):
            if widths.get(layer.from_layer) != width:
                raise ValueError(f"a skip from {layer.from_layer}, which is no earlier layer of width {width}")
            continue
        if layer.name in widths:
            raise ValueError(f"two layers are named {layer.name}")
        if layer.kernel.ndim != 2 or layer.bias.ndim != 1 or 0 in layer.kernel.shape:
            raise ValueError(f"{layer.name} needs a matrix and a vector that are not empty")
        if isinstance(layer, Convolution):
            frames, width = _convolved(layer, frames, width, first=not widths)
            widths[layer.name] = 0  # of a width that no sum and no LSTM fits
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
        widths[layer.name] = width
    last = layers[-1] if layers else None
    if not isinstance(last, Dense) or last.clip is not None:
        raise ValueError("the last layer must be a Dense without clip")
    needed = n_out * stride(layers)
    if width != needed:
        raise ValueError(f"{last.name} has {width} outputs where the alphabet and the blank need {needed}")
    if not widths or not any(isinstance(layer, Lstm) for layer in layers):
        raise ValueError("the client needs at least one LSTM: it carries the state between chunks")


def _convolved(layer: Convolution, frames: int, width: int, *, first: bool) -> tuple[int, int]:
    """Return how many frames leave a convolution, and their width; `width` is the whole window's for the first."""
    rows, columns = layer.kernel.shape
    if min(layer.taps, layer.pool, layer.step) < 1 or layer.first < 0 or rows % layer.taps or columns % layer.pool:
        raise ValueError(
            f"{layer.name} has {rows} rows and {columns} columns for {layer.taps} frames and {layer.pool} parts"
        )
    if first and width % layer.n_in == 0:
        frames, width = width // layer.n_in, layer.n_in
    if not frames or layer.n_in != width:
        raise ValueError(f"{layer.name} takes frames of width {layer.n_in}, and there are none such")
    if layer.bias.shape != (columns,):
        raise ValueError(f"{layer.name} has {columns} columns and {layer.bias.size} biases")
    left = len(places(layer, frames))
    if not left:
        raise ValueError(f"{layer.name} takes {layer.taps} frames of {frames}")
    return left, columns // layer.pool


def fold_normalisation(kernel: Array, bias: Array, mean: npt.ArrayLike, scale: npt.ArrayLike) -> tuple[Array, Array]:
    """Return kernel and bias of a first layer that takes plain features instead of normalised ones.

    The network was trained on `(features - mean) * scale`, or on `(features - mean) @ scale` where that is a
    matrix; the graph gets features as they are.

    The client pads the context of the first and last frames with zeros in place of *features*, which are
    something else after normalisation. Folding is exact where the trainer does the same: cut the context
    windows first, then normalise. A trainer that normalises first and pads with zeros afterwards has seen
    something else at both ends of every utterance than its exported model will.

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

    What a matrix all but wipes out cannot be given back: there the weights of least size are taken.
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
