"""The exported sentence network in NumPy: features in, log-probabilities out, in chunks of any size.

The layers are those of the client's graph: convolutions over the context window, dense layers with a clipped ReLU, one
LSTM with gates in the order i, c, f, o and no peepholes. A convolution is computed once for each frame, not once for
each window that the frame is in.

On disk a network is an .npz file (docs/formats.md) without pickled objects.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .archive import pack, unpack
from .features import COEFFICIENTS

VERSION = 1
_KINDS = ("convolution", "dense", "lstm")

Float32 = npt.NDArray[np.float32]


class NetworkError(ValueError):
    """A file that is no network."""


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer; `asr.layers.sentence` says what its arrays mean.

    Attributes
    ----------
    kind : "convolution", "dense" or "lstm".
    kernel, bias : float32.
    clip : upper limit of a rectified output; None: not rectified.
    taps, pool, step : of a convolution.
    """

    kind: str
    kernel: Float32
    bias: Float32
    clip: float | None = None
    taps: int = 1
    pool: int = 1
    step: int = 1


@dataclass(frozen=True, eq=False)
class NetworkFile:
    """A network as it is stored.

    Attributes
    ----------
    labels : of the alphabet, one character each; the blank is the output after the last.
    context : frames on either side of a frame that the first layer takes.
    sample_rate : Hz.
    layers : in order; one is an LSTM.
    """

    labels: tuple[str, ...]
    context: int
    sample_rate: int
    layers: tuple[Layer, ...]

    def to_bytes(self, *, half: bool = False) -> bytes:
        """Return the content of a file; with `half` the weights have 16 bits."""
        about: dict[str, Any] = {
            "version": VERSION, "labels": self.labels, "context": self.context, "sample_rate": self.sample_rate,
            "layers": [
                {"kind": layer.kind, "clip": layer.clip, "taps": layer.taps, "pool": layer.pool, "step": layer.step}
                for layer in self.layers
            ],
        }  # fmt: skip
        kind = np.float16 if half else np.float32
        arrays = {
            f"{name}_{index}": getattr(layer, name).astype(kind)
            for index, layer in enumerate(self.layers)
            for name in ("kernel", "bias")
        }
        return pack(about, arrays)

    @classmethod
    def read(cls, path: Path | str) -> NetworkFile:
        """Read a network and check that its layers fit together.

        Raises
        ------
        NetworkError : it is no network, or one of another version.
        OSError : it cannot be read.
        """
        try:
            about, arrays = unpack(path)
            if about["version"] != VERSION:
                raise ValueError(f"it has version {about['version']}, and this program reads {VERSION}")
            layers = tuple(
                Layer(
                    str(item["kind"]),
                    arrays[f"kernel_{index}"].astype(np.float32),
                    arrays[f"bias_{index}"].astype(np.float32),
                    None if item["clip"] is None else float(item["clip"]),
                    *(int(item[name]) for name in ("taps", "pool", "step")),
                )
                for index, item in enumerate(about["layers"])
            )
            network = cls(tuple(map(str, about["labels"])), int(about["context"]), int(about["sample_rate"]), layers)
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise NetworkError(f"this is no network: {error}") from None
        network.check()
        return network

    def check(self) -> None:
        """Raise NetworkError unless the layers take the context window and end in the labels and the blank."""
        if not 0 <= self.context <= 100 or not 8000 <= self.sample_rate <= 48000:
            raise NetworkError(f"a context of {self.context} frames at {self.sample_rate} Hz is not possible")
        if any(len(label) != 1 for label in self.labels) or len(set(self.labels)) != len(self.labels):
            raise NetworkError("its labels are no alphabet")
        frames, width, flat, recurrent = 2 * self.context + 1, COEFFICIENTS, False, 0
        for number, layer in enumerate(self.layers, 1):
            rows, outputs = layer.kernel.shape if layer.kernel.ndim == 2 else (0, 0)
            if layer.kind not in _KINDS or layer.bias.shape != (outputs,) or not outputs:
                raise NetworkError(f"layer {number} is no {', '.join(_KINDS)} with a kernel and its bias")
            if not np.isfinite(layer.kernel).all() or not np.isfinite(layer.bias).all():
                raise NetworkError(f"layer {number} has weights that are no numbers")
            if layer.kind == "convolution":
                fits = not flat and min(layer.taps, layer.pool, layer.step) > 0 and layer.taps <= frames
                if not fits or rows != layer.taps * width or outputs % layer.pool:
                    raise NetworkError(f"layer {number} does not fit {frames} frames of {width}")
                frames, width = (frames - layer.taps) // layer.step + 1, outputs // layer.pool
                continue
            taken = width if flat else frames * width
            flat = True
            if layer.kind == "lstm":
                recurrent += 1
                if outputs % 4 or rows != taken + outputs // 4:
                    raise NetworkError(f"layer {number} does not fit inputs of {taken}")
                width = outputs // 4
            elif rows != taken:
                raise NetworkError(f"layer {number} takes {rows} inputs, and {taken} come in")
            else:
                width = outputs
        if recurrent != 1 or width != len(self.labels) + 1:
            raise NetworkError(f"it has {recurrent} LSTM layers and {width} outputs for {len(self.labels)} labels")


