"""A device that understands tones: sound with known words and times, without training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr.core.alphabet import Alphabet
from asr.runtime.network import NetworkFile
from asr.runtime.recogniser import GRAMMAR, NETWORK, Recogniser
from export.device import network_file
from lm.grammar import compile_grammar
from lm.sentences import Templates
from tests.lm.tone_speech import HISS, RATE, SOUND, network, say

ALPHABET = Alphabet(" abcdefgh")
SENTENCES = "bad (cab|bag) [hedge]\nfade {x}\n{x} = (bead|cage:kennel)"
Int16 = npt.NDArray[np.int16]


def tone_network() -> NetworkFile:
    return network_file(network(ALPHABET), ALPHABET)


def tone_device(sentences: str = SENTENCES) -> Recogniser:
    return Recogniser(tone_network(), compile_grammar(Templates.parse(sentences, ALPHABET), ALPHABET))


def write_device(folder: Path, sentences: str = SENTENCES) -> Path:
    """Write the device's folder and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    recogniser = tone_device(sentences)
    (folder / NETWORK).write_bytes(recogniser.network.to_bytes())
    (folder / GRAMMAR).write_bytes(recogniser.grammar.to_bytes())
    return folder


def spoken(text: str) -> Int16:
    """Return a text as tones, without the silence around it."""
    return say(text, ALPHABET)[2 * SOUND : -2 * SOUND]


def hiss(seconds: float, seed: int = 7, level: float = HISS) -> Int16:
    """Return what is heard when nobody speaks."""
    return (level * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(np.int16)


def stream(texts: Sequence[str], pauses: Sequence[float]) -> tuple[Int16, list[tuple[float, float]]]:
    """Return texts with a pause before each and one after the last, and the start and end of each, s."""
    pieces, places, at = [], [], 0
    for number, (text, pause) in enumerate(zip(texts, pauses, strict=False)):
        silence, speech = hiss(pause, number), spoken(text)
        pieces += [silence, speech]
        places.append(((at + len(silence)) / RATE, (at + len(silence) + len(speech)) / RATE))
        at += len(silence) + len(speech)
    pieces.append(hiss(pauses[-1], 99))
    return np.concatenate(pieces), places
