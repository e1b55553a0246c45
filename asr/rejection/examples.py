"""Examples for the verifier: what the recogniser says to commands, near misses, other speech, noise and silence."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from asr.augment import noise
from asr.core import audio
from asr.core import workers as workers_
from asr.core.errors import ModelError
from asr.core.progress import track
from asr.rejection.splices import splices
from asr.runtime.alignment import align
from asr.runtime.features import mfcc, window_samples
from asr.runtime.network import log_probabilities
from asr.runtime.recogniser import Recogniser, Recognition

Float = npt.NDArray[np.float32]

COMMAND, NEAR_MISS = "command", "near miss"
_LEVELS = (5.0, 25.0)  # dB of speech over noise
_NOISY = 2  # noisy versions of a command


class Sound(Protocol):
    """Something to hear."""

    def samples(self) -> Float:
        """Return float32 [n] at 16 kHz."""
        ...


@dataclass(frozen=True)
class Command:
    """A recording of a sentence of the grammar, of which near misses are made as well.

    Attributes
    ----------
    sound : the recording.
    transcript : what is said.
    foreign : other speech to take a word from.
    kinds : of noise to mix in; empty: none.
    seed : of levels, noise and cuts.
    """

    sound: Sound
    transcript: str
    foreign: Sound
    kinds: tuple[str, ...]
    seed: tuple[int, ...]


@dataclass(frozen=True)
class Other:
    """Something that is no command.

    Attributes
    ----------
    kind : such as "other speech".
    sound : to hear.
    transcript : what is said, where that is known.
    counted : it is what a room sounds like, and counts for the false accepts per hour; near misses do not.
    """

    kind: str
    sound: Sound
    transcript: str | None
    counted: bool


@dataclass(frozen=True)
class Outcome:
    """An answer and what was said.

    Attributes
    ----------
    kind : of the example; COMMAND for an unchanged command.
    transcript : what was said; None where that is unknown or no sequence of words.
    answer : of the recogniser.
    seconds : length of the sound.
    counted : as in `Other`.
    """

    kind: str
    transcript: str | None
    answer: Recognition
    seconds: float
    counted: bool


def collect(folder: Path, examples: Sequence[Command | Other], what: str) -> list[Outcome]:
    """Recognise every example, and the near misses of commands, on all cores.

    Parameters
    ----------
    folder : of the device files.
    what : shown beside the progress bar.

    Raises
    ------
    UserError : a sound cannot be read or made.
    ModelError : a worker process was killed.
    """
    workers = min(len(os.sched_getaffinity(0)), max(1, len(examples) // 32))
    found: list[Outcome] = []
    try:
        with workers_.pool(workers, _start, (folder,)) as pool:
            for outcomes in track(pool.map(_outcomes, examples, chunksize=8), what, total=len(examples)):
                found += outcomes
    except BrokenProcessPool:
        raise ModelError("a process that recognised examples has died", fix="Run this again") from None
    return found


_recogniser: Recogniser | None = None  # of a worker process


def _start(folder: Path) -> None:
    global _recogniser
    workers_.start()
    _recogniser = Recogniser.open(folder)


def _outcomes(example: Command | Other) -> list[Outcome]:
    assert _recogniser is not None
    if isinstance(example, Other):
        samples = example.sound.samples()
        return [_hear(_recogniser, example.kind, example.transcript, samples, example.counted)]
    return [*_command_outcomes(_recogniser, example)]


def _command_outcomes(recogniser: Recogniser, example: Command) -> Iterable[Outcome]:
    rng = np.random.default_rng(example.seed)
    clean = example.sound.samples()
    yield _hear(recogniser, COMMAND, example.transcript, clean, False)
    for _ in range(_NOISY if example.kinds else 0):
        yield _hear(recogniser, COMMAND, example.transcript, _noisy(clean, example.kinds, rng), False)
    frames = log_probabilities(recogniser.network, mfcc(audio.to_int16(clean), audio.SAMPLE_RATE))
    spans = align(frames, example.transcript.split(), recogniser.network.labels)
    if not spans:
        return
    for splice in splices(clean, spans, example.foreign.samples(), rng):
        samples = splice.samples
        if example.kinds and rng.random() < 0.5:
            samples = _noisy(samples, example.kinds, rng)
        yield _hear(recogniser, splice.kind, splice.text, samples, False)


def _noisy(samples: Float, kinds: tuple[str, ...], rng: np.random.Generator) -> Float:
    before, after = (int(rng.uniform(0.0, 0.6) * audio.SAMPLE_RATE) for _ in range(2))
    samples = noise.add_silence(samples, before, after, float(rng.uniform(0.0, 20.0)), rng)
    scene, _ = noise.make_scene(len(samples), rng, kinds, None, ())
    return noise.add_noise(samples, scene, float(rng.uniform(*_LEVELS)))


def _hear(recogniser: Recogniser, kind: str, transcript: str | None, samples: Float, counted: bool) -> Outcome:
    seconds = len(samples) / audio.SAMPLE_RATE
    if len(samples) < window_samples(audio.SAMPLE_RATE):
        samples = np.pad(samples, (0, window_samples(audio.SAMPLE_RATE)))
    return Outcome(kind, transcript, recogniser.recognise(audio.to_int16(samples)), seconds, counted)
