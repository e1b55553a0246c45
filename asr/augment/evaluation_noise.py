"""Noise to evaluate in: from a folder of the workspace, or synthesised where that is empty.

Synthesised noise is of a kind that training left out, or else a kitchen, made by other means than training's water and
dishes. A clip meets the same piece of noise at every level and in every run, which makes levels and models comparable
clip by clip.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr.augment import scenes
from asr.augment.spectrum import active_power
from asr.core import audio
from asr.core.errors import AudioError

KITCHEN = "kitchen"
KITCHEN_SECONDS = 30.0
POOLED_SECONDS = 8
# Most common at home first.
HARDEST_FIRST = ("clatter", "water", "crackle", "music", "shifting", "motor", "fan", "pink", "brown", "white")

Float = npt.NDArray[np.float32]
Int16 = npt.NDArray[np.int16]


@dataclass(frozen=True)
class Noise:
    """A source of noise."""

    kind: str = KITCHEN  # its name in reports; without files a kind of asr.augment.scenes, or "kitchen"
    files: tuple[Path, ...] = ()  # sound files; empty: synthesised noise
    seed: int = 1  # of the piece of noise each clip meets
    heard_in_training: tuple[str, ...] | None = None  # kinds; None: unknown (a model from elsewhere)
    # Number of pieces of POOLED_SECONDS that synthesised noise is cut from, for many short clips; 0: each piece is
    # synthesised anew.
    pool: int = 0

    @classmethod
    def of_folder(cls, folder: Path | None, seed: int = 1, heard_in_training: Iterable[str] | None = None) -> Noise:
        """Take the sounds in `folder` and below it; where there are none, synthesise a kind that training left out.

        Parameters
        ----------
        heard_in_training : augment.noise_kinds of the settings trained with; None: not known.
        """
        files = tuple(audio.sound_files(folder)) if folder is not None else ()
        kinds = None if heard_in_training is None else tuple(heard_in_training)
        if folder is not None and files:
            return cls(folder.name.replace("_", " "), files, seed, kinds)
        left_out = (kind for kind in HARDEST_FIRST if kinds is not None and kind not in kinds)
        return cls(next(left_out, KITCHEN), (), seed, kinds)

    @property
    def description(self) -> str:
        """Its description beside figures."""
        if self.files:
            return f"{len(self.files)} sound files of the workspace's folder {self.kind}"
        if self.kind != KITCHEN:
            return f"synthesised ({self.kind}), a kind of noise that training left out"
        made = "a synthesised kitchen (running water and dishes)"
        if self.heard_in_training is not None and {"water", "clatter"} & set(self.heard_in_training):
            return f"{made}; training has water and dishes too, synthesised in another way"
        return made

    def piece(self, name: str, length: int, draw: int = 1) -> Float:
        """Return the noise that the clip `name` meets, float32 [length], each draw another.

        Raises
        ------
        AudioError : a file cannot be read, or is silent.
        """
        seeds = [self.seed, zlib.crc32(name.encode())]
        generator = np.random.default_rng([*seeds, draw] if draw > 1 else seeds)
        path = self.files[generator.integers(len(self.files))] if self.files else None
        for _ in range(20):
            if path is not None:
                source = _load(path)
            elif self.kind == KITCHEN:
                source = kitchen(self.seed)
            elif self.pool:
                source = _pooled(self.kind, self.seed, int(generator.integers(self.pool)))
            else:
                source = scenes.MAKERS[self.kind](length, generator)
            # A sound shorter than the clip starts anywhere and repeats.
            first = int(generator.integers(len(source) - length + 1 if len(source) >= length else len(source)))
            piece = np.take(source, np.arange(first, first + length), mode="wrap").astype(np.float32)
            if _power(piece) > 0:
                return piece
        raise AudioError(f"noise of the kind {self.kind} is silent", path=path, fix="Take it out of the folder")


def mix(speech: npt.ArrayLike, noise: npt.ArrayLike, level: float) -> Float:
    """Return speech in noise, float32 [n], full scale 1.0.

    The level of the speech is that of its active parts (ITU-T P.56), that of the noise its mean
    power. Where the sum would clip, both are made quieter, so that the difference stays true.
    """
    clean, other = audio.to_float(speech), audio.to_float(noise)
    power = _power(other)
    if power == 0:
        raise ValueError("the noise is silent")
    gain = np.sqrt(active_power(clean) / (power * 10 ** (level / 10)))
    mixed = clean + np.float32(gain) * other
    peak = float(np.abs(mixed).max(initial=0.0))
    loudest = 32767 / 32768
    return (mixed * np.float32(loudest / peak) if peak > loudest else mixed).astype(np.float32)


@lru_cache(maxsize=256)
def _pooled(kind: str, seed: int, number: int) -> Float:
    return scenes.MAKERS[kind](POOLED_SECONDS * audio.SAMPLE_RATE, np.random.default_rng([seed, number]))


@lru_cache(maxsize=2)
def kitchen(seed: int = 1, seconds: float = KITCHEN_SECONDS) -> Float:
    """Return a synthesised kitchen: running water, and dishes that knock together; float32 [n], at most 1.0."""
    generator = np.random.default_rng(seed)
    rate, length = audio.SAMPLE_RATE, int(seconds * audio.SAMPLE_RATE)
    spectrum = np.fft.rfft(generator.standard_normal(length))
    frequency = np.fft.rfftfreq(length, 1 / rate)
    # Water from a tap hisses around 2.5 kHz and roars a little below 400 Hz.
    shape = np.exp(-(((np.log2(np.maximum(frequency, 1)) - np.log2(2500)) / 0.9) ** 2))
    shape += 0.5 * np.exp(-(((np.log2(np.maximum(frequency, 1)) - np.log2(300)) / 0.7) ** 2))
    water = np.fft.irfft(spectrum * shape, length)
    # Its strength wanders, a few times a second.
    knots = np.arange(0, length + 4000, 4000)
    wander = np.interp(np.arange(length), knots, generator.uniform(0.6, 1.4, len(knots)))
    sound = water / np.sqrt(_power(water)) * wander
    for first in generator.integers(0, length, int(2.5 * seconds)):
        strike = _strike(generator, rate)[: length - first]
        sound[first : first + len(strike)] += strike
    loudest: Float = (sound / np.abs(sound).max()).astype(np.float32)
    return loudest


def _strike(generator: np.random.Generator, rate: int) -> npt.NDArray[np.float64]:
    """Return one knock of a dish: a handful of inharmonic tones that die away."""
    time = np.arange(int(0.4 * rate)) / rate
    tones = generator.uniform(700, 6500, 6)
    decay = generator.uniform(12, 60, 6)
    parts = generator.uniform(0.2, 1, 6)[:, np.newaxis] * np.exp(-decay[:, np.newaxis] * time)
    strike = (parts * np.sin(2 * np.pi * tones[:, np.newaxis] * time)).sum(axis=0)
    return np.asarray(strike * generator.uniform(0.5, 3))


@lru_cache(maxsize=64)
def _load(path: Path) -> Float:
    samples: Float = audio.load(path)
    if not len(samples):
        raise AudioError("there is no sound in it", path=path, fix="Take it out of the noise folder")
    return samples


def _power(samples: npt.NDArray[np.floating]) -> float:
    return float(np.mean(np.square(samples, dtype=np.float64))) if len(samples) else 0.0
