"""Synthetic noise: hum, machines, water, dishes, music, tones and textures.

Recordings of one kitchen teach a network that kitchen only. These generators cover the components of noise (steady
spectra of any slope, periodic machines, resonant impacts, dense small events, tones, changing spectra) with every
parameter drawn anew for each utterance. Each takes a length in samples and a generator, and returns float32 [n] at an
arbitrary level.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.fft

from asr.augment.spectrum import (
    Float,
    convolve_short,
    expand_curve,
    fast_length,
    minimum_phase,
    random_curve,
    random_response,
)
from asr.core.audio import SAMPLE_RATE

_TABLE = 2048  # samples of one period in a wave table
_MAINS = (50.0, 60.0, 100.0)  # Hz


def _synthesise(n: int, rng: np.random.Generator, response: Float) -> Float:
    """Return Gaussian noise of unit level filtered by `response` [bins], magnitudes on a linear frequency scale."""
    length = fast_length(max(n, 2))
    # Uniform numbers are drawn five times faster than normal ones, and the sum over all bins is normal anyway.
    parts = rng.random(length + 2, dtype=np.float32)
    parts -= np.float32(0.5)
    spectrum = parts.view(np.complex64)
    bins = np.arange(length // 2 + 1, dtype=np.float32) * np.float32((response.shape[0] - 1) * 2 / length)
    # sqrt(6) normalises the mean power of the complex numbers to 1.
    spectrum *= (np.float32(np.sqrt(6.0 * length)) * response)[bins.astype(np.int32)]
    spectrum[0] = 0.0
    noise: Float = scipy.fft.irfft(spectrum, length, overwrite_x=True)[:n]
    return noise


def coloured(n: int, rng: np.random.Generator, slope: float) -> Float:
    """Return Gaussian noise whose power changes by `slope` dB an octave: 0 white, -3 pink, -6 brown."""
    # A steep slope would put all power into inaudible frequencies.
    frequencies = np.maximum(np.arange(4097, dtype=np.float32) * np.float32(SAMPLE_RATE / 8192), 20.0)
    # 6.0206 dB an octave is a slope of 1 in amplitude.
    response = np.power(frequencies / np.float32(1000.0), np.float32(slope / 6.0206))
    return _synthesise(n, rng, np.asarray(response, np.float32))


def shaped(n: int, rng: np.random.Generator, spread: float = 9.0) -> Float:
    """Return steady noise of a random smooth spectrum."""
    return _synthesise(n, rng, random_response(rng, 513, spread))


def wave_table(rng: np.random.Generator, harmonics: int, fall: float) -> Float:
    """Return one period, float32 [2048], of harmonics that decrease by about `fall` dB an octave."""
    spectrum = np.zeros(_TABLE // 2 + 1, np.complex64)
    order = np.arange(1, harmonics + 1)
    level = -fall * np.log2(order) + rng.normal(0.0, 5.0, harmonics)
    spectrum[1 : harmonics + 1] = 10.0 ** (level / 20.0) * np.exp(2j * np.pi * rng.random(harmonics))
    table = scipy.fft.irfft(spectrum)
    return np.asarray(table / np.sqrt(np.mean(table**2)), np.float32)


def _steady(n: int, frequency: float, table: Float, start: float = 0.0) -> Float:
    """Play a wave table at a fixed frequency (Hz)."""
    # Overflow of 32-bit integers wraps the phase.
    step = np.uint32(int(frequency / SAMPLE_RATE * 2**32) & 0xFFFFFFFF)
    phase = np.arange(n, dtype=np.uint32) * step + np.uint32(int(start * 2**32) & 0xFFFFFFFF)
    played: Float = table[phase >> np.uint32(21)]
    return played


def _wavering(frequency: Float, table: Float) -> Float:
    """Play a wave table at a frequency (Hz) for each sample."""
    phase = np.cumsum((frequency * np.float32(2**32 / SAMPLE_RATE)).astype(np.uint32), dtype=np.uint32)
    played: Float = table[phase >> np.uint32(21)]
    return played


def _harmonics(rng: np.random.Generator, frequency: float, most: int) -> int:
    """Draw the number of harmonics of `frequency`, none above 7.5 kHz."""
    return max(1, min(int(rng.integers(1, most + 1)), int(7500.0 / frequency)))


def white(n: int, rng: np.random.Generator) -> Float:
    return coloured(n, rng, float(rng.uniform(-1.0, 1.5)))


def pink(n: int, rng: np.random.Generator) -> Float:
    return coloured(n, rng, float(rng.uniform(-4.0, -2.0)))


def brown(n: int, rng: np.random.Generator) -> Float:
    return coloured(n, rng, float(rng.uniform(-8.0, -5.0)))


def hum(n: int, rng: np.random.Generator) -> Float:
    """Mains and its harmonics, with a little hiss."""
    mains = _MAINS[int(rng.integers(len(_MAINS)))] * float(rng.uniform(0.998, 1.002))
    table = wave_table(rng, _harmonics(rng, mains, 40), float(rng.uniform(3.0, 12.0)))
    return _steady(n, mains, table, float(rng.random())) + np.float32(rng.uniform(0.0, 0.15)) * white(n, rng)


def fan(n: int, rng: np.random.Generator) -> Float:
    """Steady airflow modulated by blades: fan, extractor hood, air conditioning, kettle."""
    air = shaped(n, rng, 7.0) + np.float32(rng.uniform(0.0, 0.5)) * pink(n, rng)
    depth = np.float32(rng.uniform(0.0, 0.6))
    pulse = _steady(n, float(rng.uniform(3.0, 120.0)), wave_table(rng, 3, 6.0), float(rng.random()))
    air *= 1.0 + depth * np.clip(pulse, -1.5, 1.5)
    return air


def motor(n: int, rng: np.random.Generator) -> Float:
    """A machine under changing load (blender, coffee grinder, vacuum cleaner, engine), sometimes switched."""
    rotation = float(np.exp(rng.uniform(np.log(25.0), np.log(420.0))))
    speed = np.float32(rotation) * random_curve(rng, n, float(rng.uniform(0.15, 1.5)), float(rng.uniform(0.02, 0.7)))
    table = wave_table(rng, _harmonics(rng, rotation, 60), float(rng.uniform(0.0, 7.0)))
    tone = _wavering(speed, table)
    air = shaped(n, rng)
    air *= 1.0 + np.float32(rng.uniform(0.0, 0.4)) * np.clip(tone, -2.0, 2.0)
    noise = np.float32(rng.uniform(0.15, 1.2)) * tone + air / np.float32(np.std(air) + 1e-9)
    return noise * _switched(n, rng) if rng.random() < 0.3 else noise


def _switched(n: int, rng: np.random.Generator) -> Float:
    """Return a gain that is on, off or half-way, for about a second at a time."""
    blocks = -(-n // 128) + 1
    each = max(1, int(rng.uniform(0.4, 2.0) * SAMPLE_RATE / 128))
    levels = rng.choice(np.array([0.03, 0.4, 1.0], np.float32), -(-blocks // each) + 1)
    levels[int(rng.integers(levels.shape[0]))] = 1.0
    return expand_curve(np.repeat(levels, each)[:blocks], n)


def _sparse(n: int, rng: np.random.Generator, rate: float, spread: float) -> Float:
    """Return impulses of random sign, `rate` a second, with levels spread by `spread` dB."""
    train = np.zeros(n, np.float32)
    count = int(rng.poisson(rate * n / SAMPLE_RATE)) + 1
    places = rng.integers(0, n, count)
    train[places] = 10.0 ** (rng.normal(0.0, spread, count) / 20.0) * np.where(rng.random(count) < 0.5, -1.0, 1.0)
    return train


def water(n: int, rng: np.random.Generator) -> Float:
    """Running or pouring water: broadband noise, and bubbles that ring at a rising pitch (Minnaert)."""
    taps = 256
    times = np.arange(taps, dtype=np.float32) / SAMPLE_RATE
    flow = np.zeros(n, np.float32)
    for _ in range(4):
        pitch = float(np.exp(rng.uniform(np.log(350.0), np.log(4500.0))))
        rise = pitch * (1.0 + float(rng.uniform(2.0, 15.0)) * times)
        ring = np.sin(2 * np.pi * rise * times) * np.exp(-times * float(rng.uniform(250.0, 1500.0)))
        flow += convolve_short(_sparse(n, rng, float(rng.uniform(10.0, 150.0)), 8.0), ring.astype(np.float32))
    spray = coloured(n, rng, float(rng.uniform(-1.0, 3.0))) * random_curve(rng, n, 0.03, 2.0)
    spray *= np.float32(rng.uniform(0.2, 2.0) * np.std(flow) / (np.std(spray) + 1e-9))
    return (flow + spray) * random_curve(rng, n, float(rng.uniform(0.3, 2.0)), 3.0)


def crackle(n: int, rng: np.random.Generator) -> Float:
    """Many small clicks: frying, rain, paper, plastic bags, a bad contact."""
    rate = float(np.exp(rng.uniform(np.log(20.0), np.log(3000.0))))
    click = minimum_phase(random_response(rng, 257, 9.0), 192)
    click *= np.exp(-np.arange(192) / float(rng.uniform(5.0, 120.0))).astype(np.float32)
    clicks = convolve_short(_sparse(n, rng, rate, float(rng.uniform(3.0, 9.0))), click)
    return clicks * random_curve(rng, n, float(rng.uniform(0.1, 0.8)), float(rng.uniform(1.0, 8.0)))


def clatter(n: int, rng: np.random.Generator) -> Float:
    """Impacts: dishes and cutlery, knocks, footsteps, doors, a keyboard.

    Each object has a few damped resonances and is struck several times at random strengths.
    """
    result = np.zeros(n, np.float32)
    for _ in range(int(rng.integers(1, 5))):
        hard = rng.random() < 0.6
        lowest, highest = (700.0, 7500.0) if hard else (60.0, 900.0)
        modes = int(rng.integers(3, 8))
        pitches = np.exp(rng.uniform(np.log(lowest), np.log(highest), modes))
        decays = np.exp(rng.uniform(np.log(0.004), np.log(0.12 if hard else 0.05), modes))
        taps = min(1024, int(5.0 * float(decays.max()) * SAMPLE_RATE))
        times = np.arange(taps, dtype=np.float32) / SAMPLE_RATE
        rings = np.sin(np.outer(2 * np.pi * pitches, times).astype(np.float32))
        rings *= np.exp(np.outer(-1.0 / decays, times).astype(np.float32))
        thing = rng.normal(0.0, 1.0, modes).astype(np.float32) @ rings
        burst = min(taps, 160)
        thing[:burst] += rng.normal(0.0, rng.uniform(0.05, 0.8), burst) * np.exp(-times[:burst] * 600.0)
        thing *= np.linspace(1.0, 0.0, taps, dtype=np.float32)
        strikes = _sparse(n, rng, float(np.exp(rng.uniform(np.log(1.0), np.log(14.0)))), 6.0)
        result += convolve_short(strikes, thing / np.float32(np.std(thing) + 1e-9))
    return result + np.float32(0.02 * np.std(result)) * shaped(n, rng)


def music(n: int, rng: np.random.Generator) -> Float:
    """Chords, a melody and a beat with random key, tempo and instruments."""
    beat = int(60.0 / float(rng.uniform(70.0, 160.0)) * SAMPLE_RATE)
    scale = np.array([0, 2, 4, 5, 7, 9, 11] if rng.random() < 0.5 else [0, 2, 3, 5, 7, 8, 10])
    key = float(rng.uniform(40.0, 52.0))
    chords, tune = (wave_table(rng, int(rng.integers(3, 14)), float(rng.uniform(4.0, 12.0))) for _ in range(2))
    offset = int(rng.integers(beat))
    result = np.zeros(n + 5 * beat, np.float32)
    fade = np.exp(-np.arange(4 * beat, dtype=np.float32) / np.float32(beat * rng.uniform(0.3, 3.0)))
    fade[:80] *= np.linspace(0.0, 1.0, 80, dtype=np.float32)
    drum = rng.standard_normal(2000).astype(np.float32) * np.exp(-np.arange(2000) / rng.uniform(60.0, 500.0))
    loudness = rng.uniform([0.2, 0.0, 0.0], [1.0, 1.5, 2.0])

    def note(start: int, length: int, step: int, table: Float, level: float) -> None:
        pitch = 440.0 * 2.0 ** ((key + 12 * (step // 7) + scale[step % 7] - 69.0) / 12.0)
        result[start : start + length] += _steady(length, pitch, table) * fade[:length] * np.float32(level)

    for number, start in enumerate(range(0, n + offset, beat)):
        if number % 2 == 0:
            root = int(rng.integers(7))
            for step in (root, root + 2, root + 4):
                note(start, 2 * beat, step, chords, loudness[0])
        note(start, beat, int(rng.integers(7, 21)), tune, loudness[1])
        result[start : start + min(2000, beat)] += drum[: min(2000, beat)] * np.float32(loudness[2])
    return result[offset : offset + n]


def beeps(n: int, rng: np.random.Generator) -> Float:
    """Tones on and off: microwave oven, telephone, alarm, reversing lorry; some glide."""
    pitch = float(np.exp(rng.uniform(np.log(350.0), np.log(4200.0))))
    table = wave_table(rng, min(3, _harmonics(rng, pitch, 3)), 9.0)
    glide = random_curve(rng, n, 0.25, 2.0 if rng.random() < 0.3 else 0.0)
    sound = _wavering(np.minimum(np.float32(pitch) * glide, np.float32(7500.0)), table)
    period = float(rng.uniform(0.12, 1.5))
    gate = _steady(
        n, 1.0 / period, (np.arange(_TABLE) < _TABLE * rng.uniform(0.3, 0.8)).astype(np.float32), float(rng.random())
    )
    return sound * gate + np.float32(0.03) * pink(n, rng)


def shifting(n: int, rng: np.random.Generator) -> Float:
    """Noise with changing spectrum and level: traffic, wind, handling, crowds."""
    result = np.zeros(n, np.float32)
    for _ in range(2):
        interval = float(np.exp(rng.uniform(np.log(0.08), np.log(1.5))))
        result += shaped(n, rng) * random_curve(rng, n, interval, float(rng.uniform(3.0, 9.0)))
    return result


def texture(n: int, rng: np.random.Generator) -> Float:
    """Generic small sounds of random length, pitch, bandwidth, glide and density.

    Domain randomisation (Tobin et al., 2017) for noise that none of the other kinds resembles.
    """
    result = np.zeros(n, np.float32)
    for _ in range(int(rng.integers(1, 4))):
        layer = np.zeros(n, np.float32)
        rate = float(np.exp(rng.uniform(np.log(1.0), np.log(600.0))))
        longest = float(np.exp(rng.uniform(np.log(0.002), np.log(0.06))))
        middle, width = rng.uniform(np.log(90.0), np.log(6500.0)), float(rng.uniform(0.1, 1.3))
        tonal, spread = float(rng.random()), float(rng.uniform(2.0, 10.0))
        shapes = int(rng.integers(2, 6))
        for _ in range(shapes):
            taps = int(np.clip(5.0 * longest * SAMPLE_RATE, 32, 1024))
            times = np.arange(taps, dtype=np.float32) / SAMPLE_RATE
            pitch = float(np.clip(np.exp(rng.normal(middle, width)), 60.0, 7500.0))
            glide = pitch * np.exp2(np.float32(rng.normal(0.0, 1.0)) * times / times[-1])
            tone = np.sin(2 * np.pi * np.cumsum(np.minimum(glide, 7800.0)) / SAMPLE_RATE)
            band = 1.0 / (1.0 + ((np.arange(257) * (SAMPLE_RATE / 512) - pitch) / (0.3 * pitch)) ** 2)
            air = convolve_short(
                rng.standard_normal(taps, dtype=np.float32), minimum_phase(band.astype(np.float32), 128)
            )
            sound = tonal * tone / np.std(tone) + (1.0 - tonal) * air / np.float32(np.std(air) + 1e-9)
            rise = float(np.exp(rng.uniform(np.log(1e-4), np.log(longest))))
            fall = float(np.exp(rng.uniform(np.log(1e-3), np.log(longest + 2e-3))))
            sound *= -np.expm1(-times / rise) * np.exp(-times / fall) * np.linspace(1.0, 0.0, taps)
            sound = sound.astype(np.float32) / np.float32(np.sqrt(np.mean(sound**2)) + 1e-9)
            layer += convolve_short(_sparse(n, rng, rate / shapes, spread), sound)
        if rng.random() < 0.5:
            layer *= random_curve(rng, n, float(rng.uniform(0.1, 1.5)), float(rng.uniform(1.0, 9.0)))
        result += layer / np.float32(np.std(layer) + 1e-9) * np.float32(10.0 ** (rng.uniform(-15.0, 0.0) / 20.0))
    under = np.float32(10.0 ** (rng.uniform(-50.0, -5.0) / 20.0) * np.std(result))
    return result + under * shaped(n, rng)


_ALL = (white, pink, brown, hum, fan, motor, water, crackle, clatter, music, beeps, shifting, texture)
MAKERS: dict[str, Callable[[int, np.random.Generator], Float]] = {maker.__name__: maker for maker in _ALL}
