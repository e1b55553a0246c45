"""The whole chain: determinism in any process, safety for any input, and the record of what was done."""

from __future__ import annotations

import dataclasses
import multiprocessing
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.augment.chain import Chain
from asr.augment.sounds import Sounds
from asr.settings.augment import Augment

RATE = 16000
ALWAYS = {field.name: 1.0 for field in dataclasses.fields(Augment) if field.name.endswith("_probability")}
NEVER = dict.fromkeys(ALWAYS, 0.0)


def word(seed: int = 0, n: int = 7000) -> np.ndarray:
    """Noise of speech's modulation; whatever is said, it is as long as a digit."""
    rng = np.random.default_rng(seed)
    return (
        (0.3 * rng.standard_normal(n) * np.sin(np.linspace(0, np.pi, n)) ** 2).clip(-1, 1).astype(np.float32)
    )


def voices() -> Sounds:
    return Sounds.of([word(seed) for seed in range(3)])


def run(chain: Chain, seeds: list[int]) -> list[np.ndarray]:
    return [chain.apply(word(), np.random.default_rng((11, seed))) for seed in seeds]


def test_same_seed_same_samples_in_a_spawned_process() -> None:
    chain = Chain(Augment(rooms=4), voices(), voices())
    seeds = list(range(12))
    here = run(chain, seeds)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        there = pool.apply(run, (chain, seeds[::-1]))[::-1]
    assert all(np.array_equal(a, b) for a, b in zip(here, there, strict=True))
    assert not all(np.array_equal(here[0][:4000], other[:4000]) for other in here[1:])


def test_a_chain_pickles_without_its_rooms() -> None:
    chain = Chain(Augment(rooms=4))
    empty = len(pickle.dumps(chain))
    assert len(chain.rooms) == 4
    assert len(pickle.dumps(chain)) == empty < 5000


def test_global_generator_is_left_alone() -> None:
    np.random.seed(3)
    before = np.random.get_state()[1].copy()
    run(Chain(Augment(rooms=2)), [1, 2, 3])
    assert np.array_equal(np.random.get_state()[1], before)


@given(
    n=st.sampled_from([0, 1, 2, 50, 399, 801, 4000, 20000]),
    level=st.sampled_from([0.0, 1e-6, 0.1, 1.0]),
    seed=st.integers(0, 10_000),
    every=st.booleans(),
)
@settings(max_examples=120)
def test_any_input_comes_out_sane(n: int, level: float, seed: int, every: bool) -> None:
    chain = EVERYTHING if every else DEFAULT
    samples = (level * np.random.default_rng(seed).uniform(-1, 1, n)).astype(np.float32)
    before = samples.copy()
    augmented = chain.apply(samples, np.random.default_rng(seed))
    assert augmented.dtype == np.float32
    assert np.isfinite(augmented).all()
    assert np.abs(augmented).max(initial=0.0) <= 1.0
    assert np.array_equal(samples, before)
    chosen = chain.settings
    shortest = n / (chosen.speed[1] * chosen.tempo[1]) - 4
    longest = n / (chosen.speed[0] * chosen.tempo[0]) + 4 + 2 * chosen.silence[1] * RATE
    assert shortest <= augmented.shape[0] <= longest


DEFAULT = Chain(Augment(rooms=8), voices(), voices())
EVERYTHING = Chain(Augment(rooms=8, **ALWAYS), voices(), voices())


def test_record_tells_each_effect_and_nothing_else() -> None:
    _, applied = EVERYTHING.describe(word(), np.random.default_rng(0))
    names = [name for name, _ in applied]
    # The endpointer leaves nothing to crop. Every telephone is a band limit, so the cheap microphone is not reached.
    assert names == [
        *("speed", "tempo", "pitch", "vocal tract", "gate", "endpoints", "silence", "room", "noise"),
        *("equaliser", "band", "hiss", "clipping", "codec", "gain"),
    ]
    assert "300 to 3400 Hz" in str(applied)
    samples, applied = Chain(Augment(**NEVER)).describe(word(), np.random.default_rng(0))
    assert applied == []
    assert np.array_equal(samples, word())


def test_switched_off_it_returns_the_clip() -> None:
    assert np.array_equal(Chain(Augment(enabled=False)).apply(word(), np.random.default_rng(0)), word())


