"""Start a training from weights that exist already: another run's, or any DeepSpeech 0.9 graph's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np

from asr.core.alphabet import Alphabet
from asr.core.errors import ModelError
from asr.ctc.bands import STEP, BandConvolution, Bands
from asr.ctc.network import NETWORKS, form_of, network_of, reach
from asr.ctc.recurrence import Recurrence
from asr.layers.sentence import Convolution, Dense, Layer, Lstm, lstm_name, stride, unfold_normalisation

_WEIGHTY = (Bands, BandConvolution, keras.layers.Dense, Recurrence)


@dataclass(frozen=True)
class Start:
    """Weights to start from.

    Attributes
    ----------
    layers : of the graph they come from, first to last.
    alphabet : of that graph; labels that both alphabets have keep their weights, however they are numbered.
    target : the alphabet of the network to be trained.
    freeze : names of layers that stay as they are.
    drop_layers : so many last layers start anew.
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
        """Whether the weights begin with bands, whose scale is among them."""
        return any(isinstance(layer, Convolution) and layer.name == "bands" for layer in self.layers)

    def check_frozen(self, network: keras.Model) -> None:
        """Check that the network has the layers that are to stay as they are; ModelError where it has not."""
        weighty = [layer for layer in network.layers if isinstance(layer, _WEIGHTY)]
        known = {name for layer in weighty for name in _names(layer)}
        unknown = [name for name in self.freeze if name not in known]
        if unknown:
            names = ", ".join(_short(_key(layer)) for layer in weighty)
            raise ModelError(f"no layer is called {unknown[0]!r}", fix=f"The layers are {names}")

    def apply(self, network: keras.Model) -> None:
        """Put the weights into a network by layer name; ModelError where a shape does not fit or a name is unknown."""
        self.check_frozen(network)
        found = [layer for layer in self.layers if isinstance(layer, Convolution | Dense | Lstm)]
        taken = {layer.name: layer for layer in found[: len(found) - self.drop_layers]}
        known = {_key(layer) for layer in network.layers}
        for name in taken:
            if name not in known:
                raise ModelError(
                    f"the weights have a layer {name}, and {network.name.replace('_', '-')} has none",
                    path=self.name,
                    fix=self._advice(),
                )
        for layer in network.layers:
            source = taken.get(_key(layer)) if isinstance(layer, _WEIGHTY) else None
            if source is not None:
                layer.set_weights(self._fitted(layer, source, network))
            if set(_names(layer)) & set(self.freeze):
                layer.trainable = False

    def describe(self) -> str:
        """Tell which layers begin with these weights, in a line."""
        weighty = [layer.name for layer in self.layers if isinstance(layer, Convolution | Dense | Lstm)]
        taken = weighty[: len(weighty) - self.drop_layers]
        return f"starting from {self.name}: {', '.join(map(_short, taken))}"

    def _fitted(
        self, layer: keras.layers.Layer, source: Convolution | Dense | Lstm, network: keras.Model
    ) -> list[np.ndarray]:
        kernel, bias = source.kernel, source.bias
        if isinstance(layer, BandConvolution):
            found = layer.weights_of(source) if isinstance(source, Convolution) else None
            if found is None:
                raise self._misfit(layer.name, kernel.shape, layer.plain().kernel.shape)
            return found
        bands = form_of(network).bands
        if layer.name == "layer_1" and not bands:
            context = network.get_layer("context")
            kernel, bias = unfold_normalisation(kernel, bias, context.mean, context.scale)
        shape = tuple(layer.kernel.shape)
        if layer.name == "layer_1":
            kernel = self._widened(kernel, shape[0], network)
        if layer.name == "layer_6":
            there, here = stride(self.layers), form_of(network).stride
            if there == 1:
                # A step for several frames calls them all, to begin with, what it called the first.
                kernel, bias, there = np.tile(kernel, here), np.tile(bias, here), here
            if self.alphabet != self.target:
                if kernel.shape[0] != shape[0] or there != here:
                    raise self._misfit(layer.name, kernel.shape, shape)
                return self._relabelled(layer, kernel, bias, here)
        if kernel.shape != shape:
            raise self._misfit(layer.name, kernel.shape, shape)
        return [kernel, bias]

    def _widened(self, kernel: np.ndarray, rows: int, network: keras.Model) -> np.ndarray:
        """Return a first layer's kernel with zeros for the frames that only this network's `rows` rows look at."""
        form = form_of(network)
        try:
            known = reach(self.layers)
        except ValueError:
            return kernel
        step = STEP if form.bands else 1
        before, after = (here - there for here, there in zip((form.before, form.after), known, strict=True))
        places = (before + after) // step
        width, left = divmod(rows - len(kernel), max(places, 1))
        if min(before, after) < 0 or before % step or after % step or not places or left or width < 1:
            return kernel
        return np.pad(kernel, ((before // step * width, after // step * width), (0, 0)))

    def _relabelled(
        self, layer: keras.layers.Layer, kernel: np.ndarray, bias: np.ndarray, frames: int
    ) -> list[np.ndarray]:
        """Move the columns of labels that both alphabets have, and of the blank; the others stay fresh.

        A network with a stride has a column of each label for each of its `frames`.
        """
        new_kernel, new_bias = (
            np.array(value).reshape(*value.shape[:-1], frames, -1) for value in layer.get_weights()
        )
        kernel, bias = kernel.reshape(len(kernel), frames, -1), bias.reshape(frames, -1)
        old = {label: index for index, label in enumerate(self.alphabet.labels)}
        pairs = [(index, old[label]) for index, label in enumerate(self.target.labels) if label in old]
        for index, from_ in [*pairs, (self.target.blank, self.alphabet.blank)]:
            new_kernel[:, :, index], new_bias[:, index] = kernel[:, :, from_], bias[:, from_]
        return [new_kernel.reshape(len(kernel), -1), new_bias.reshape(-1)]

    def _misfit(self, name: str, found: Sequence[int], expected: Sequence[int]) -> ModelError:
        return ModelError(
            f"{name} is {list(found)} there and {list(expected)} here",
            path=self.name,
            fix=self._advice(),
        )

    def _advice(self) -> str:
        """Return what to set for these weights to fit."""
        try:
            name, width = network_of(self.layers)
        except ValueError:
            return "Set train.network and train.n_hidden to those of the weights, or raise train.drop_layers"
        fitting = [name, *(more for more in (f"{name}-stride2", f"{name}-ahead") if more in NETWORKS)]
        names = " or ".join(f'"{fits}"' for fits in fitting)
        return f"Set train.network to {names} and train.n_hidden to {width}, or raise train.drop_layers"


def _key(layer: keras.layers.Layer) -> str:
    if isinstance(layer, Recurrence):
        return lstm_name(int(layer.name.rsplit("_", 1)[1]))
    return str(layer.name)


def _short(name: str) -> str:
    """Return what people call a layer: of an LSTM in DeepSpeech's long names, lstm, and of a second one lstm_1."""
    lstms = {lstm_name(index): f"lstm_{index}" if index else "lstm" for index in range(9)}
    return lstms.get(name, "lstm" if "/" in name else name)


def _names(layer: keras.layers.Layer) -> tuple[str, ...]:
    """Return all that a layer of a network of ours may be called."""
    return (layer.name, _key(layer), _short(_key(layer)))
