"""Utterances to padded batches of features: planned by length, made in worker processes, the same for a seed."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from asr.augment.chain import Chain
from asr.augment.masks import apply_masks
from asr.core import audio
from asr.core import workers as workers_
from asr.core.alphabet import Alphabet
from asr.core.errors import ModelError
from asr.runtime.features import COEFFICIENTS, mfcc, step_samples, window_samples

Float = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int32]


class Source(Protocol):
    """One utterance to train on; anything that pickles and has these will do."""

    @property
    def transcript(self) -> str: ...

    @property
    def seconds(self) -> float:
        """Its length, or a guess that is good enough to sort by."""
        ...

    def samples(self) -> Float:
        """Return float32 [n] at 16 kHz in [-1, 1)."""
        ...


@dataclass(frozen=True)
class Clip:
    """An utterance in a WAV of our own making (16 kHz, mono, 16-bit)."""

    path: Path
    transcript: str
    seconds: float

    def samples(self) -> Float:
        """Read the clip; AudioError where it is not ours."""
        return audio.read_wav(self.path).astype(np.float32) / np.float32(32768)


@dataclass(frozen=True)
class Batch:
    """Padded features and labels.

    Attributes
    ----------
    features : float32 [batch, frames, 26], zeros beyond an utterance's end.
    frames : int32 [batch].
    labels : int32 [batch, labels], -1 beyond the end.
    label_lengths : int32 [batch].
    competitors : int32 [batch, count, labels], -1 beyond the end, and altogether where an utterance has fewer of them;
        None: there are none.
    """

    features: Float
    frames: npt.NDArray[np.int32]
    labels: npt.NDArray[np.int32]
    label_lengths: npt.NDArray[np.int32]
    competitors: npt.NDArray[np.int32] | None = None


def needed_frames(labels: npt.NDArray[np.int32]) -> int:
    """Return the least frames that CTC can write the labels in: one each, and a blank between equal neighbours."""
    return len(labels) + int(np.count_nonzero(labels[1:] == labels[:-1]))


def check_length(frames: int, labels: npt.NDArray[np.int32], transcript: str, path: Path | None = None) -> None:
    """Raise ModelError where an utterance of `frames` frames cannot be trained on: CTC has no way to write it."""
    if not len(labels):
        raise ModelError("this utterance has an empty transcript", path=path, fix="Write what is said, or take it out")
    if frames < needed_frames(labels):
        raise ModelError(
            f"{frames} frames are too few for {transcript!r}, which needs {needed_frames(labels)}",
            path=path,
            fix="Is the transcript that of this recording, and the recording whole? Mend it or take it out",
        )


def collate(
    features: Sequence[Float],
    labels: Sequence[Labels],
    competitors: Sequence[Sequence[Labels]] = (),
    count: int = 0,
) -> Batch:
    """Pad utterances, float32 [frames, 26] and int32 [labels] each, to one batch.

    Parameters
    ----------
    competitors : at most `count` of each utterance, int32 [labels] each.
    """
    frames = np.array([len(one) for one in features], dtype=np.int32)
    lengths = np.array([len(one) for one in labels], dtype=np.int32)
    padded = np.zeros((len(features), int(frames.max()), COEFFICIENTS), dtype=np.float32)
    for row, one in enumerate(features):
        padded[row, : len(one)] = one
    written = _written(labels)
    if not count:
        return Batch(padded, frames, written, lengths)
    none = np.zeros(0, np.int32)
    filled = [one for row in competitors for one in [*row, *[none] * (count - len(row))]]
    return Batch(padded, frames, written, lengths, _written(filled).reshape(len(labels), count, -1))


def _written(labels: Sequence[Labels]) -> Labels:
    """Return labels one below the other, int32 [rows, longest], -1 beyond the end of each."""
    longest = max((len(one) for one in labels), default=0)
    written = np.full((len(labels), max(1, longest)), -1, dtype=np.int32)
    for row, one in zip(written, labels, strict=True):
        row[: len(one)] = one
    return written


def plan(
    seconds: Sequence[float], batch_size: int, rng: np.random.Generator, *, short_first: bool = False, blur: float = 0.1
) -> list[npt.NDArray[np.intp]]:
    """Group utterances of similar length into batches.

    Parameters
    ----------
    seconds : length of each utterance, in any unit.
    short_first : batches go from short to long utterances (a curriculum); else in random order.
    blur : share by which lengths are taken for longer or shorter, so that a batch does not hold the same company in
        every epoch.

    Returns
    -------
    list of int arrays : indices of each batch; every utterance is in exactly one.
    """
    lengths = np.asarray(seconds, dtype=np.float64)
    if blur:
        lengths = lengths * rng.uniform(1 - blur, 1 + blur, len(lengths))
    order = np.argsort(lengths, kind="stable")
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    if not short_first:
        batches = [batches[index] for index in rng.permutation(len(batches))]
    return batches


@dataclass(frozen=True)
class Hearing:
    """One version of an utterance, as it is heard in one or more epochs.

    Attributes
    ----------
    place : number of the utterance in the training.
    generation : number of the version; with the place and the seed it decides what augmentation draws.
    """

    source: Source
    place: int
    generation: int


@dataclass(frozen=True)
class Recipe:
    """How sound becomes features in training: what a worker process needs to know.

    Attributes
    ----------
    chain : augmentation; None: the clips as they are.
    seed : of what augmentation draws.
    views : in how many surroundings one version of an utterance is heard.
    """

    alphabet: Alphabet
    chain: Chain | None
    seed: int
    views: int = 1

    def features(self, hearing: Hearing) -> Float:
        """Return features float32 [views, frames, 26] of a version, before masks.

        Raises
        ------
        ModelError : they are too few for the transcript.
        """
        source = hearing.source
        labels = self.alphabet.encode(source.transcript)
        heard = [source.samples()]
        if self.chain is not None:
            rng = np.random.default_rng([self.seed, hearing.generation, hearing.place])
            shortest = window_samples(audio.SAMPLE_RATE) + needed_frames(labels) * step_samples(audio.SAMPLE_RATE)
            heard = self.chain.variants(heard[0], rng, self.views, shortest=shortest)
        # A last bit is nothing to sound that was made up, and exactness costs several times the time.
        features = np.stack([mfcc(audio.to_int16(samples), exact=self.chain is None) for samples in heard])
        check_length(features.shape[1], labels, source.transcript, getattr(source, "path", None))
        return features

    def mask(self, features: Float, epoch: int, place: int) -> list[Float]:
        """Return the views of a version as one epoch hears them: `views` of float32 [frames, 26]."""
        if self.chain is None:
            return [features[0]] * self.views
        settings = self.chain.settings
        seeds = ([self.seed, epoch, place, 1, *([view] if view else [])] for view in range(self.views))
        generators = (np.random.default_rng(seed) for seed in seeds)
        return [apply_masks(view, rng, settings) for view, rng in zip(features, generators, strict=True)]


_recipe: Recipe | None = None


def _start(recipe: Recipe) -> None:
    global _recipe
    _recipe = recipe
    workers_.start()


def _make(hearings: Sequence[Hearing]) -> list[Float]:
    assert _recipe is not None
    return [_recipe.features(hearing) for hearing in hearings]


class Workshop:
    """Worker processes that make features ahead of the training step.

    Parameters
    ----------
    recipe : what each worker does.
    workers : processes; 0: as many as there are cores beside the one that trains.
    """

    def __init__(self, recipe: Recipe, workers: int = 0) -> None:
        self.workers = workers or max(1, len(os.sched_getaffinity(0)) - 1)
        self._pool = workers_.pool(self.workers, _start, (recipe,))

    def __enter__(self) -> Workshop:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the workers."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def features(self, groups: Iterable[Sequence[Hearing]]) -> Iterator[list[Float]]:
        """Yield the features of each group's versions, float32 [views, frames, 26] each, in order.

        Raises
        ------
        UserError : what a source raised.
        ModelError : a worker was killed, by want of memory as a rule.
        """
        ahead: deque[Future[list[Float]] | None] = deque()
        depth = 4 * self.workers + 4
        try:
            for group in groups:
                ahead.append(self._pool.submit(_make, group) if group else None)
                if len(ahead) >= depth:
                    yield _result(ahead.popleft())
            while ahead:
                yield _result(ahead.popleft())
        except BrokenProcessPool:
            raise ModelError(
                "a worker process that prepares batches was killed",
                fix="Free some memory, or lower train.batch_size, and run this again: it goes on from the last epoch",
            ) from None
        finally:
            for future in ahead:
                if future is not None:
                    future.cancel()


def _result(future: Future[list[Float]] | None) -> list[Float]:
    return [] if future is None else future.result()
