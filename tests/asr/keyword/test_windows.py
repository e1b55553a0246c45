"""Clips of a second: where a word lies in them, what is cut, and what is drawn around it."""

from __future__ import annotations

import numpy as np
import pytest

from asr.augment.chain import Chain
from asr.augment.sounds import Sounds
from asr.keyword import windows
from asr.keyword.frontend import STEP
from asr.keyword.windows import CLIP, Maker, Sound
from asr.settings.augment import Augment
from asr.settings.keyword import Keyword
from tests.keyword_words import tune


def burst(start: int, length: int, total: int, level: float = 0.3) -> windows.Float:
    """Return silence with a stretch of noise in it."""
    samples = np.zeros(total, np.float32)
    samples[start : start + length] = np.random.default_rng(1).normal(0, level, length)
    return samples


def test_a_clip_is_cut_around_its_middle_with_zeros_where_the_recording_ends() -> None:
    samples = np.arange(1, 40001, dtype=np.float32)
    assert np.array_equal(windows.cut(samples, 20000), samples[12000:28000])
    assert np.array_equal(windows.cut(samples, 20000, 640), samples[11360:28000])
    early = windows.cut(samples, 1000)
    assert np.array_equal(early[:7000], np.zeros(7000)) and early[7000] == 1
    late = windows.cut(samples, 39000)
    assert late[8999] == 40000 and not late[9000:].any()
    assert np.array_equal(windows.cut(samples[:100], 50), np.pad(samples[:100], (7950, 7950)))
    assert not windows.cut(samples, -50000).any()


def test_speech_longer_than_a_second_is_cut_where_it_is_loudest() -> None:
    samples = burst(8000, 32000, 56000, 0.02) + burst(24000, 14000, 56000, 0.5)
    sound = windows.locate(samples)
    assert sound.longer
    middle = windows.loudest(sound)
    kept = windows.cut(samples, middle)
    # Of the second kept, the loud 14,000 samples are all there.
    assert np.sum(np.square(kept)) > 0.99 * np.sum(np.square(samples[24000:38000]))


def test_a_word_in_a_long_recording_is_found() -> None:
    samples = burst(40000, 9600, 72000)
    sound = windows.locate(samples)
    assert not sound.longer
    assert abs(windows.loudest(sound) - 44800) < 800


def test_the_time_shift_stays_within_its_bounds() -> None:
    maker = Maker(Keyword(time_shift=0.1, warm_share=0.0), None, None, None)
    samples = np.zeros(32000, np.float32)
    samples[16000] = 0.5
    rng = np.random.default_rng(3)
    places = [int(np.abs(maker.clip(Sound(samples, 15000, 17000), 16000, rng)).argmax()) for _ in range(200)]
    assert min(places) >= 8000 - 1600 and max(places) <= 8000 + 1600
    assert np.ptp(places) > 2400


def test_warm_clips_have_whole_slices_before_them() -> None:
    maker = Maker(Keyword(warm_share=1.0), None, None, None)
    rng = np.random.default_rng(3)
    samples = burst(0, 64000, 64000)
    lengths = {len(maker.clip(Sound(samples, 0, 64000), 32000, rng)) - CLIP for _ in range(50)}
    assert all(length % STEP == 0 and 0 < length <= windows.MOST_LEAD * STEP for length in lengths)
    assert len(lengths) > 10


def test_augmentation_keeps_the_word_in_the_clip() -> None:
    settings = Keyword(warm_share=0.5, time_shift=0.1)
    chain = Chain(Augment(silence_probability=0.0, rooms=2, noise_probability=0.0, hiss_probability=0.0))
    maker = Maker(settings, chain, None, None)
    word = tune("up", 3).astype(np.float32) / 32768
    samples = np.zeros(48000, np.float32)
    samples[20000 : 20000 + len(word)] = word
    middle = 20000 + len(word) // 2
    rng = np.random.default_rng(5)
    for _ in range(30):
        clip = maker.clip(Sound(samples, 20000, 20000 + len(word)), middle, rng).astype(np.float64)
        last = clip[-CLIP:]
        centre = float(np.sum(np.arange(CLIP) * last**2) / np.sum(last**2))
        assert abs(centre - CLIP / 2) < 4800, centre


