"""The sentence network in Keras's own layers and ops, and its weights as plain layers for export.

DeepSpeech's has three clipped-ReLU layers over 19 frames of 26 coefficients, an LSTM, a layer, a softmax
over the labels and the CTC blank (Hannun et al., Deep Speech, 2014, with an LSTM as in Mozilla's 0.9). What the
client reads from a graph leaves freedom: `NETWORKS` names what we offer within it.
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
from asr.layers.sentence import (
    CLIP,
    Convolution,
    Dense,
    Layer,
    Lstm,
    Skip,
    Stride,
    cells,
    context_of,
    fold_normalisation,
    lstm_name,
    stride,
)
from asr.runtime.features import COEFFICIENTS, CONTEXT
from asr.settings.sections import Train


@dataclass(frozen=True)
class Form:
    """What tells our networks apart.

    Attributes
    ----------
    lstms : LSTM layers.
    stride : frames that a step answers for; its context window is that of the first.
    dense : clipped-ReLU layers before the LSTM.
    bands : convolutions over mel bands come first, see asr.ctc.bands.
    before, after : frames on either side of a frame that a step looks at; after is before or more.
    """

    lstms: int = 1
    stride: int = 1
    dense: int = 3
    bands: bool = False
    before: int = CONTEXT
    after: int = CONTEXT


NETWORKS = {
    "deepspeech": Form(),
    "deepspeech-conv": Form(dense=2, bands=True),
    "deepspeech-conv-ahead": Form(dense=2, bands=True, after=15),
    "deepspeech-2lstm": Form(lstms=2),
    "deepspeech-stride2": Form(stride=2),
    "deepspeech-conv-stride2": Form(dense=2, bands=True, stride=2),
}


class ContextWindows(keras.layers.Layer):
    """Each frame with its neighbours, then normalised: [batch, frames, 26] -> [batch, frames / stride, 19 * 26].

    The context beyond both ends is zeros in place of features, before normalisation, as in the client; so the
    normalisation can be folded into the first layer exactly.

    Parameters
    ----------
    mean : float32 [26].
    scale : float32 [26, 26]; features become (features - mean) @ scale. Or [26], the diagonal of such a matrix.
    stride : only each so-manieth frame, from the first; the number is rounded up.
    """

    def __init__(self, mean: npt.ArrayLike, scale: npt.ArrayLike, stride: int = 1, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.stride = stride
        self.mean = np.asarray(mean, dtype=np.float32)
        self.scale = np.asarray(scale, dtype=np.float32)
        if self.scale.ndim == 1:
            self.scale = np.diag(self.scale)

    def call(self, features: Any) -> Any:
        padded = ops.pad(features, [[0, 0], [CONTEXT, CONTEXT], [0, 0]])
        padded = ops.matmul(padded - self.mean, self.scale)
        frames = ops.shape(features)[1]
        return ops.concatenate([padded[:, i : i + frames : self.stride] for i in range(2 * CONTEXT + 1)], axis=-1)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        frames = shape[1] if shape[1] is None else -(-shape[1] // self.stride)
        return (shape[0], frames, (2 * CONTEXT + 1) * COEFFICIENTS)


class Frames(keras.layers.Layer):
    """What a step says of several frames, frame after frame, cut to as many as there are.

    [batch, steps, stride * labels] and the features [batch, frames, 26] -> [batch, frames, labels].

    Parameters
    ----------
    stride : frames of a step.
    """

    def __init__(self, stride: int, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.stride = stride

    def call(self, values: Any, features: Any) -> Any:
        shape = ops.shape(values)
        apart = ops.reshape(values, (shape[0], shape[1] * self.stride, values.shape[-1] // self.stride))
        return apart[:, : ops.shape(features)[1]]

    def compute_output_shape(self, shape: tuple[int | None, ...], *others: Any) -> tuple[int | None, ...]:
        return (shape[0], None, (shape[-1] or 0) // self.stride)


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
    mean, scale : of the features, see ContextWindows, and Bands for a network of bands; None: none.

    Returns
    -------
    keras.Model : float32 [batch, frames, 26] -> logits float32 [batch, frames, n_labels + 1], blank last.
    """
    seeds = iter(range(settings.seed * 1000, settings.seed * 1000 + 1000))
    n = settings.n_hidden
    form = NETWORKS[settings.network]

    def dense(values: Any, name: str, width: int, clip: bool = True) -> Any:
        bias: Any = "zeros"
        if not clip:
            start = np.zeros(width, np.float32)
            start.reshape(form.stride, -1)[:, -1] = settings.blank_bias
            bias = keras.initializers.Constant(start) if settings.blank_bias else "zeros"
        kind = keras.initializers.HeNormal if clip else keras.initializers.GlorotUniform
        layer = Affine(
            width, name=name, kernel_initializer=kind(seed=next(seeds)), bias_initializer=bias
        )
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
    if form.bands:
        values = Bands(mean, inverse_dct() if scale is None else scale, form.before, form.after, name="bands")(features)
        for index, filters in enumerate(FILTERS, 1):
            last = index == len(FILTERS)
            values = BandConvolution(
                filters,
                STEP if last else 1,
                name=f"conv_{index}",
                kernel_initializer=keras.initializers.HeNormal(seed=next(seeds)),
            )(values)
            values = drop(values, clip=True) if last else keras.layers.ReLU(max_value=CLIP)(values)
        left = form.before + form.after - len(FILTERS) * (TAPS - 1)
        values = Windows(left, STEP, form.stride, name="windows")(values, features)
    else:
        scale = zeros + 1 if scale is None else scale
        values = ContextWindows(mean, scale, form.stride, name="context")(features)
    for index in range(form.dense):
        values = dense(values, f"layer_{index + 1}", n)
    for index in range(form.lstms):
        heard = drop(Recurrence(n, seed=next(seeds), name=f"lstm_{index}")(values))
        # A second LSTM learns what the first missed: the sum passes the first one's output along.
        values = heard if index == 0 else keras.layers.Add()([values, heard])
    values = dense(values, "layer_5", n)
    logits = dense(values, "layer_6", form.stride * (n_labels + 1), clip=False)
    if form.stride > 1:
        logits = Frames(form.stride, name="frames")(logits, features)
    return keras.Model(features, logits, name=settings.network.replace("-", "_"))


