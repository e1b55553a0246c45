"""The ends of speech: known ones inside made silence, and real words inside real rooms."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from asr.core import audio, trim

RATE = audio.SAMPLE_RATE
Samples = npt.NDArray[np.float32]


def noise(seconds: float, db: float, seed: int = 1, low: float = 0.0, high: float = 8000.0) -> Samples:
    """Return Gaussian noise between two frequencies, `db` of full scale in mean square."""
    count = round(seconds * RATE)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    frequencies = np.fft.rfftfreq(count, 1 / RATE)
    spectrum[(frequencies < low) | (frequencies > high)] = 0
    samples = np.fft.irfft(spectrum, count)
    return (samples / np.sqrt(np.mean(samples**2)) * 10 ** (db / 20)).astype(np.float32)


def laid(word: Samples, room: Samples, at: float) -> Samples:
    samples = room.copy()
    start = round(at * RATE)
    samples[start : start + len(word)] += word
    return samples


def test_levels_are_those_of_a_sine() -> None:
    for frequency, band in ((200, 0), (1000, 1), (2500, 2), (6000, 3)):
        sine = (0.5 * np.sin(2 * np.pi * frequency * np.arange(RATE) / RATE)).astype(np.float32)
        levels = trim.band_levels(sine)
        assert levels.shape == (99, 4)
        # The mean square of a sine is half its amplitude's.
        assert levels[:, band] == pytest.approx(10 * math.log10(0.5**2 / 2), abs=0.1)
        assert np.delete(levels, band, axis=1).max() < -40


@pytest.mark.parametrize("room_db", [-90.0, -70.0, -60.0, -50.0])
def test_bounds_of_a_burst(room_db: float) -> None:
    samples = laid(noise(0.8, -20, 2, 200, 4000), noise(3, room_db), at=1.0)
    bounds = trim.find(samples)
    assert bounds.start / RATE == pytest.approx(1.0, abs=0.03)
    assert bounds.end / RATE == pytest.approx(1.8, abs=0.03)
    assert bounds.peak_db == pytest.approx(-20, abs=3)


def test_a_soft_s_at_either_end_is_speech() -> None:
    """34 dB below the vowel, and only 4 dB above the whole room, but alone in its band."""
    room = noise(3, -58, 1, 80, 1000)
    vowel, s = noise(0.3, -20, 2, 150, 3000), noise(0.15, -54, 3, 4000, 7500)
    word = np.concatenate([s, vowel, s])
    bounds = trim.find(laid(word, room, at=1.0))
    assert bounds.start / RATE == pytest.approx(1.0, abs=0.03)
    assert bounds.end / RATE == pytest.approx(1.6, abs=0.03)


def test_hum_is_no_speech_however_loud() -> None:
    hum = (0.1 * np.sin(2 * np.pi * 50 * np.arange(3 * RATE) / RATE)).astype(np.float32)
    samples = laid(noise(0.5, -20, 2, 200, 4000), hum + noise(3, -70), at=1.0)
    bounds = trim.find(samples)
    assert bounds.start / RATE == pytest.approx(1.0, abs=0.05)
    assert bounds.end / RATE == pytest.approx(1.5, abs=0.05)


def test_a_click_is_no_speech() -> None:
    samples = laid(noise(0.5, -20, 2), noise(3, -70), at=1.5)
    samples[4000:4010] = 0.9
    assert trim.find(samples).start / RATE == pytest.approx(1.5, abs=0.03)


@pytest.mark.parametrize("seconds", [0.001, 0.03, 0.4, 3.0])
def test_where_nothing_stands_out_nothing_is_cut(seconds: float) -> None:
    samples = noise(seconds, -30)
    assert trim.find(samples).start == 0
    assert trim.find(samples).end >= len(samples) - 2 * trim.HOP
    silence = np.zeros(len(samples), dtype=np.float32)
    assert trim.find(silence).peak_db < -100


def test_the_threshold_is_the_users() -> None:
    """A quiet second voice, 30 dB down, is kept or cut as asked for."""
    both = laid(noise(0.5, -50, 3), laid(noise(0.5, -20, 2), noise(4, -90), at=1.0), at=2.5)
    assert trim.find(both, silence_db=-40).end / RATE == pytest.approx(3.0, abs=0.03)
    assert trim.find(both, silence_db=-20).end / RATE == pytest.approx(1.5, abs=0.03)


def test_a_margin_is_kept_as_far_as_there_is_one() -> None:
    samples = np.arange(RATE, dtype=np.float32)
    bounds = trim.Bounds(1600, 8000, -20)
    cut = trim.cut(samples, bounds, 0.05)
    assert (cut[0], cut[-1]) == (800, 8799)
    assert len(trim.cut(samples, bounds, 5)) == RATE


@pytest.mark.parametrize("ratio_db", [40, 30, 24])
def test_real_words_in_real_rooms_keep_their_ends(shared_data: Path, ratio_db: int) -> None:
    """Spoken digits, cut to the word by those who published them, in the silence of other people's recordings.

    The margin (0.15 s) is what the cut may be wrong by. Some words lose more: their own silence, and what the
    room drowns.
    """
    words = sorted((shared_data / "digits" / "recordings").glob("*.flac"))[::61]
    rooms = sorted((shared_data / "coffee" / "recordings").glob("*.flac"))
    early, late = [], []
    for index, path in enumerate(words):
        word = audio.load(path)
        word *= 0.5 / np.abs(word).max()
        quiet = audio.load(rooms[index % len(rooms)])[-22000:-2000]
        room = np.tile(np.concatenate([quiet, quiet[::-1]]), 3)[: 2 * RATE + len(word)]
        room = room * (np.sqrt(np.mean(word**2)) / (np.sqrt(np.mean(room**2)) + 1e-6) * 10 ** (-ratio_db / 20))
        bounds = trim.find(laid(word, room.astype(np.float32), at=1.0))
        early.append(bounds.start / RATE - 1.0)
        late.append(1.0 + len(word) / RATE - bounds.end / RATE)
    assert np.mean(np.array(early) < 0.15) > 0.95
    assert np.mean(np.array(late) < 0.15) > 0.93
    # And the silence does go.
    assert np.median(early) > -0.05
    assert np.median(late) > -0.05


def test_real_orders_lose_their_silence_and_no_more(shared_data: Path) -> None:
    """An order takes 0.05 to 0.16 s a letter; nobody speaks faster, and the rest is silence."""
    from asr.core.alphabet import Alphabet
    from datasets.recordings import read_csv

    for recording in read_csv(shared_data / "coffee" / "recordings.csv", Alphabet())[::12]:
        samples = audio.load(recording.path)
        bounds = trim.find(samples)
        speech = (bounds.end - bounds.start) / RATE
        assert 0.03 * len(recording.transcript) < speech < 0.16 * len(recording.transcript) + 1.0
        assert speech < len(samples) / RATE - 1.0
