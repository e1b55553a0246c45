"""Mix noise with speech at a signal-to-noise ratio; change pauses and silence."""

from __future__ import annotations

import numpy as np
import scipy.fft

from asr.augment import scenes
from asr.augment.room import Room, reverberate
from asr.augment.sounds import Sounds, babble
from asr.augment.spectrum import LEVEL_FRAME, Float, active_power, convolve_short, frame_powers

_LARGEST_CREST = 10.0  # power ratio from the bursts of a noise to its level, at most
_TONE_BELOW = 35.0  # dB; room tone is at least this far below the speech
_FRAME = 512  # samples
_QUIET_BELOW = 40.0  # dB; as in the trimming of recordings
_FADE = 160  # samples, 10 ms
_GATE_KNEE = 8.0  # dB, from open to closed


def noise_power(noise: Float) -> float:
    """Return the level of `noise` for signal-to-noise ratios: its mean power.

    For rare loud events it is at least a tenth of their power. Otherwise a single knock in ten seconds would be
    amplified beyond full scale.
    """
    powers = frame_powers(noise)
    return max(float(powers.mean()), active_power(noise) / _LARGEST_CREST)


def add_noise(samples: Float, noise: Float, above: float) -> Float:
    """Add `noise` [n] to `samples` [n] at a signal-to-noise ratio of `above` dB.

    The signal level is that of the active speech. If either is silent, the samples are returned unchanged.
    """
    speech, level = active_power(samples), noise_power(noise)
    if speech <= 0.0 or level <= 0.0:
        return samples.copy()
    mixed: Float = samples + noise * np.float32(np.sqrt(speech / level * 10.0 ** (-above / 10.0)))
    return mixed


def gate(samples: Float, below: float, depth: float) -> Float:
    """Attenuate the pauses of `samples` [n] with a noise gate.

    Frames `below` dB or more under the active speech are attenuated by `depth` dB, with a soft knee above. Without
    this, training never hears pauses that are cleaner than those of its recordings.
    """
    speech = active_power(samples)
    powers = frame_powers(samples)
    if speech <= 0.0 or len(powers) < 2:
        return samples.copy()
    # The loudest of a frame and its neighbours counts, which keeps the gate open at the edges of a sound.
    around = np.maximum(powers, np.maximum(np.append(powers[1:], 0), np.append(np.float32(0), powers[:-1])))
    level = 10.0 * np.log10(np.maximum(around / speech, 1e-12))
    closed = np.clip((-level - below + _GATE_KNEE) / _GATE_KNEE, 0.0, 1.0)
    gains = np.power(10.0, closed * (-depth / 20.0))
    centres = (np.arange(len(powers)) + 0.5) * (samples.shape[0] / len(powers))
    gated: Float = samples * np.interp(np.arange(samples.shape[0]), centres, gains).astype(np.float32)
    return gated


def make_scene(
    n: int, rng: np.random.Generator, kinds: tuple[str, ...], voices: Sounds | None, rooms: tuple[Room, ...]
) -> tuple[Float, tuple[str, ...]]:
    """Make `n` samples of one to three kinds of noise at once, sometimes with reverberation.

    Without voices there is no babble.

    Returns
    -------
    noise : float32 [n]; zeros where no kind is possible.
    kinds : kinds of noise in it.
    """
    possible = [kind for kind in kinds if kind != "babble" or voices]
    if not possible:
        return np.zeros(n, np.float32), ()
    count = min(len(possible), int(rng.choice(3, p=(0.55, 0.3, 0.15))) + 1)
    chosen = [possible[int(index)] for index in rng.choice(len(possible), count, replace=False)]
    scene = np.zeros(n, np.float32)
    for number, kind in enumerate(chosen):
        layer = babble(voices, n, rng) if kind == "babble" and voices else scenes.MAKERS[kind](n, rng)
        level = 10.0 ** (rng.uniform(-12.0, 0.0) / 20.0) if number else 1.0
        scene += layer * np.float32(level / np.sqrt(noise_power(layer) + 1e-12))
    if rooms and rng.random() < 0.4:
        scene = reverberate(scene, rooms[int(rng.integers(len(rooms)))])
    return scene, tuple(chosen)


def quiet_ends(samples: Float, below: float = _QUIET_BELOW) -> tuple[int, int]:
    """Return the samples at the start and end that are `below` dB or more under the loudest 10 ms.

    asr.core.trim cannot serve here: clips are trimmed, without the half second of noise that it needs as a reference.
    """
    powers = frame_powers(samples)
    loud = np.flatnonzero(powers > powers.max() * 10.0 ** (-below / 10.0))
    if not len(loud):
        return 0, 0
    return int(loud[0]) * LEVEL_FRAME, int(len(powers) - 1 - loud[-1]) * LEVEL_FRAME


def add_silence(samples: Float, before: int, after: int, quieter: float, rng: np.random.Generator) -> Float:
    """Add room tone before and after a clip: float32 [before + n + after].

    The tone is noise with the spectrum of the clip's quietest frames, so that nothing marks where the clip begins. It
    stays at least 35 dB below the speech, because tightly trimmed clips have no quiet frames.

    Parameters
    ----------
    before, after : samples to add.
    quieter : level of the tone below those frames, dB; infinite for digital silence.
    """
    n = samples.shape[0]
    total = before + n + after
    clip = np.zeros(total, np.float32)
    clip[before : before + n] = samples
    if n == 0 or total == n or not np.isfinite(quieter):
        return clip
    whole = max(1, n // _FRAME)
    frames = np.zeros((whole, _FRAME), np.float32)
    frames.reshape(-1)[: min(n, whole * _FRAME)] = samples[: whole * _FRAME]
    spectra = np.abs(scipy.fft.rfft(frames * np.hanning(_FRAME).astype(np.float32), axis=1)) ** 2
    quietest = np.argsort(spectra.sum(axis=1))[: max(1, whole // 10)]
    power = float(np.mean(frames[quietest] ** 2))
    power = min(power, active_power(samples) * 10.0 ** (-_TONE_BELOW / 10.0)) * 10.0 ** (-quieter / 10.0)
    if power <= 0.0:
        return clip
    taps = np.roll(scipy.fft.irfft(np.sqrt(spectra[quietest].mean(axis=0))), _FRAME // 2) * np.hanning(_FRAME)
    # A clip of one or two samples has no spectrum.
    taps *= np.sqrt(power / (np.sum(taps**2) + 1e-30))
    fade = min(_FADE, n // 2)
    rise = np.linspace(0.0, 1.0, fade, dtype=np.float32)
    for place, length, fall in ((0, before, 1.0 - rise), (before + n - fade, after, rise)):
        if length == 0:
            continue
        whole_tone = rng.standard_normal(length + fade + _FRAME, dtype=np.float32)
        tone = convolve_short(whole_tone, taps.astype(np.float32))[_FRAME:]
        # Cross-fades the tone and the clip.
        under = slice(length, length + fade) if place == 0 else slice(0, fade)
        tone[under] *= fall
        start = place + under.start
        clip[start : start + fade] *= np.minimum(1.0, 8.0 * (1.0 - fall))
        clip[place : place + length + fade] += tone
    return clip
