"""Statistics against NumPy's, and the narrow transform against the features of the client at the lower rate."""

from __future__ import annotations

import numpy as np

from asr.core import audio
from asr.ctc.normalisation import measure, narrow
from asr.runtime.features import mfcc
from datasets.speech import Speaker, SyntheticUtterance


def test_statistics_are_numpys() -> None:
    generator = np.random.default_rng(1)
    features = [generator.normal(3, 7, (n, 26)).astype("f") for n in (5, 200, 31)]
    mean, scale = measure(features)
    everything = np.concatenate(features).astype(np.float64)
    np.testing.assert_allclose(mean, everything.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(scale, 1 / everything.std(axis=0), rtol=1e-4)
    flat, steep = measure([np.zeros((4, 26), "f")])
    assert np.isfinite(steep).all() and not flat.any()


def speech(voice: str, gain: float) -> np.ndarray:
    """Return a voice as recorded at 8 kHz, resampled to 16 kHz as clips are."""
    text = "five six seven turn the heating off"
    samples = SyntheticUtterance(text, Speaker("robot", voice, 150, 50), 8000).samples()
    hiss = np.random.default_rng(1).normal(0, 2e-4, len(samples) // 2 + 1)
    return audio.to_int16(samples * gain + audio.resample(hiss, 8000, 16000)[: len(samples)])


def test_narrow_recordings_have_the_features_of_their_own_rate() -> None:
    clips = [speech(f"en-us+{variant}", gain) for variant in ("f2", "m3", "m7") for gain in (0.05, 0.3, 0.9)]
    mean, scale = narrow(clips, 8000)
    unheard = speech("en-us+f4", 0.5)
    found = ((mfcc(unheard) - mean) @ scale)[:-2]
    there = mfcc(audio.to_int16(audio.resample(audio.to_float(unheard), 16000, 8000)), 8000)
    explained = []
    for number in range(26):
        expected = there[: len(found), number]
        explained.append(np.corrcoef(found[:, number], expected)[0, 1] ** 2)
    assert min(explained[:12]) > 0.9
    # The level of such a clip moves nearly every coefficient of the client's features.
    quiet, loud = (mfcc(speech("en-us+f4", gain)) for gain in (0.1, 0.8))
    _, spread = measure([mfcc(clip) for clip in clips])
    moved = np.abs(((loud - quiet) * spread).mean(axis=0))[1:12]
    still = np.abs(((loud - quiet) @ scale).mean(axis=0))[1:12]
    assert still.max() < 0.5 * moved.max()


def test_silence_and_the_lowest_rates_leave_numbers() -> None:
    quiet = [np.zeros(8000, np.int16)] * 2
    noise = [np.random.default_rng(1).normal(0, 900, 8000).astype(np.int16)]
    for clips, rate in ((quiet, 8000), (noise, 1000), (noise, 4000)):
        mean, scale = narrow(clips, rate)
        assert np.isfinite(mean).all() and np.isfinite(scale).all()
