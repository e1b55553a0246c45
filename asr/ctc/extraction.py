"""Features of augmented utterances, computed in worker processes ahead of the training step."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import numpy as np

from asr.augment.chain import Chain
from asr.augment.masks import apply_masks
from asr.core import audio
from asr.core import workers as workers_
from asr.core.alphabet import Alphabet
from asr.core.errors import ModelError
from asr.ctc.batches import Float, Utterance, check_length, needed_frames
from asr.runtime.features import mfcc, step_samples, window_samples


@dataclass(frozen=True)
class Version:
    """One augmented version of an utterance; it is used in one or more epochs.

    Attributes
    ----------
    place : number of the utterance in the training.
    generation : number of the version; with the place and the seed it decides what augmentation draws.
    """

    utterance: Utterance
    place: int
    generation: int


@dataclass(frozen=True)
class FeatureExtractor:
    """Computes the features of a version, masks included; pickled into the worker processes.

    The features are NumPy's: a worker that imports TensorFlow for its ops would take 500 MiB more and no less time.

    Attributes
    ----------
    chain : augmentation; None: the utterances as they are.
    seed : of what augmentation draws.
    views : number of views of a version, which differ in noise and masks.
    """

    alphabet: Alphabet
    chain: Chain | None
    seed: int
    views: int = 1

    def features(self, version: Version) -> Float:
        """Return features float32 [views, frames, 26] of a version, before masks.

        Raises
        ------
        ModelError : they are too few for the transcript.
        """
        utterance = version.utterance
        labels = self.alphabet.encode(utterance.transcript)
        views = [utterance.samples()]
        if self.chain is not None:
            rng = np.random.default_rng([self.seed, version.generation, version.place])
            shortest = window_samples(audio.SAMPLE_RATE) + needed_frames(labels) * step_samples(audio.SAMPLE_RATE)
            views = self.chain.variants(views[0], rng, self.views, shortest=shortest)
        features = np.stack([mfcc(audio.to_int16(samples)) for samples in views])
        path = getattr(utterance, "path", None)
        # Noise that is made, not recorded, has no transcript.
        if len(labels) or path is not None:
            check_length(features.shape[1], labels, utterance.transcript, path)
        return features

    def mask(self, features: Float, epoch: int, place: int) -> list[Float]:
        """Return the views of a version, float32 [frames, 26] each, with the masks of an epoch."""
        if self.chain is None:
            return [features[0]] * self.views
        settings = self.chain.settings
        seeds = ([self.seed, epoch, place, 1, *([view] if view else [])] for view in range(self.views))
        generators = (np.random.default_rng(seed) for seed in seeds)
        return [apply_masks(view, rng, settings) for view, rng in zip(features, generators, strict=True)]


_extractor: FeatureExtractor | None = None  # of a worker process


def _start(extractor: FeatureExtractor) -> None:
    global _extractor
    _extractor = extractor
    workers_.start()


def _extract(versions: Sequence[Version]) -> list[Float]:
    assert _extractor is not None
    return [_extractor.features(version) for version in versions]


class FeatureWorkers:
    """Worker processes that compute features ahead of the training step.

    Parameters
    ----------
    extractor : sent to each worker.
    workers : processes; 0: one less than there are cores, at least one.
    """

    def __init__(self, extractor: FeatureExtractor, workers: int = 0) -> None:
        self.workers = workers or max(1, len(os.sched_getaffinity(0)) - 1)
        self._pool = workers_.pool(self.workers, _start, (extractor,))

    def __enter__(self) -> FeatureWorkers:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the workers."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def features(self, groups: Iterable[Sequence[Version]]) -> Iterator[list[Float]]:
        """Yield the features of each group's versions, float32 [views, frames, 26] each, in order.

        Raises
        ------
        UserError : raised by an utterance.
        ModelError : a worker was killed, usually for lack of memory.
        """
        ahead: deque[Future[list[Float]] | None] = deque()
        depth = 4 * self.workers + 4
        try:
            for group in groups:
                ahead.append(self._pool.submit(_extract, group) if group else None)
                if len(ahead) >= depth:
                    yield _result(ahead.popleft())
            while ahead:
                yield _result(ahead.popleft())
        except BrokenProcessPool:
            raise ModelError(
                "a worker process that prepares batches was killed",
                fix="Free some memory, or lower train.batch_size, and run this again: it resumes after the last epoch",
            ) from None
        finally:
            for future in ahead:
                if future is not None:
                    future.cancel()


def _result(future: Future[list[Float]] | None) -> list[Float]:
    return [] if future is None else future.result()