def with_intermediate(model: keras.Model, settings: Train) -> keras.Model:
    """Return a network of `build` that tells the labels a second time, from what its first LSTM is given.

    Returns
    -------
    keras.Model : as `build`, but of two outputs of one shape, the second one through a layer of its own, intermediate.
    """
    form = form_of(model)
    outputs = model.get_layer("layer_6").units
    start = keras.initializers.GlorotUniform(seed=settings.seed * 1000 + 999)
    logits = Affine(outputs, name="intermediate", kernel_initializer=start)(model.get_layer("lstm_0").input)
    if form.stride > 1:
        logits = Frames(form.stride, name="intermediate_frames")(logits, model.input)
    return keras.Model(model.input, [model.output, logits], name=f"{model.name}_with_intermediate")


def form_of(model: keras.Model) -> Form:
    """Return what kind of network `build` made."""
    return NETWORKS[model.name.replace("_", "-")]


def normalisation(model: keras.Model) -> dict[str, list[Any]]:
    """Return `mean` and `scale` that `build` was given, where they are not among the weights anyhow."""
    if form_of(model).bands:
        return {}
    context = model.get_layer("context")
    return {"mean": context.mean.tolist(), "scale": context.scale.tolist()}


def layers(model: keras.Model) -> list[Layer]:
    """Return the weights of a network that `build` made, with the normalisation folded into the first layer."""
    form = form_of(model)
    result: list[Layer] = []
    if form.stride > 1:
        result.append(Stride(form.stride))
    for layer in model.layers:
        if isinstance(layer, Bands):
            kernel, bias = (np.asarray(value, np.float32) for value in layer.get_weights())
            # The client's window is as wide on either side.
            result.append(Convolution(layer.name, kernel, bias, clip=None, first=form.after - form.before))
        elif isinstance(layer, BandConvolution):
            result.append(layer.plain())
        elif isinstance(layer, keras.layers.Dense):
            kernel, bias = (np.asarray(value, np.float32) for value in layer.get_weights())
            if layer.name == "layer_1" and not form.bands:
                context = model.get_layer("context")
                kernel, bias = fold_normalisation(kernel, bias, context.mean, context.scale)
            result.append(Dense(layer.name, kernel, bias, None if layer.name == "layer_6" else CLIP))
        elif isinstance(layer, Recurrence):
            index = int(layer.name.rsplit("_", 1)[1])
            kernel, bias = (np.asarray(value, np.float32) for value in layer.get_weights())
            result.append(Lstm(lstm_name(index), kernel, bias))
            if index:
                result.append(Skip(lstm_name(index - 1)))
    return result


def reach(found: Sequence[Layer]) -> tuple[int, int]:
    """Return how many frames before and after a frame the layers look at; ValueError as `context_of`."""
    context = context_of(found, COEFFICIENTS)
    unseen = next((layer.first for layer in found if isinstance(layer, Convolution)), 0)
    return context - unseen, context


def network_of(found: Sequence[Layer]) -> tuple[str, int]:
    """Return the name and n_hidden of the network that a list of layers is; ValueError where we have none such."""
    lstms = [layer for layer in found if isinstance(layer, Lstm)]
    names = [layer.name for layer in found if isinstance(layer, Dense)]
    # The last layer is as wide as the alphabet; the sum tells two LSTMs of ours from two that only follow each other.
    widths = {
        cells(layer) if isinstance(layer, Lstm) else len(layer.bias)
        for layer in found[:-1]
        if isinstance(layer, Dense | Lstm)
    }
    skips = [layer for layer in found if isinstance(layer, Skip)]
    convolutions = [layer.name for layer in found if isinstance(layer, Convolution)]
    try:
        form = Form(len(lstms), stride(found), len(names) - 2, bool(convolutions), *reach(found))
    except ValueError:
        form = None
    expected = ["bands", *(f"conv_{index}" for index in range(1, len(FILTERS) + 1))] if convolutions else []
    for name, known in NETWORKS.items():
        if known == form and len(skips) == len(lstms) - 1 and convolutions == expected and len(widths) == 1:
            return name, widths.pop()
    raise ValueError(
        f"{len(names)} dense and {len(lstms)} LSTM layers of widths {sorted(widths)} are no network of ours"
    )
