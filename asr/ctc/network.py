"""The sentence network in Keras, and its weights as plain layers for export.

DeepSpeech's network has three clipped-ReLU layers over 19 frames of 26 coefficients, an LSTM, a dense layer, and a
softmax over the labels and the CTC blank (Hannun et al., Deep Speech, 2014, with an LSTM as in Mozilla's 0.9).
`NETWORKS` lists the variants offered here; the client runs all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from asr.ctc.activation import Dropout
from asr.ctc.bands import FILTERS, STEP, TAPS, BandConvolution, Bands, Windows, inverse_dct
from asr.ctc.recurrence import Recurrence
from asr.layers.sentence import CLIP, LSTM_NAME, Convolution, Dense, Layer, Lstm, cells, context_of, fold_normalisation
from asr.runtime.features import COEFFICIENTS, CONTEXT, WINDOW_FRAMES
from asr.settings.sections import Train


@dataclass(frozen=True)
class Architecture:
    """What a network has below its LSTM.

    Attributes
    ----------
    dense : number of clipped-ReLU layers.
    bands : convolutions over mel bands come first, see asr.ctc.bands.
    """

    dense: int = 3
    bands: bool = False


NETWORKS = {
    "deepspeech": Architecture(),
    "deepspeech-conv": Architecture(dense=2, bands=True),
}


class ContextWindows(keras.layers.Layer):
    """Each frame with its neighbours, then normalised: [batch, frames, 26] -> [batch, frames, 19 * 26].

    The context beyond both ends is zeros, before normalisation, as in the client; so the normalisation can be folded
    into the first layer exactly.

    Parameters
    ----------
    mean : float32 [26].
    scale : float32 [26, 26]; features become (features - mean) @ scale. Or [26], the diagonal of such a matrix.
    """

    def __init__(self, mean: npt.ArrayLike, scale: npt.ArrayLike, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.mean = np.asarray(mean, dtype=np.float32)
        self.scale = np.asarray(scale, dtype=np.float32)
        if self.scale.ndim == 1:
            self.scale = np.diag(self.scale)

    def call(self, features: Any) -> Any:
        padded = ops.pad(features, [[0, 0], [CONTEXT, CONTEXT], [0, 0]])
        padded = ops.matmul(padded - self.mean, self.scale)
        frames = ops.shape(features)[1]
        return ops.concatenate([padded[:, i : i + frames] for i in range(WINDOW_FRAMES)], axis=-1)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*shape[:2], WINDOW_FRAMES * COEFFICIENTS)


class Affine(keras.layers.Dense):
    """A dense layer over [batch, frames, n_in], as one product of two dimensions.

    The gradient of a batched product would be a product for each utterance, and then their sum.
    """

    def call(self, values: Any, training: bool | None = None) -> Any:
        shape = ops.shape(values)
        flat = super().call(ops.reshape(values, (-1, values.shape[-1])), training=training)
        return ops.reshape(flat, (shape[0], shape[1], self.units))


def build(
    settings: Train, n_labels: int, mean: npt.ArrayLike | None = None, scale: npt.ArrayLike | None = None
) -> keras.Model:
    """Return an untrained network.

    Parameters
    ----------
    settings : network, n_hidden, dropout, blank_bias and seed are read.
    n_labels : characters of the alphabet; the blank is added.
    mean, scale : normalisation of the features, see ContextWindows, and Bands for a network of bands; None: none.

    Returns
    -------
    keras.Model : float32 [batch, frames, 26] -> logits float32 [batch, frames, n_labels + 1], blank last.
    """
    seeds = iter(range(settings.seed * 1000, settings.seed * 1000 + 1000))
    n = settings.n_hidden
    architecture = NETWORKS[settings.network]

    def dense(values: Any, name: str, width: int, clip: bool = True) -> Any:
        bias: Any = "zeros"
        if not clip and settings.blank_bias:
            start = np.zeros(width, np.float32)
            start[-1] = settings.blank_bias
            bias = keras.initializers.Constant(start)
        kind = keras.initializers.HeNormal if clip else keras.initializers.GlorotUniform
        layer = Affine(width, name=name, kernel_initializer=kind(seed=next(seeds)), bias_initializer=bias)
        values = layer(values)
        return drop(values, clip=True) if clip else values

    def drop(values: Any, *, clip: bool = False) -> Any:
        if not settings.dropout and not clip:
            return values
        seed = next(seeds) if settings.dropout else None
        return Dropout(settings.dropout, clip=clip, seed=seed)(values)

    features = keras.Input((None, COEFFICIENTS), name="features")
    zeros = np.zeros(COEFFICIENTS, np.float32)
    mean = zeros if mean is None else mean
    if architecture.bands:
        values = Bands(mean, inverse_dct() if scale is None else scale, name="bands")(features)
        for index, filters in enumerate(FILTERS, 1):
            last = index == len(FILTERS)
            values = BandConvolution(
                filters,
                STEP if last else 1,
                name=f"conv_{index}",
                kernel_initializer=keras.initializers.HeNormal(seed=next(seeds)),
            )(values)
            values = drop(values, clip=True) if last else keras.layers.ReLU(max_value=CLIP)(values)
        values = Windows(2 * CONTEXT - len(FILTERS) * (TAPS - 1), STEP, name="windows")(values, features)
    else:
        values = ContextWindows(mean, zeros + 1 if scale is None else scale, name="context")(features)
    for index in range(architecture.dense):
        values = dense(values, f"layer_{index + 1}", n)
    values = drop(Recurrence(n, seed=next(seeds), name="lstm")(values))
    values = dense(values, "layer_5", n)
    logits = dense(values, "layer_6", n_labels + 1, clip=False)
    return keras.Model(features, logits, name=settings.network.replace("-", "_"))


def with_intermediate(model: keras.Model, settings: Train) -> keras.Model:
    """Return a network of `build` with a second output: logits computed from the input of its LSTM.

    Returns
    -------
    keras.Model : as `build`, with two outputs of one shape; the second goes through a layer of its own, intermediate.
    """
    outputs = model.get_layer("layer_6").units
    start = keras.initializers.GlorotUniform(seed=settings.seed * 1000 + 999)
    logits = Affine(outputs, name="intermediate", kernel_initializer=start)(model.get_layer("lstm").input)
    return keras.Model(model.input, [model.output, logits], name=f"{model.name}_with_intermediate")


def architecture_of(model: keras.Model) -> Architecture:
    """Return the architecture of a network of `build`."""
    return NETWORKS[model.name.replace("_", "-")]


def normalisation(model: keras.Model) -> dict[str, list[Any]]:
    """Return `mean` and `scale` as given to `build`, where they are not among the weights."""
    if architecture_of(model).bands:
        return {}
    context = model.get_layer("context")
    return {"mean": context.mean.tolist(), "scale": context.scale.tolist()}


def layers(model: keras.Model) -> list[Layer]:
    """Return the weights of a network of `build`, with the normalisation folded into the first layer."""
    bands = architecture_of(model).bands
    result: list[Layer] = []
    for layer in model.layers:
        if isinstance(layer, BandConvolution):
            result.append(layer.plain())
        elif isinstance(layer, Bands | keras.layers.Dense | Recurrence):
            kernel, bias = (np.asarray(value, np.float32) for value in layer.get_weights())
            if isinstance(layer, Bands):
                result.append(Convolution(layer.name, kernel, bias, clip=None))
            elif isinstance(layer, Recurrence):
                result.append(Lstm(LSTM_NAME, kernel, bias))
            else:
                if layer.name == "layer_1" and not bands:
                    context = model.get_layer("context")
                    kernel, bias = fold_normalisation(kernel, bias, context.mean, context.scale)
                result.append(Dense(layer.name, kernel, bias, None if layer.name == "layer_6" else CLIP))
    return result


def network_of(found: Sequence[Layer]) -> tuple[str, int]:
    """Return the name in NETWORKS and the n_hidden of a list of layers; ValueError where it is none of NETWORKS."""
    lstms = sum(isinstance(layer, Lstm) for layer in found)
    names = [layer.name for layer in found if isinstance(layer, Dense)]
    # The last layer is as wide as the alphabet.
    widths = {
        cells(layer) if isinstance(layer, Lstm) else len(layer.bias)
        for layer in found[:-1]
        if isinstance(layer, Dense | Lstm)
    }
    convolutions = [layer.name for layer in found if isinstance(layer, Convolution)]
    expected = ["bands", *(f"conv_{index}" for index in range(1, len(FILTERS) + 1))] if convolutions else []
    try:
        fits = context_of(found, COEFFICIENTS) == CONTEXT and convolutions == expected
    except ValueError:
        fits = False
    for name, known in NETWORKS.items():
        if fits and known == Architecture(len(names) - 2, bool(convolutions)) and lstms == len(widths) == 1:
            return name, widths.pop()
    raise ValueError(f"{len(names)} dense and {lstms} LSTM layers of widths {sorted(widths)} are no network of ours")
