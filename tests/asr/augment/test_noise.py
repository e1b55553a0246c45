"""Noise: its spectra, its level below the speech, where it comes from."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.augment import noise, scenes
from asr.augment.room import make_rooms
from asr.augment.sounds import Sounds, babble
from asr.augment.spectrum import active_power
from asr.settings.augment import KINDS

RATE = 16000


def slope(samples: np.ndarray) -> float:
    """dB an octave between 100 Hz and 6 kHz, by Welch's spectrum."""
    frequencies, power = scipy.signal.welch(samples, RATE, nperseg=4096)
    inside = (frequencies > 100) & (frequencies < 6000)
    # Octaves count alike: weight each bin by its width in octaves.
    octaves, levels = np.log2(frequencies[inside]), 10 * np.log10(power[inside])
    return float(np.polyfit(octaves, levels, 1, w=np.sqrt(1 / frequencies[inside]))[0])


def seconds(sounds: Sounds) -> float:
    return sum(end - first for group in sounds.groups for first, end in group) / 16000


@pytest.mark.parametrize("wanted", [0.0, -3.0, -6.0])
def test_colours_have_their_slopes(wanted: float) -> None:
    made = scenes.coloured(10 * RATE, np.random.default_rng(1), wanted)
    assert slope(made) == pytest.approx(wanted, abs=0.3)


def test_coloured_noise_is_gaussian() -> None:
    made = scenes.coloured(10 * RATE, np.random.default_rng(2), 0.0)
    fourth = float(np.mean(made.astype(float) ** 4) / np.mean(made.astype(float) ** 2) ** 2)
    assert fourth == pytest.approx(3.0, abs=0.1)
    assert np.std(made) == pytest.approx(1.0, rel=0.02)


def test_hum_is_mains_and_harmonics() -> None:
    for seed in range(6):
        frequencies, power = scipy.signal.welch(
            scenes.hum(4 * RATE, np.random.default_rng(seed)), RATE, nperseg=32768
        )
        loudest = float(frequencies[power.argmax()])
        nearest = min((50.0, 60.0, 100.0), key=lambda mains: abs(loudest / mains - round(loudest / mains)))
        assert abs(loudest - nearest * round(loudest / nearest)) < 0.003 * loudest + 0.5


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "babble"])
@pytest.mark.parametrize("n", [1, 200, 5000, 48000])
def test_every_kind_sounds_at_any_length(kind: str, n: int) -> None:
    for seed in range(4):
        made = scenes.MAKERS[kind](n, np.random.default_rng(seed))
        assert made.shape == (n,)
        assert made.dtype == np.float32
        assert np.isfinite(made).all()
        assert n < 5000 or np.std(made) > 0
        again = scenes.MAKERS[kind](n, np.random.default_rng(seed))
        assert np.array_equal(made, again)


def test_kinds_differ_from_each_other() -> None:
    # Crest and change over time part steady noise from struck things; both ends must be there.
    def crest(kind: str) -> float:
        made = [scenes.MAKERS[kind](5 * RATE, np.random.default_rng(seed)).astype(float) for seed in range(5)]
        return float(np.median([np.mean(one**4) / np.mean(one**2) ** 2 for one in made]))

    assert crest("clatter") > 10 > 4 > crest("white")
    assert crest("crackle") > 5


def speech_like(rng: np.random.Generator) -> np.ndarray:
    samples = np.zeros(3 * RATE, np.float32)
    samples[RATE : 2 * RATE] = 0.1 * rng.standard_normal(RATE)
    return samples


@pytest.mark.parametrize("above", [0.0, 6.0, 15.0, 30.0])
@pytest.mark.parametrize("silence", [0, 16000, 80000])
def test_noise_is_as_far_below_the_speech_as_asked(above: float, silence: int) -> None:
    rng = np.random.default_rng(4)
    speech = 0.1 * rng.standard_normal(RATE).astype(np.float32)
    samples = np.concatenate((np.zeros(silence, np.float32), speech, np.zeros(silence, np.float32)))
    mixed = noise.add_noise(samples, scenes.white(samples.shape[0], rng), above)
    added = mixed - samples
    found = 10 * np.log10(np.mean(speech.astype(float) ** 2) / np.mean(added.astype(float) ** 2))
    assert found == pytest.approx(above, abs=0.5)


