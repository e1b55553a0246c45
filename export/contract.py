"""What the DeepSpeech client and Coqui's fork expect of any model: version 6 of Mozilla's format."""

from __future__ import annotations

from collections.abc import Sequence

from asr.core.alphabet import Alphabet
from asr.layers.sentence import Layer, Lstm, check_layers, context_of
from asr.runtime.features import COEFFICIENTS, STEP_MS, WINDOW_MS

GRAPH_VERSION = 6
STEPS = 16  # frames per run


def metadata_of(alphabet: Alphabet, sample_rate: int, beam_width: int, language: str) -> dict[str, int | bytes]:
    """Return the values of the tensors that describe a model, by name."""
    return {
        "metadata_version": GRAPH_VERSION,
        "metadata_sample_rate": sample_rate,
        "metadata_feature_win_len": WINDOW_MS,
        "metadata_feature_win_step": STEP_MS,
        "metadata_beam_width": beam_width,
        "metadata_alphabet": alphabet.serialised(),
        "metadata_language": language.encode("utf-8"),
    }


def check_network(layers: Sequence[Layer], alphabet: Alphabet) -> tuple[int, Lstm]:
    """Return the frames in a context window, and the LSTM.

    Raises
    ------
    ValueError : the layers do not fit together or to the alphabet, or there is not exactly one LSTM.
    """
    frames = 2 * context_of(layers, COEFFICIENTS) + 1
    check_layers(layers, frames * COEFFICIENTS, alphabet.size + 1)
    recurrent = [layer for layer in layers if isinstance(layer, Lstm)]
    if len(recurrent) != 1:
        raise ValueError(f"the network has {len(recurrent)} LSTM layers; the exporter writes networks with one")
    return frames, recurrent[0]
