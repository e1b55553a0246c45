"""Convolutions over time and frequency, below the LSTM of the network `deepspeech-conv`.

Formants shift in frequency from speaker to speaker. A dense layer over cepstra has to learn every shift; a convolution
over mel bands with max-pooling over neighbouring bands learns a formant once (Abdel-Hamid et al., Convolutional Neural
Networks for Speech Recognition, 2014). The client computes cepstra and has no convolution; but mel bands are a linear
transform of cepstra, and a convolution is a matrix with repeated weights.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from asr.layers.sentence import Array, Convolution
from asr.runtime.features import COEFFICIENTS, CONTEXT, MEL_CHANNELS

BANDS = 28  # enough for the information of 26 cepstra, and divisible by 2 twice
FILTERS = (24, 32)
TAPS = 5  # frames, and bands, that a filter covers
POOL = 2  # neighbouring bands in a max-pool
STEP = 2  # frames between the positions that the dense layer takes


def inverse_dct() -> npt.NDArray[np.float64]:
    """Return the matrix from cepstra to log energies of mel bands, float64 [26, BANDS].

    The inverse of the client's DCT, at BANDS frequencies in place of its 40, band-limited to 26 coefficients.
    """
    order = np.arange(COEFFICIENTS)[:, np.newaxis]
    matrix = np.cos(np.pi * order * (np.arange(BANDS) + 0.5) / BANDS) * np.sqrt(2 / MEL_CHANNELS)
    matrix[0] /= 2
    return np.asarray(matrix, np.float64)


class Bands(keras.layers.Layer):
    """Normalised mel bands of each frame and of the context at both ends: [batch, frames, 26] ->
    [batch, frames + 18, BANDS, 1].

    The context beyond both ends is zeros in place of features, as in the client.

    Parameters
    ----------
    mean : float32 [26].
    scale : float32 [26, BANDS]; bands are (features - mean) @ scale. Both become weights that are not trained.
    """

    def __init__(self, mean: npt.ArrayLike, scale: npt.ArrayLike, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._start = np.asarray(scale, np.float32)
        if self._start.shape != (COEFFICIENTS, BANDS):
            raise ValueError(f"a scale of shape {self._start.shape} makes no {BANDS} bands")
        self._bias = -(np.asarray(mean, np.float64) @ self._start)

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(
            shape=self._start.shape, initializer=lambda *_, **__: self._start, trainable=False, name="kernel"
        )
        self.bias = self.add_weight(
            shape=(BANDS,), initializer=lambda *_, **__: self._bias.astype("f"), trainable=False, name="bias"
        )

    def call(self, features: Any) -> Any:
        padded = ops.pad(features, [[0, 0], [CONTEXT, CONTEXT], [0, 0]])
        return ops.expand_dims(ops.matmul(padded, self.kernel) + self.bias, -1)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (shape[0], None, BANDS, 1)


class BandConvolution(keras.layers.Conv2D):
    """A convolution and a max-pool over POOL neighbouring bands:
    [batch, frames, bands, channels] -> [batch, frames - 4, bands / POOL, filters].

    Parameters
    ----------
    filters : channels of the output.
    step : the context window takes every `step`-th frame of the output.
    """

    def __init__(self, filters: int, step: int = 1, **arguments: Any) -> None:
        super().__init__(filters, (TAPS, TAPS), **arguments)
        self.step = step
        self._bands = 0

    def build(self, shape: Any) -> None:
        super().build(shape)
        self._bands = int(shape[2])

    def call(self, values: Any) -> Any:
        margin = TAPS // 2
        values = super().call(ops.pad(values, [[0, 0], [0, 0], [margin, margin], [0, 0]]))
        return ops.max_pool(values, (1, POOL))

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        frames, bands = shape[1], shape[2] or 0
        return (shape[0], None if frames is None else frames - TAPS + 1, bands // POOL, self.filters)

    def plain(self) -> Convolution:
        """Return this layer as a product over TAPS frames and all bands."""
        kernel, bias = (np.asarray(value, np.float32) for value in self.get_weights())
        return Convolution(self.name, *unroll(kernel, bias, self._bands), TAPS, POOL, self.step)

    def weights_of(self, layer: Convolution) -> list[Array] | None:
        """Return the weights from which `plain` makes that layer; None: there are none."""
        kernel, _ = self.get_weights()
        bands = self._bands
        matrix, bias = layer.kernel, layer.bias
        if matrix.shape != (TAPS * bands * kernel.shape[2], bands * self.filters):
            return None
        # The position where the whole filter lies within the first bands.
        blocks = matrix.reshape(TAPS, bands, kernel.shape[2], POOL, bands // POOL, self.filters)
        part, group = TAPS // 2 % POOL, TAPS // 2 // POOL
        found = [blocks[:, :TAPS, :, part, group].copy(), bias[: self.filters].copy()]
        same = zip(unroll(found[0], found[1], bands), (matrix, bias), strict=True)
        return found if all(np.array_equal(one, other) for one, other in same) else None


class Windows(keras.layers.Layer):
    """Context windows: for each frame of the features, frames of its window concatenated.

    [batch, frames + extra, bands, channels] and the features [batch, frames, 26] ->
    [batch, frames, positions * bands * channels].

    Parameters
    ----------
    extra : a window spans extra + 1 frames.
    step : the window takes every `step`-th of them.
    """

    def __init__(self, extra: int, step: int, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._places = range(0, extra + 1, step)

    def call(self, values: Any, features: Any) -> Any:
        shape, frames = ops.shape(values), ops.shape(features)[1]
        flat = ops.reshape(values, (shape[0], shape[1], values.shape[2] * values.shape[3]))

        @ops.custom_gradient
        def cut(flat: Any) -> Any:
            def gradient(*arguments: Any, upstream: Any = None) -> Any:
                return self._joined(arguments[0] if upstream is None else upstream, shape[1], frames)

            return ops.concatenate([flat[:, i : i + frames] for i in self._places], axis=-1), gradient

        return cut(flat)

    def _joined(self, above: Any, length: Any, frames: Any) -> Any:
        """Return the gradient of the `length` frames: the sum of the windows' gradients, one pad for each position.

        TensorFlow's own gradient of as many slices takes twice the time.
        """
        total = 0
        for i, part in zip(self._places, ops.split(above, len(self._places), axis=-1), strict=True):
            total = total + ops.pad(part, [[0, 0], [i, length - frames - i], [0, 0]])
        return total

    def compute_output_shape(self, shape: tuple[int | None, ...], *others: Any) -> tuple[int | None, ...]:
        return (shape[0], None, len(self._places) * (shape[2] or 0) * (shape[3] or 0))


def unroll(kernel: Array, bias: Array, bands: int) -> tuple[Array, Array]:
    """Return a convolution over frequency as a matrix over all bands, and its bias.

    Parameters
    ----------
    kernel : float32 [taps, span, channels, filters]; the bands are padded with half a span of zeros on either side.
    bias : float32 [filters].
    bands : number of bands, a multiple of POOL.

    Returns
    -------
    matrix : float32 [taps * bands * channels, POOL * (bands / POOL) * filters]: the first bands of all pools, then
        the second ones.
    bias : float32 [bands * filters].
    """
    taps, span, channels, filters = kernel.shape
    whole = np.zeros((taps, bands, channels, bands, filters), np.float32)
    for out in range(bands):
        for place in range(span):
            band = out + place - span // 2
            if 0 <= band < bands:
                whole[:, band, :, out] = kernel[:, place]
    parted = whole.reshape(taps * bands * channels, bands // POOL, POOL, filters).swapaxes(1, 2)
    return parted.reshape(taps * bands * channels, -1), np.tile(bias, bands)