def test_each_effect_comes_as_often_as_asked() -> None:
    counts: dict[str, int] = {}
    for seed in range(400):
        _, applied = DEFAULT.describe(word(n=2000), np.random.default_rng(seed))
        for name, _ in applied:
            counts[name] = counts.get(name, 0) + 1
    chosen = DEFAULT.settings
    for name in ("speed", "tempo", "pitch", "room", "noise", "equaliser", "gain"):
        # Three standard deviations of 400 draws are at most 0.075.
        assert counts[name] / 400 == pytest.approx(getattr(chosen, f"{name}_probability"), abs=0.075)


def test_speech_is_never_shorter_than_its_transcript_needs() -> None:
    fast = Augment(
        **{**NEVER, "speed_probability": 1.0, "tempo_probability": 1.0}, speed=(1.2, 1.3), tempo=(1.2, 1.5)
    )
    chain = Chain(fast)
    for seed in range(10):
        assert chain.apply(word(), np.random.default_rng(seed), shortest=6500).shape[0] >= 6500
        assert chain.apply(word(), np.random.default_rng(seed), shortest=9000).shape[0] >= 7000


def test_recorded_noise_is_used_where_there_is_some() -> None:
    only = Augment(**{**NEVER, "noise_probability": 1.0}, noise_recorded=1.0)
    _, applied = Chain(only, voices()).describe(word(), np.random.default_rng(0))
    assert "recorded" in str(applied)
    _, applied = Chain(only).describe(word(), np.random.default_rng(0))
    assert "recorded" not in str(applied)


def test_an_endpointer_takes_what_is_soft_beside_the_vowel_and_never_too_much() -> None:
    chain = Chain(dataclasses.replace(Augment(), **{**NEVER, "endpoint_probability": 1.0}))
    rng = np.random.default_rng(5)
    # All frames of a piece are equally loud, and hardly two samples the same.
    hiss, soft, loud = (
        (rng.choice([-level, level], n) * rng.uniform(0.999, 1.001, n)).astype(np.float32)
        for level, n in ((0.0003, 1600), (0.01, 1600), (0.1, 3200))
    )
    clip = np.concatenate([hiss, soft, loud, soft, hiss])  # 20 and 50 dB below the vowel
    found = set()
    for seed in range(60):
        heard, applied = chain.describe(clip, np.random.default_rng(seed))
        start = int(np.flatnonzero(clip == heard[0])[0])
        np.testing.assert_array_equal(heard, clip[start : start + len(heard)])
        found.add((start // 320 * 320, (start + len(heard)) // 320 * 320))
        assert "endpoints" in str(applied)
    # What is soft stays at both ends or goes, as one threshold has it; the hiss always goes.
    assert found == {(1600, 8000), (3200, 6400)}
    untouched, applied = chain.describe(clip, np.random.default_rng(1), shortest=len(clip))
    np.testing.assert_array_equal(untouched, clip)
    assert applied == []
    # What is soft for longer than a consonant is a word.
    longer = np.concatenate([np.tile(soft, 10), loud, np.tile(soft, 10)])
    lengths = {len(chain.apply(longer, np.random.default_rng(seed))) for seed in range(20)}
    assert lengths == {len(longer), len(longer) - 2 * 4000}


def test_a_crop_takes_only_what_is_quiet_and_never_too_much() -> None:
    chain = Chain(dataclasses.replace(Augment(), **{**NEVER, "crop_probability": 1.0}))
    rng = np.random.default_rng(5)
    hiss = rng.normal(0, 0.0001, 8000).astype(np.float32)
    said = rng.normal(0, 0.1, 4800).astype(np.float32)
    clip = np.concatenate([hiss[:2400], said, hiss[:2400]])
    starts = set()
    for seed in range(40):
        heard, applied = chain.describe(clip, np.random.default_rng(seed))
        start = int(np.flatnonzero(clip == heard[0])[0])
        np.testing.assert_array_equal(heard, clip[start : start + len(heard)])
        assert start <= 2400 and start + len(heard) >= 7200
        assert "crop" in str(applied)
        starts.add(start)
    assert len(starts) > 30
    untouched, applied = chain.describe(clip, np.random.default_rng(1), shortest=len(clip))
    np.testing.assert_array_equal(untouched, clip)
    assert applied == []
