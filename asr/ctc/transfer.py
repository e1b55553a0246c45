"""Start a training from pretrained weights: another run's, or those of any DeepSpeech 0.9 graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np

from asr.core.alphabet import Alphabet
from asr.core.errors import ModelError
from asr.ctc.bands import BandConvolution, Bands
from asr.ctc.network import architecture_of, network_of
from asr.ctc.recurrence import Recurrence
from asr.layers.sentence import LSTM_NAME, Convolution, Dense, Layer, unfold_normalisation

_WEIGHTED = (Bands, BandConvolution, keras.layers.Dense, Recurrence)


@dataclass(frozen=True)
class PretrainedWeights:
    """Weights to start from.

    Attributes
    ----------
    layers : of the graph they come from, first to last.
    alphabet : of that graph; labels in both alphabets keep their weights, whatever their numbers.
    target : the alphabet of the network to be trained.
    freeze : names of layers that are not trained.
    drop_layers : number of last layers that start from random weights.
    name : of the graph, for messages.
    """

    layers: Sequence[Layer]
    alphabet: Alphabet
    target: Alphabet
    freeze: tuple[str, ...]
    drop_layers: int
    name: str

    @property
    def normalises(self) -> bool:
        """Whether the weights begin with mel bands, which hold a normalisation."""
        return any(isinstance(layer, Convolution) and layer.name == "bands" for layer in self.layers)

    def check_frozen(self, network: keras.Model) -> None:
        """Raise ModelError where `freeze` names a layer that the network does not have."""
        weighted = [layer for layer in network.layers if isinstance(layer, _WEIGHTED)]
        known = {name for layer in weighted for name in _names(layer)}
        unknown = [name for name in self.freeze if name not in known]
        if unknown:
            names = ", ".join(layer.name for layer in weighted)
            raise ModelError(f"no layer is called {unknown[0]!r}", fix=f"The layers are {names}")

    def apply(self, network: keras.Model) -> None:
        """Copy the weights into a network by layer name; ModelError where a shape or a name does not fit."""
        self.check_frozen(network)
        taken = {layer.name: layer for layer in self._taken()}
        known = {_exported_name(layer) for layer in network.layers}
        for name in taken:
            if name not in known:
                raise ModelError(
                    f"the weights have a layer {name}, and {network.name.replace('_', '-')} has none",
                    path=self.name,
                    fix=self._advice(),
                )
        for layer in network.layers:
            source = taken.get(_exported_name(layer)) if isinstance(layer, _WEIGHTED) else None
            if source is not None:
                layer.set_weights(self._fitted(layer, source, network))
            if set(_names(layer)) & set(self.freeze):
                layer.trainable = False

    def describe(self) -> str:
        """Return a line that names the layers with pretrained weights."""
        names = ("lstm" if "/" in layer.name else layer.name for layer in self._taken())
        return f"starting from {self.name}: {', '.join(names)}"

    def _taken(self) -> Sequence[Layer]:
        return self.layers[: len(self.layers) - self.drop_layers]

    def _fitted(self, layer: keras.layers.Layer, source: Layer, network: keras.Model) -> list[np.ndarray]:
        kernel, bias = source.kernel, source.bias
        if isinstance(layer, BandConvolution):
            found = layer.weights_of(source) if isinstance(source, Convolution) else None
            if found is None:
                raise self._misfit(layer.name, kernel.shape, layer.plain().kernel.shape)
            return found
        if layer.name == "layer_1" and not architecture_of(network).bands:
            context = network.get_layer("context")
            kernel, bias = unfold_normalisation(kernel, bias, context.mean, context.scale)
        shape = tuple(layer.kernel.shape)
        if layer.name == "layer_6" and self.alphabet != self.target and isinstance(source, Dense):
            if kernel.shape[0] != shape[0]:
                raise self._misfit(layer.name, kernel.shape, shape)
            return self._relabelled(layer, kernel, bias)
        if kernel.shape != shape:
            raise self._misfit(layer.name, kernel.shape, shape)
        return [kernel, bias]

    def _relabelled(self, layer: keras.layers.Layer, kernel: np.ndarray, bias: np.ndarray) -> list[np.ndarray]:
        """Copy the columns of the blank and of labels in both alphabets; the others keep their random weights."""
        new_kernel, new_bias = (np.array(value) for value in layer.get_weights())
        old = {label: index for index, label in enumerate(self.alphabet.labels)}
        pairs = [(index, old[label]) for index, label in enumerate(self.target.labels) if label in old]
        for index, from_ in [*pairs, (self.target.blank, self.alphabet.blank)]:
            new_kernel[:, index], new_bias[index] = kernel[:, from_], bias[from_]
        return [new_kernel, new_bias]

    def _misfit(self, name: str, found: Sequence[int], expected: Sequence[int]) -> ModelError:
        return ModelError(
            f"{name} is {list(found)} there and {list(expected)} here", path=self.name, fix=self._advice()
        )

    def _advice(self) -> str:
        """Return which settings make these weights fit."""
        try:
            name, width = network_of(self.layers)
        except ValueError:
            return "Set train.network and train.n_hidden to those of the weights, or raise train.drop_layers"
        return f'Set train.network to "{name}" and train.n_hidden to {width}, or raise train.drop_layers'


def _exported_name(layer: keras.layers.Layer) -> str:
    return LSTM_NAME if isinstance(layer, Recurrence) else str(layer.name)


def _names(layer: keras.layers.Layer) -> tuple[str, str]:
    """Return the names by which a setting may call a layer."""
    return layer.name, _exported_name(layer)