class Stream:
    """A network that listens: takes features and gives log-probabilities, `context` frames later.

    Parameters
    ----------
    file : a network whose layers fit together.
    """

    def __init__(self, file: NetworkFile) -> None:
        self._context = file.context
        self._labels = len(file.labels)
        self._convolutions = [layer for layer in file.layers if layer.kind == "convolution"]
        self._others = [layer for layer in file.layers if layer.kind != "convolution"]
        lstm = next(layer for layer in self._others if layer.kind == "lstm")
        self._cells = len(lstm.bias) // 4
        self.reset()

    def reset(self) -> None:
        """Begin anew: silence before, and an LSTM that remembers nothing."""
        # Where there is no frame the client has zeros.
        self._frames = np.zeros((self._context, COEFFICIENTS), np.float32)
        self._cell = np.zeros(self._cells, np.float32)
        self._hidden = np.zeros(self._cells, np.float32)

    def copy(self) -> Stream:
        """Return a stream that has heard the same, and goes its own way from here."""
        return copy.copy(self)  # no array of it is ever changed in place

    def accept(self, features: Float32) -> Float32:
        """Return the log-probabilities of the frames whose context is complete.

        Parameters
        ----------
        features : float32 [t, 26].

        Returns
        -------
        float32 [u, labels + 1], blank last.
        """
        frames = np.concatenate((self._frames, features.astype(np.float32)))
        count = len(frames) - 2 * self._context
        if count < 1:
            self._frames = frames
            return np.zeros((0, self._labels + 1), np.float32)
        self._frames = frames[count:]
        return self._run(frames, count)

    def finish(self) -> Float32:
        """Return the log-probabilities of the frames that still wait for their context."""
        return self.accept(np.zeros((self._context, COEFFICIENTS), np.float32))

    def _run(self, frames: Float32, count: int) -> Float32:
        """Return the log-probabilities of `count` frames, each in the middle of 2 context + 1 of `frames`."""
        # Position p of a window lies `spread` frames after position p - 1.
        current, spread, places = frames, 1, 2 * self._context + 1
        for layer in self._convolutions:
            reach = (layer.taps - 1) * spread
            rows = len(current) - reach
            patches = np.concatenate([current[tap * spread : tap * spread + rows] for tap in range(layer.taps)], axis=1)
            sums = patches @ layer.kernel + layer.bias
            if layer.pool > 1:
                sums = sums.reshape(rows, layer.pool, -1).max(axis=1)
            current = _rectified(sums, layer.clip)
            places = (places - layer.taps) // layer.step + 1
            spread *= layer.step
        current = np.concatenate([current[place * spread : place * spread + count] for place in range(places)], axis=1)
        for layer in self._others:
            if layer.kind == "lstm":
                current = self._remember(layer, current)
            else:
                current = _rectified(current @ layer.kernel + layer.bias, layer.clip)
        shifted = current - current.max(axis=1, keepdims=True)
        found: Float32 = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        return found

    def _remember(self, layer: Layer, inputs: Float32) -> Float32:
        width = inputs.shape[1]
        sums = inputs @ layer.kernel[:width] + layer.bias
        recurrent = layer.kernel[width:]
        cell, hidden = self._cell, self._hidden
        outputs = np.empty((len(inputs), self._cells), np.float32)
        for number, row in enumerate(sums):
            take, candidate, keep, show = (row + hidden @ recurrent).reshape(4, -1)
            cell = _sigmoid(keep) * cell + _sigmoid(take) * np.tanh(candidate)
            hidden = _sigmoid(show) * np.tanh(cell)
            outputs[number] = hidden
        self._cell, self._hidden = cell, hidden
        return outputs


def log_probabilities(file: NetworkFile, features: Float32) -> Float32:
    """Return the log-probabilities of a whole recording: features float32 [t, 26] to float32 [t, labels + 1]."""
    stream = Stream(file)
    return np.concatenate((stream.accept(features), stream.finish()))


def _rectified(values: Float32, clip: float | None) -> Float32:
    if clip is None:
        return values
    found: Float32 = np.minimum(np.maximum(values, np.float32(0)), np.float32(clip))
    return found


def _sigmoid(values: Float32) -> Float32:
    # One exponential that cannot overflow; tanh is exact at both ends.
    found: Float32 = np.float32(0.5) * np.tanh(np.float32(0.5) * values) + np.float32(0.5)
    return found
