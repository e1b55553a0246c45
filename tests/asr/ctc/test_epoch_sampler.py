"""The utterances of epochs, and the versions that the workers are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pytest

from asr.augment.chain import Chain
from asr.core.alphabet import Alphabet
from asr.ctc.epoch_sampler import EpochSampler
from asr.ctc.extraction import FeatureExtractor, Version
from asr.settings.augment import Augment
from asr.settings.sections import Train

OFF = {name: 0.0 for name in Augment.__dataclass_fields__ if name.endswith("_probability")}
QUIET = Augment(**{**OFF, "gain_probability": 1.0}, time_masks=1, frequency_masks=0)
SETTINGS = Train(
    epochs=9, epoch_utterances=1, batch_size=4, curriculum=1, heard_in=3, synthetic_epochs=2, synthetic_utterances=4,
    synthetic_share=1.0, synthetic_last=0.0,
)  # fmt: skip


@dataclass(frozen=True)
class Tone:
    """A clip that differs from every other."""

    number: int
    seconds: float = 0.5

    @property
    def transcript(self) -> str:
        return "".join(chr(ord("a") + int(digit)) for digit in str(self.number))

    def samples(self) -> np.ndarray:
        time = np.arange(int(16000 * self.seconds))
        return np.sin(time * 0.01 * (1 + self.number)).astype(np.float32) * 0.3


class Workers:
    """Workers that compute features in this process, and record for which versions."""

    def __init__(self, extractor: FeatureExtractor) -> None:
        self.extractor = extractor
        self.made: list[tuple[int, int]] = []

    def features(self, groups: Iterable[Sequence[Version]]) -> Iterator[list[np.ndarray]]:
        for group in groups:
            self.made += [(version.place, version.generation) for version in group]
            yield [self.extractor.features(version) for version in group]


def voices(generation: int, count: int) -> list[Tone]:
    return [Tone(1000 * (generation + 1) + index) for index in range(count)]


def make(chain: Chain | None = None, **changes: object) -> tuple[EpochSampler, Workers]:
    extractor = FeatureExtractor(Alphabet(), chain, 1)
    clips = [Tone(number) for number in range(6)]
    clean = [extractor.features(Version(clip, 0, 0))[0] for clip in clips]
    return EpochSampler(replace(SETTINGS, **changes), clips, clean, extractor, voices), Workers(extractor)


def features_of(sampler: EpochSampler, workers: Workers, number: int) -> dict[int, np.ndarray]:
    """Go through one epoch and return the features of each place."""
    epoch = sampler.epoch(number)
    order = np.random.default_rng(number).permutation(len(epoch.versions))
    batches = [order[start : start + 4] for start in range(0, len(order), 4)]
    made = list(sampler.batches(workers, epoch, batches))  # type: ignore[arg-type]
    assert len(made) == len(batches)
    spelt = {version.utterance.transcript: version.place for version in epoch.versions}
    rows = [
        (spelt[sampler.extractor.alphabet.decode(batch.labels[row][: batch.label_lengths[row]])], batch, row)
        for batch in made
        for row in range(len(batch.frames))
    ]
    assert sorted(place for place, _, _ in rows) == sorted(version.place for version in epoch.versions)
    return {place: batch.features[row][: batch.frames[row]] for place, batch, row in rows}


def test_voices_alone_come_first_and_then_fewer_and_fewer() -> None:
    sampler, _ = make(Chain(QUIET))
    counts = [[version.place for version in sampler.epoch(number).versions] for number in range(9)]
    assert counts[0] == counts[1] == [6, 7, 8, 9], "the recordings' places are 0 to 5"
    assert [len(places) for places in counts[2:]] == [12, 11, 10, 9, 9, 8, 7]


@pytest.mark.parametrize("heard_in", [1, 3])
def test_a_version_is_made_once_and_used_in_heard_in_epochs(heard_in: int) -> None:
    sampler, workers = make(Chain(QUIET), heard_in=heard_in, synthetic_epochs=0)
    used = [{(version.place, version.generation) for version in sampler.epoch(number).versions} for number in range(9)]
    for number in range(9):
        features_of(sampler, workers, number)
    assert len(workers.made) == len(set(workers.made)), "no version is made twice"
    assert set(workers.made) == set().union(*used)
    if heard_in == 3:
        for one, two in pairwise(used[1:5]):
            new = {place for place, _ in two - one if place < 6}
            assert len(new) == 2, "a third of the recordings is made anew"
        lives = [sum((0, generation) in epoch for epoch in used) for generation in range(3)]
        assert lives == [3, 3, 3]


def test_masks_are_new_where_the_version_is_not() -> None:
    sampler, workers = make(Chain(QUIET), synthetic_epochs=0)
    first, second = features_of(sampler, workers, 0), features_of(sampler, workers, 1)
    same = {version.place for version in sampler.epoch(0).versions if version.generation == 0} & {
        version.place for version in sampler.epoch(1).versions if version.generation == 0
    }
    assert len(same) >= 6
    assert any(not np.array_equal(first[place], second[place]) for place in same)
    # Masks apart, it is the same sound: most frames are equal.
    assert all(np.mean(np.all(first[place] == second[place], axis=1)) > 0.5 for place in same)


def test_a_resumed_training_gets_the_same_utterances() -> None:
    through, workers = make(Chain(QUIET))
    for number in range(5):
        expected = features_of(through, workers, number)
    resumed, workers = make(Chain(QUIET))
    found = features_of(resumed, workers, 4)
    assert found.keys() == expected.keys()
    for place, features in found.items():
        np.testing.assert_array_equal(features, expected[place])


def test_without_augmentation_recordings_are_taken_from_the_store() -> None:
    sampler, workers = make(None, synthetic_epochs=0)
    found = features_of(sampler, workers, 0)
    assert {place for place, _ in workers.made} == set(range(6, 12)), "only the voices are made"
    (clean,) = sampler.extractor.features(Version(Tone(2), 0, 0))
    np.testing.assert_array_equal(found[2], clean)


def test_two_views_of_an_utterance_lie_side_by_side() -> None:
    noisy = Chain(Augment(**{**OFF, "noise_probability": 1.0, "speed_probability": 1.0}))
    extractor = FeatureExtractor(Alphabet(), noisy, 1, views=2)
    clips = [Tone(number) for number in range(6)]
    sampler = EpochSampler(replace(SETTINGS, synthetic_epochs=0), clips, [], extractor, voices)
    epoch = sampler.epoch(1)
    planned = np.array_split(np.arange(len(epoch.versions)), 3)
    for batch in sampler.batches(Workers(extractor), epoch, planned):  # type: ignore[arg-type]
        assert len(batch.frames) in (6, 8)
        for row in range(0, len(batch.frames), 2):
            assert batch.frames[row] == batch.frames[row + 1]
            np.testing.assert_array_equal(batch.labels[row], batch.labels[row + 1])
            assert not np.array_equal(batch.features[row], batch.features[row + 1])
    # The first of two views is the view that there is without a second one, masks included.
    alone = FeatureExtractor(Alphabet(), noisy, 1)
    version = Version(Tone(3), 3, 0)
    both, one = extractor.features(version), alone.features(version)
    np.testing.assert_array_equal(both[0], one[0])
    np.testing.assert_array_equal(extractor.mask(both, 2, 3)[0], alone.mask(one, 2, 3)[0])
    hidden = extractor.mask(np.repeat(one, 2, axis=0), 2, 3)
    assert not np.array_equal(hidden[0], hidden[1]), "each view has masks of its own"
    plain = FeatureExtractor(Alphabet(), None, 1, views=2)
    assert len(plain.mask(plain.features(version), 0, 3)) == 2


def test_batches_are_of_one_length_whatever_augmentation_made_of_it() -> None:
    silent = Chain(Augment(**{**OFF, "silence_probability": 1.0}, silence=(0.0, 3.0)))
    extractor = FeatureExtractor(Alphabet(), silent, 1)
    clips = [Tone(number, seconds=0.5 + 0.01 * number) for number in range(64)]
    sampler = EpochSampler(replace(SETTINGS, synthetic_share=0.0, batch_size=8), clips, [], extractor, None)
    for number in (0, 1):
        epoch = sampler.epoch(number)
        planned = [np.arange(start, start + 8) for start in range(0, 64, 8)]
        batches = list(sampler.batches(Workers(extractor), epoch, planned))  # type: ignore[arg-type]
        frames = [extractor.features(version).shape[1] for version in epoch.versions]
        padded = sum(8 * batch.features.shape[1] for batch in batches)
        assert padded < 1.15 * sum(frames)
        assert sum(8 * max(frames[start : start + 8]) for start in range(0, 64, 8)) > 1.4 * sum(frames)
        lengths = [batch.features.shape[1] for batch in batches]
        assert (lengths == sorted(lengths)) == (number < SETTINGS.curriculum), "short ones first, in a curriculum only"


def test_the_description_counts_the_utterances() -> None:
    sampler, _ = make(Chain(QUIET), epoch_utterances=9)
    synthetic = [len(sampler.epoch(number).versions) - 12 for number in (2, 8)]
    assert sampler.describe() == (
        f"an epoch has 6 clips, each 2 times, and {synthetic[0]} synthetic utterances, "
        f"falling to {synthetic[1]}; "
        "the first 2 epochs have 4 synthetic utterances only"
    )
    assert synthetic == [12, 2]
    alone, _ = make(None, synthetic_share=0.0, synthetic_epochs=0)
    assert alone.describe() == "an epoch has 6 clips"
    again, _ = make(Chain(QUIET), synthetic_share=0.0, synthetic_epochs=0, epoch_utterances=9)
    assert again.describe() == "an epoch has 6 clips, each 2 times"


def test_other_speech_comes_beside_commands_and_keeps_its_place() -> None:
    settings = replace(SETTINGS, other_speech=0.5)
    clips = [Tone(number) for number in range(10)]
    extractor = FeatureExtractor(Alphabet(), Chain(QUIET, seed=1), 1)

    def voices(generation: int, count: int) -> list[Tone]:
        return [Tone(1000 + 100 * generation + index) for index in range(count)]

    def other(generation: int, count: int) -> list[Tone]:
        return [Tone(90000 + 100 * generation + index) for index in range(count)]

    sampler = EpochSampler(settings, clips, [], extractor, voices, other)
    kept: dict[tuple[int, int], int] = {}
    for number in range(settings.epochs):
        epoch = sampler.epoch(number)
        heard = [one for one in epoch.versions if one.utterance.number >= 90000]  # type: ignore[attr-defined]
        assert len(heard) == epoch.other == round(0.5 * (len(epoch.versions) - epoch.other))
        assert len({one.place for one in epoch.versions}) == len(epoch.versions)
        for one in heard:
            # A version that is kept must stay the utterance that it was made of.
            key = (one.place, one.generation)
            assert kept.setdefault(key, one.utterance.number) == one.utterance.number  # type: ignore[attr-defined]
    assert "other speech" in sampler.describe()