def test_the_same_seed_gives_the_same_clip() -> None:
    maker = Maker(Keyword(), Chain(Augment(rooms=2)), None, None)
    sound = windows.locate(tune("down", 1).astype(np.float32) / 32768)
    clips = [maker.clip(sound, windows.loudest(sound), np.random.default_rng([7, 1])) for _ in range(2)]
    assert np.array_equal(*clips)
    assert not np.array_equal(clips[0], maker.clip(sound, windows.loudest(sound), np.random.default_rng([7, 2])))


@pytest.mark.parametrize("voices", [None, Sounds.of([tune("low", 2)])])
def test_a_splice_keeps_one_part_of_the_word_only(voices: Sounds | None) -> None:
    maker = Maker(Keyword(warm_share=0.0, time_shift=0.0), None, voices, None)
    samples = np.full(CLIP, 0.25, np.float32)
    sound = Sound(samples, 0, CLIP)
    for seed in range(10):
        clip = maker.splice(sound, np.random.default_rng(seed))
        kept = np.mean(clip == 8192)
        assert 0.25 < kept < 0.65
        assert (clip[0] == 8192) != (clip[-1] == 8192)


def test_silence_is_never_louder_than_asked_for() -> None:
    maker = Maker(Keyword(noise_volume=0.1, warm_share=0.0), None, None, None)
    peaks = [int(np.abs(maker.silence(np.random.default_rng(seed))).max()) for seed in range(60)]
    assert max(peaks) <= 3277
    assert 0 in peaks and max(peaks) > 1000


def test_a_slow_word_is_heard_from_its_beginning_to_its_end() -> None:
    settings = Keyword(warm_share=0.0, time_shift=0.0)
    nothing = {name: 0.0 for name in vars(Augment()) if name.endswith("_probability")}
    chain = Chain(Augment(**{**nothing, "tempo_probability": 1.0, "tempo": (0.7, 0.7), "rooms": 2}))
    maker = Maker(settings, chain, None, None)
    samples = burst(20000, 16000, 56000)
    # A second of speech becomes 1.43 s: most seconds of it are full of speech, wherever they lie.
    sound = Sound(samples, 20000, 36000)
    rng = np.random.default_rng(7)
    clips = [maker.word(sound, rng) for _ in range(60)]
    silent = [float(np.mean(np.abs(clip.astype(np.int32)) < 20)) for clip in clips]
    assert max(silent) < 0.1
    assert len({clip.tobytes() for clip in clips}) > 50
    # Another second of the speech each time: in the same place, they would be alike.
    likeness = [np.corrcoef(clips[0].astype(float), clip.astype(float))[0, 1] for clip in clips[1:]]
    assert np.median(np.abs(likeness)) < 0.3
    plain = [maker.word(sound, rng, plain=True) for _ in range(2)]
    assert np.array_equal(plain[0], plain[1])


def test_of_much_more_than_a_word_the_loudest_second_is_the_word() -> None:
    nothing = {name: 0.0 for name in vars(Augment()) if name.endswith("_probability")}
    maker = Maker(Keyword(warm_share=0.0, time_shift=0.0), Chain(Augment(**nothing)), None, None)
    # A word, and a second later something falls.
    sound = windows.locate(burst(8000, 8000, 56000, 0.1) + burst(36000, 4000, 56000, 0.02))
    assert sound.end - sound.start > 1.5 * CLIP
    for seed in range(20):
        clip = maker.word(sound, np.random.default_rng(seed)).astype(np.float64)
        assert np.sum(clip**2) > 0.95 * np.sum((32768 * sound.samples[8000:16000].astype(np.float64)) ** 2)


def test_a_word_cut_to_a_second_before_stays_where_it_was() -> None:
    settings = Keyword(warm_share=0.0, time_shift=0.0)
    nothing = {name: 0.0 for name in vars(Augment()) if name.endswith("_probability")}
    chain = Chain(Augment(**{**nothing, "tempo_probability": 1.0, "tempo": (0.7, 0.7), "rooms": 2}))
    maker = Maker(settings, chain, None, None)
    # All of a file of a second counts as speech; where the word lies in it, nobody knows.
    sound = windows.locate(burst(6000, 4000, CLIP))
    clips = [maker.word(sound, np.random.default_rng(seed)) for seed in range(5)]
    assert len({clip.tobytes() for clip in clips}) == 1
