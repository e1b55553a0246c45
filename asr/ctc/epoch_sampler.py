"""The utterances of each epoch: recordings and synthetic voices, each augmented version used in several epochs.

Augmenting an utterance costs more than a training step on it. A version is therefore kept for `train.heard_in` epochs,
with other masks in each; every epoch replaces an equal share of the versions, so that no two epochs are alike. The
seed alone decides which versions are made and when: a resumed training gets the versions that it would have had.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from asr.ctc.batches import Batch, Float, Utterance, bucket, collate
from asr.ctc.extraction import FeatureExtractor, FeatureWorkers, Version
from asr.settings.sections import Train

# Returns synthetic utterances for a generation (from 0) and a number of utterances.
Voices = Callable[[int, int], Sequence[Utterance]]

# Above this much sound in an epoch no version is kept: an hour of features is 19 MB, and so is each view of it.
_MOST_KEPT = 24 * 3600.0  # s
_USUAL = 5.0  # s, assumed length of a synthetic utterance in that sum
# Silence and speed change lengths by more than the spread within a batch, so this many batches are bucketed again.
_WINDOW = 8


@dataclass(frozen=True)
class Epoch:
    """The utterances of one epoch, in the order of their places.

    Attributes
    ----------
    versions : of its utterances; the same version has the same place and generation in every epoch.
    synthetic : how many of them are synthetic.
    other : how many more are other speech, noise and silence.
    """

    number: int
    versions: Sequence[Version]
    synthetic: int
    other: int = 0

    @property
    def seconds(self) -> list[float]:
        """Length of each, s."""
        return [version.utterance.seconds for version in self.versions]


class EpochSampler:
    """Chooses the utterances of each epoch, makes batches of their features, and keeps features while they are used.

    Parameters
    ----------
    settings : epochs, epoch_utterances, heard_in and the shares of synthetic voices are read.
    clips : the recordings.
    features : float32 [frames, 26] of each recording as it is; they are used where there is no augmentation.
    extractor : computes the features of versions.
    voices : synthetic utterances; None: none.
    other : other speech, noise and silence; None: none.
    """

    def __init__(
        self,
        settings: Train,
        clips: Sequence[Utterance],
        features: Sequence[Float],
        extractor: FeatureExtractor,
        voices: Voices | None = None,
        other: Voices | None = None,
    ) -> None:
        self.settings = settings
        self.extractor = extractor
        self._clips = clips
        self._voices = voices
        self._other = other
        self._clean = features if extractor.chain is None else None
        # Without augmentation a repeated recording would only make the epoch longer.
        self._repeats = math.ceil(settings.epoch_utterances / len(clips)) if self._clean is None else 1
        # The places of synthetic utterances come after those of the recordings.
        self._first_synthetic = len(clips) * self._repeats
        self._kept: dict[int, tuple[int, Float]] = {}
        self._spoken: dict[int, Sequence[Utterance]] = {}
        self._heard: dict[int, Sequence[Utterance]] = {}
        numbers = range(settings.epochs)
        self._most_synthetic = max((self._synthetic(number) for number in numbers), default=0)
        self._most_other = max((self._others(number) for number in numbers), default=0)

    def describe(self) -> str:
        """Return a line about the utterances of an epoch."""
        settings = self.settings
        repeats = f", each {self._repeats} times" if self._repeats > 1 else ""
        alone = min(settings.synthetic_epochs, settings.epochs) if self._voices is not None else 0
        first, last = self._synthetic(alone), self._synthetic(max(alone, settings.epochs - 1))
        text = f"an epoch has {len(self._clips)} clips{repeats}"
        if first:
            text += f"{',' if repeats else ''} and {first} synthetic utterances"
            text += f", falling to {last}" if last < first else ""
        if alone:
            text += f"; the first {alone} epochs have {self._synthetic(0)} synthetic utterances only"
        if self._most_other:
            text += f"; up to {self._most_other} of other speech, noise and silence besides"
        return text

    def epoch(self, number: int) -> Epoch:
        """Return the utterances of an epoch (from 0)."""
        alone = number < self.settings.synthetic_epochs and self._voices is not None
        real = [] if alone else [*self._clips] * self._repeats
        synthetic = self._synthetic(number)
        seconds = sum(clip.seconds for clip in real) + _USUAL * (synthetic + self._others(number))
        lifetime = self.settings.heard_in if seconds * self.extractor.views < _MOST_KEPT else 1

        def generation(place: int) -> int:
            return (number + place % lifetime) // lifetime

        versions = [Version(clip, place, generation(place)) for place, clip in enumerate(real)]
        for index in range(synthetic):
            place = self._first_synthetic + index
            utterance = self._utterances(generation(place))[index]
            versions.append(Version(utterance, place, generation(place)))
        others = self._others(number)
        for index in range(others):
            place = self._first_synthetic + self._most_synthetic + index
            utterance = self._other_utterances(generation(place))[index]
            versions.append(Version(utterance, place, generation(place)))
        return Epoch(number, versions, synthetic, others)

    def batches(
        self, workers: FeatureWorkers, epoch: Epoch, batches: Sequence[npt.NDArray[np.intp]]
    ) -> Iterator[Batch]:
        """Yield the batches of an epoch; errors as FeatureWorkers.features.

        They come in the order given, but utterances are exchanged among a few consecutive batches by their length after
        augmentation, to reduce padding.
        """
        wanted = {version.place: version.generation for version in epoch.versions}
        self._kept = {place: kept for place, kept in self._kept.items() if wanted.get(place) == kept[0]}
        groups = [[epoch.versions[int(index)] for index in chosen] for chosen in batches]
        missing = [
            [one for one in group if not self._is_clean(one) and one.place not in self._kept] for group in groups
        ]
        rng = np.random.default_rng([self.settings.seed, epoch.number, 2])
        short_first = epoch.number < self.settings.curriculum
        window: list[Version] = []
        for number, (group, new, made) in enumerate(zip(groups, missing, workers.features(missing), strict=True), 1):
            for version, features in zip(new, made, strict=True):
                self._kept[version.place] = (version.generation, features)
            window += group
            if number % _WINDOW and number < len(groups):
                continue
            frames = [self._features(version).shape[1] for version in window]
            for chosen in bucket(frames, self.settings.batch_size, rng, short_first=short_first, blur=0):
                batch = [window[int(index)] for index in chosen]
                masked = [self.extractor.mask(self._features(one), epoch.number, one.place) for one in batch]
                labels = [self.extractor.alphabet.encode(one.utterance.transcript) for one in batch]
                # Objective expects the views of an utterance in neighbouring rows.
                yield collate(
                    [view for views in masked for view in views],
                    [one for one in labels for _ in range(self.extractor.views)],
                )
            window = []

    def _synthetic(self, number: int) -> int:
        """Return the number of synthetic utterances in an epoch."""
        settings = self.settings
        if self._voices is None:
            return 0
        if number < settings.synthetic_epochs:
            return settings.synthetic_utterances
        done = (number - settings.synthetic_epochs) / max(1, settings.epochs - settings.synthetic_epochs)
        return round(settings.synthetic_share * (1 - done * (1 - settings.synthetic_last)) * self._first_synthetic)

    def _utterances(self, generation: int) -> Sequence[Utterance]:
        """Return a generation's synthetic utterances, as many as the largest epoch needs."""
        if generation not in self._spoken:
            assert self._voices is not None
            self._spoken = {key: value for key, value in self._spoken.items() if key >= generation - 1}
            self._spoken[generation] = self._voices(generation, self._most_synthetic)
        return self._spoken[generation]

    def _others(self, number: int) -> int:
        """Return the number of utterances of other speech, noise and silence in an epoch."""
        if self._other is None:
            return 0
        alone = number < self.settings.synthetic_epochs and self._voices is not None
        commands = self._synthetic(number) + (0 if alone else self._first_synthetic)
        return round(self.settings.other_speech * commands)

    def _other_utterances(self, generation: int) -> Sequence[Utterance]:
        """Return a generation's utterances of other speech, as many as the largest epoch needs."""
        if generation not in self._heard:
            assert self._other is not None
            self._heard = {key: value for key, value in self._heard.items() if key >= generation - 1}
            self._heard[generation] = self._other(generation, self._most_other)
        return self._heard[generation]

    def _is_clean(self, version: Version) -> bool:
        return self._clean is not None and version.place < self._first_synthetic

    def _features(self, version: Version) -> Float:
        if self._clean is not None and self._is_clean(version):
            return self._clean[version.place][np.newaxis]
        return self._kept[version.place][1]