def test_active_level_ignores_pauses_and_follows_gain(shared_data: Path) -> None:
    from asr.core import audio

    speech = audio.load(shared_data / "coffee" / "recordings" / "02b77977.flac")
    padded = np.concatenate((np.zeros(50000, np.float32), speech, np.zeros(90000, np.float32)))
    assert active_power(padded) == pytest.approx(active_power(speech), rel=0.05)
    assert active_power(speech * 0.5) == pytest.approx(0.25 * active_power(speech), rel=1e-3)
    assert active_power(speech) > np.mean(speech**2)


def test_silent_speech_or_noise_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    silence, sound = np.zeros(4000, np.float32), rng.standard_normal(4000).astype(np.float32)
    assert np.array_equal(noise.add_noise(silence, sound, 10.0), silence)
    assert np.array_equal(noise.add_noise(sound, silence, 10.0), sound)


def test_room_tone_has_the_clips_own_spectrum_and_level() -> None:
    rng = np.random.default_rng(7)
    tone = 0.003 * scenes.coloured(2 * RATE, rng, -6.0) / 4.0
    clip = tone.copy()
    clip[RATE // 2 : RATE] += 0.2 * rng.standard_normal(RATE // 2).astype(np.float32)
    longer = noise.add_silence(clip, RATE, RATE, 0.0, rng)
    assert longer.shape[0] == 4 * RATE
    for added in (longer[: RATE - 400], longer[-RATE + 400 :]):
        level = 10 * np.log10(np.mean(added.astype(float) ** 2) / np.mean(tone.astype(float) ** 2))
        assert level == pytest.approx(0.0, abs=4.0)
        assert slope(added) == pytest.approx(-6.0, abs=1.5)
    assert np.array_equal(longer[RATE + 200 : 3 * RATE - 200], clip[200:-200])


def test_digital_silence_around_a_clip() -> None:
    clip = np.full(1000, 0.25, np.float32)
    longer = noise.add_silence(clip, 300, 50, float("inf"), np.random.default_rng(0))
    assert np.array_equal(longer, np.concatenate((np.zeros(300), clip, np.zeros(50))))


@given(
    n=st.integers(0, 5000), before=st.integers(0, 4000), after=st.integers(0, 4000), seed=st.integers(0, 50)
)
@settings(max_examples=40)
def test_silence_around_any_clip(n: int, before: int, after: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    clip = rng.uniform(-1, 1, n).astype(np.float32) * float(rng.integers(0, 2))
    longer = noise.add_silence(clip, before, after, 3.0, rng)
    assert longer.shape == (before + n + after,)
    assert np.isfinite(longer).all()


def test_a_kind_left_out_never_sounds() -> None:
    rooms = make_rooms(1, 2, (0.2, 0.3), (0.5, 1.0))
    kept = tuple(kind for kind in KINDS if kind != "clatter")
    heard = set()
    for seed in range(150):
        made, kinds = noise.make_scene(4000, np.random.default_rng(seed), kept, None, rooms)
        assert np.isfinite(made).all()
        heard.update(kinds)
    assert heard == set(kept) - {"babble"}


def write(path: Path, samples: np.ndarray, rate: int = RATE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype="PCM_16")


def noise_folders(root: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    write(root / "background_noise" / "fridge.wav", 0.1 * rng.standard_normal(RATE))
    write(root / "background_noise" / "deep" / "tap.flac", 0.1 * rng.standard_normal((22050, 2)), 22050)
    write(root / "music" / "tune.wav", 0.5 * np.sin(np.arange(3 * RATE) * 0.3))
    (root / "music" / "broken.wav").write_bytes(b"RIFF and then nothing of the kind")
    write(root / "music" / "silent.wav", np.zeros(RATE))
    (root / "music" / "notes.txt").write_text("no sound")
    return [root / "background_noise", root / "problem_noise", root / "music"]


@pytest.mark.parametrize("cached", [False, True])
def test_folders_are_read_and_broken_files_named_once(tmp_path: Path, capsys, cached: bool) -> None:
    folders = noise_folders(tmp_path)
    cache = tmp_path / "cache" if cached else None
    found = Sounds.gather(folders, cache=cache)
    said = capsys.readouterr().err
    assert said.count("broken.wav") == 1
    assert said.count("silent.wav") == 1
    assert "notes.txt" not in said
    assert seconds(found) == pytest.approx(1.0 + 1.0 + 3.0, abs=0.01)
    assert [len(group) for group in found.groups] == [2, 1]
    drawn = found.draw(700, np.random.default_rng(3))
    there = pickle.loads(pickle.dumps(found))
    assert np.array_equal(there.draw(700, np.random.default_rng(3)), drawn)
    if cached:
        assert len(pickle.dumps(found)) < 2000
        again = Sounds.gather(folders, cache=cache)
        assert capsys.readouterr().err == ""
        assert np.array_equal(again.draw(700, np.random.default_rng(3)), drawn)


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    folders = noise_folders(tmp_path)
    before = Sounds.gather(folders, cache=tmp_path / "cache")
    write(tmp_path / "music" / "another.wav", 0.2 * np.ones(RATE))
    after = Sounds.gather(folders, cache=tmp_path / "cache")
    assert seconds(after) == pytest.approx(seconds(before) + 1.0, abs=0.01)


def test_memory_is_bounded_and_every_file_keeps_its_share(tmp_path: Path) -> None:
    found = Sounds.gather(noise_folders(tmp_path), most_seconds=2.0)
    assert seconds(found) <= 2.0
    assert sum(len(group) for group in found.groups) == 3


def test_no_folders_are_no_noise(tmp_path: Path) -> None:
    assert not Sounds.gather([tmp_path / "background_noise"])
    assert not Sounds.of([])


def test_groups_weigh_alike_and_short_sounds_repeat() -> None:
    group_a, group_b = np.full(1000, 3276, np.int16), np.full(99000, -3276, np.int16)
    found = Sounds(np.concatenate((group_a, group_b)), [[(0, 1000)], [(1000, 100000)]])
    rng = np.random.default_rng(0)
    signs = [float(found.draw(5000, rng).mean()) > 0 for _ in range(400)]
    assert np.mean(signs) == pytest.approx(0.5, abs=0.08)


def test_babble_is_several_voices_and_none_alone() -> None:
    rng = np.random.default_rng(0)
    voices = Sounds.of(
        [np.sin(np.arange(20000) * step).astype(np.float32) for step in (0.05, 0.11, 0.23, 0.37)]
    )
    made = babble(voices, 16000, rng)
    power = np.abs(np.fft.rfft(made * np.hanning(16000))) ** 2
    peaks = scipy.signal.find_peaks(power, height=power.max() / 200, distance=50)[0]
    assert len(peaks) >= 2


def test_a_gate_quietens_pauses_and_leaves_speech() -> None:
    # Two loud stretches with a pause 20 dB below between them.
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 0.1, 16000).astype(np.float32)
    samples[6000:10000] *= np.float32(0.1)
    gated = noise.gate(samples, below=15.0, depth=30.0)
    assert np.array_equal(gated[1000:5500], samples[1000:5500])
    fall = 10 * np.log10(np.mean(samples[6800:9200] ** 2) / np.mean(gated[6800:9200] ** 2))
    assert fall == pytest.approx(30.0, abs=0.1)
    # 20 dB below is above a gate at 30 dB, knee and all.
    assert np.array_equal(noise.gate(samples, below=30.0, depth=30.0), samples)
    silence = np.zeros(400, np.float32)
    assert np.array_equal(noise.gate(silence, 15.0, 30.0), silence)


def test_quiet_ends_are_what_is_quieter_than_the_speech() -> None:
    rng = np.random.default_rng(3)
    speech = rng.normal(0, 0.1, 3200).astype(np.float32)
    hiss = rng.normal(0, 0.0001, 8000).astype(np.float32)
    assert noise.quiet_ends(np.concatenate([hiss[:1600], speech, hiss[:800]])) == (1600, 800)
    assert noise.quiet_ends(speech) == (0, 0)
    assert noise.quiet_ends(np.zeros(1600, np.float32)) == (0, 0)
    assert noise.quiet_ends(speech[:100]) == (0, 0)
    # Speech 30 dB below the loudest is speech.
    assert noise.quiet_ends(np.concatenate([hiss[:1600], speech * 0.03, speech])) == (1600, 0)
