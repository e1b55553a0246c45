"""Utterances in which nobody speaks: noise and silence, whose transcript is empty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from asr.augment import noise, scenes
from asr.core.audio import SAMPLE_RATE

Float = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Background:
    """Noise or near silence, made when its samples are asked for.

    Attributes
    ----------
    seconds : its length.
    kinds : of noise to choose from; "babble" is left out, because it is speech.
    seed : decides all the rest.
    """

    seconds: float
    kinds: tuple[str, ...]
    seed: tuple[int, ...]
    transcript: str = ""

    def samples(self) -> Float:
        """Return float32 [n] at 16 kHz."""
        rng = np.random.default_rng(self.seed)
        n = round(self.seconds * SAMPLE_RATE)
        made = scenes.coloured(n, rng, float(rng.uniform(-6.0, 0.0)))
        level = float(rng.uniform(-75.0, -45.0))
        if rng.random() < 0.7:
            kinds = tuple(kind for kind in self.kinds if kind != "babble")
            scene, used = noise.make_scene(n, rng, kinds, None, ())
            if used:
                made, level = scene, float(rng.uniform(-50.0, -18.0))
        power = float(np.sqrt(np.mean(np.square(made, dtype=np.float64)) + 1e-20))
        return (made * np.float32(10.0 ** (level / 20.0) / power)).astype(np.float32)
