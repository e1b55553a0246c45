"""What an epoch trains on: recordings and synthetic voices, augmented, each version heard in a few epochs.

Making an augmented utterance costs more than a training step on it. A version is therefore kept for
`train.heard_in` epochs, with other masks in each; in every epoch an equal share of the versions is replaced, so
that no two epochs are alike. What is made, and when, follows from the seed alone: a training that was killed goes
on with the versions that it would have had.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from asr.ctc.batches import Batch, Hearing, Labels, Recipe, Source, Workshop, collate, needed_frames, plan
from asr.settings.sections import Train

Float = npt.NDArray[np.float32]

# Gives so many synthetic utterances; the first number chooses which.
Voices = Callable[[int, int], Sequence[Source]]

# Gives at most so many sentences that an utterance of the given one could be taken for.
Competitors = Callable[[str, int, np.random.Generator], Sequence[str]]

# Above this much sound in an epoch nothing is kept: an hour of features is 19 MB, and so is each view of it.
_MOST_KEPT = 24 * 3600.0  # s
_USUAL = 5.0  # s, of a synthetic utterance, for that sum
# Silence and speed change lengths by more than utterances of one batch differ; so many batches are sorted anew.
_WINDOW = 8


@dataclass(frozen=True)
class Epoch:
    """The utterances of one epoch, in the order of their places.

    Attributes
    ----------
    hearings : what is heard; two epochs that hear the same version name it by the same place and generation.
    synthetic : how many of them synthetic voices say beside the clips.
    """

    number: int
    hearings: Sequence[Hearing]
    synthetic: int

    @property
    def seconds(self) -> list[float]:
        """Length of each, s."""
        return [hearing.source.seconds for hearing in self.hearings]


class Supply:
    """Makes batches of features, and keeps what it made as long as it is heard.

    Parameters
    ----------
    settings : epochs, epoch_utterances, heard_in and the shares of synthetic voices are read.
    clips : the recordings.
    features : float32 [frames, 26] of each recording as it is; they are used where nothing is augmented.
    recipe : how sound becomes features.
    voices : synthetic utterances; None: none.
    competing : gives competitors of a transcript, settings.competitors of them and new ones in every epoch; None: none.

    Attributes
    ----------
    competitors : of each utterance in a batch.
    """

    def __init__(
        self,
        settings: Train,
        clips: Sequence[Source],
        features: Sequence[Float],
        recipe: Recipe,
        voices: Voices | None = None,
        competing: Competitors | None = None,
    ) -> None:
        self.settings = settings
        self.recipe = recipe
        self._clips = clips
        self._voices = voices
        self._competing = competing
        self.competitors = settings.competitors if competing is not None else 0
        self._clean = features if recipe.chain is None else None
        # Without augmentation a recording that comes again is the same one, and the epoch only longer.
        self._times = math.ceil(settings.epoch_utterances / len(clips)) if self._clean is None else 1
        # Synthetic voices take the places behind all that recordings take.
        self._behind = len(clips) * self._times
        self._kept: dict[int, tuple[int, Float]] = {}
        self._spoken: dict[int, Sequence[Source]] = {}

    def describe(self) -> str:
        """Tell what the epochs hear, in one line."""
        settings = self.settings
        again = f", each {self._times} times" if self._times > 1 else ""
        alone = min(settings.synthetic_epochs, settings.epochs) if self._voices is not None else 0
        first, last = self._synthetic(alone), self._synthetic(max(alone, settings.epochs - 1))
        text = f"an epoch hears {len(self._clips)} clips{again}"
        if first:
            text += f"{',' if again else ''} and {first} synthetic utterances"
            text += f", falling to {last}" if last < first else ""
        return f"{text}; the first {alone} hear {self._synthetic(0)} synthetic utterances alone" if alone else text

    def epoch(self, number: int) -> Epoch:
        """Return what is heard in an epoch (from 0)."""
        alone = number < self.settings.synthetic_epochs and self._voices is not None
        real = [] if alone else [*self._clips] * self._times
        synthetic = self._synthetic(number)
        seconds = sum(clip.seconds for clip in real) + _USUAL * synthetic
        heard_in = self.settings.heard_in if seconds * self.recipe.views < _MOST_KEPT else 1

        def generation(place: int) -> int:
            return (number + place % heard_in) // heard_in

        hearings = [Hearing(clip, place, generation(place)) for place, clip in enumerate(real)]
        for index in range(synthetic):
            place = self._behind + index
            source = self._utterances(generation(place))[index]
            hearings.append(Hearing(source, place, generation(place)))
        return Epoch(number, hearings, synthetic)

    def batches(
        self, workshop: Workshop, epoch: Epoch, batches: Sequence[npt.NDArray[np.intp]]
    ) -> Iterator[Batch]:
        """Yield the batches of an epoch; see Workshop.features for what it raises.

        They come in the order planned, but that a few batches in a row share out their utterances by how long these
        are once they are augmented: what pads a batch is trained on like the rest.
        """
        wanted = {hearing.place: hearing.generation for hearing in epoch.hearings}
        self._kept = {place: kept for place, kept in self._kept.items() if wanted.get(place) == kept[0]}
        groups = [[epoch.hearings[int(index)] for index in chosen] for chosen in batches]
        missing = [
            [one for one in group if not self._is_clean(one) and one.place not in self._kept] for group in groups
        ]
        rng = np.random.default_rng([self.settings.seed, epoch.number, 2])
        short_first = epoch.number < self.settings.curriculum
        window: list[Hearing] = []
        for number, (group, new, made) in enumerate(zip(groups, missing, workshop.features(missing), strict=True), 1):
            for hearing, features in zip(new, made, strict=True):
                self._kept[hearing.place] = (hearing.generation, features)
            window += group
            if number % _WINDOW and number < len(groups):
                continue
            frames = [self._features(hearing).shape[1] for hearing in window]
            for chosen in plan(frames, self.settings.batch_size, rng, short_first=short_first, blur=0):
                batch = [window[int(index)] for index in chosen]
                masked = [self.recipe.mask(self._features(hearing), epoch.number, hearing.place) for hearing in batch]
                labels = [self.recipe.alphabet.encode(hearing.source.transcript) for hearing in batch]
                competitors = [self._competitors(hearing, epoch.number) for hearing in batch]
                # The views of an utterance lie side by side, as Objective expects them.
                yield collate(
                    [view for views in masked for view in views],
                    [one for one in labels for _ in range(self.recipe.views)],
                    [one for one in competitors for _ in range(self.recipe.views)],
                    self.competitors,
                )
            window = []

    def _synthetic(self, number: int) -> int:
        """Return how many synthetic utterances an epoch hears."""
        settings = self.settings
        if self._voices is None:
            return 0
        if number < settings.synthetic_epochs:
            return settings.synthetic_utterances
        done = (number - settings.synthetic_epochs) / max(1, settings.epochs - settings.synthetic_epochs)
        return round(settings.synthetic_share * (1 - done * (1 - settings.synthetic_last)) * self._behind)

    def _utterances(self, generation: int) -> Sequence[Source]:
        """Return a generation's synthetic utterances, as many as any epoch could ask for."""
        if generation not in self._spoken:
            assert self._voices is not None
            most = max(self._synthetic(number) for number in range(self.settings.epochs))
            self._spoken = {key: value for key, value in self._spoken.items() if key >= generation - 1}
            self._spoken[generation] = self._voices(generation, most)
        return self._spoken[generation]

    def _competitors(self, hearing: Hearing, epoch: int) -> list[Labels]:
        """Return what an utterance could be taken for in an epoch, spelt; only what its frames can write."""
        if self._competing is None:
            return []
        rng = np.random.default_rng([self.settings.seed, epoch, hearing.place, 3])
        texts = self._competing(hearing.source.transcript, self.competitors, rng)
        spelt = [self.recipe.alphabet.encode(text) for text in texts]
        frames = self._features(hearing).shape[1]
        return [one for one in spelt if needed_frames(one) <= frames]

    def _is_clean(self, hearing: Hearing) -> bool:
        return self._clean is not None and hearing.place < self._behind

    def _features(self, hearing: Hearing) -> Float:
        if self._clean is not None and self._is_clean(hearing):
            return self._clean[hearing.place][np.newaxis]
        return self._kept[hearing.place][1]
