"""The folder `device/`: everything that the runtime for small devices takes, to be copied as it is."""

from __future__ import annotations

from collections.abc import Sequence

from asr.core.alphabet import Alphabet
from asr.layers.sentence import Convolution, Layer, Lstm
from asr.runtime import network
from export.contract import check_network


def network_file(layers: Sequence[Layer], alphabet: Alphabet, sample_rate: int = 16000) -> network.NetworkFile:
    """Return a trained network in the runtime's form.

    Raises
    ------
    ValueError : the layers do not fit together or to the alphabet.
    """
    window, _ = check_network(layers, alphabet)
    found = network.NetworkFile(alphabet.labels, window // 2, sample_rate, tuple(map(_layer, layers)))
    found.check()
    return found


def _layer(layer: Layer) -> network.Layer:
    if isinstance(layer, Convolution):
        return network.Layer(
            "convolution", layer.kernel, layer.bias, layer.clip, layer.taps, layer.pool, layer.step
        )
    if isinstance(layer, Lstm):
        return network.Layer("lstm", layer.kernel, layer.bias)
    return network.Layer("dense", layer.kernel, layer.bias, layer.clip)
