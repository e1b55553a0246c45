"""Simulated room impulse responses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asr.augment.spectrum import Float, convolve_long
from asr.core.audio import SAMPLE_RATE

SOUND = 343.0  # m/s
_EARLY = 0.040  # s; early reflections are single image sources, later ones a diffuse tail
_CROSSOVER = 2000.0  # Hz; above, walls and air absorb more
_SIZES = ((2.2, 8.0), (2.0, 6.0), (2.2, 3.2))  # m: length, width, height of kitchens, offices and living rooms


@dataclass(frozen=True)
class Room:
    """A simulated room."""

    response: Float  # float32 [taps], direct sound at tap 0, energy 1
    reverberation: float  # s, reverberation time (RT60)
    distance: float  # m, from source to microphone


def reverberate(samples: Float, room: Room) -> Float:
    """Return reverberated `samples` [n], without delay; the tail beyond [n] is dropped."""
    return convolve_long(samples, room.response)


def simulate(rng: np.random.Generator, reverberation: float, distance: float) -> Room:
    """Simulate a box-shaped room of random size with source and microphone at random positions.

    The first 40 ms are the image sources of Allen and Berkley (JASA 65, 1979), with the wall reflection given by
    Eyring's formula for the reverberation time. Later reflections are modelled as decaying noise at the level that the
    density of image sources gives, with a faster decay above 2 kHz.

    Parameters
    ----------
    reverberation : s, RT60 below 2 kHz.
    distance : m; reduced to fit into the room.
    """
    size = np.array([rng.uniform(*limits) for limits in _SIZES])
    volume = float(size.prod())
    surface = 2.0 * float(size[0] * size[1] + size[1] * size[2] + size[0] * size[2])
    reflection = float(np.exp(-0.5 * 0.161 * volume / (surface * reverberation)))
    microphone = size * rng.uniform(0.2, 0.8, 3)
    direction = rng.normal(size=3)
    source = np.clip(microphone + direction / np.linalg.norm(direction) * distance, 0.1, size - 0.1)
    distance = max(float(np.linalg.norm(source - microphone)), 0.05)

    taps = int(0.9 * reverberation * SAMPLE_RATE) + 1
    response = np.zeros(taps, np.float64)
    late = int(_EARLY * SAMPLE_RATE)
    times, levels = _images(size, source, microphone, reflection, distance)
    kept = times < min(taps, late)
    # Walls scatter: random signs of the reflections keep equal paths from adding up.
    signs = np.where(rng.random(times.shape[0]) < 0.5, -1.0, 1.0)
    signs[times == 0] = 1.0
    np.add.at(response, times[kept], (levels * signs)[kept])
    if taps > late:
        response[late:] += _tail(rng, taps - late, late / SAMPLE_RATE + distance / SOUND, volume, reverberation)
    response /= np.sqrt(np.sum(response**2))
    return Room(response.astype(np.float32), reverberation, distance)


def _images(
    size: np.ndarray, source: np.ndarray, microphone: np.ndarray, reflection: float, distance: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the delays of the image sources after the direct sound (samples, int) and their amplitudes."""
    reach = distance + _EARLY * SOUND
    axes, bounces = [], []
    for axis in range(3):
        most = int(np.ceil(reach / (2.0 * size[axis]))) + 1
        order = np.arange(-most, most + 1)
        axes.append(np.concatenate((2 * order * size[axis] + source[axis], 2 * order * size[axis] - source[axis])))
        bounces.append(np.concatenate((np.abs(2 * order), np.abs(2 * order - 1))))
    x, y, z = np.meshgrid(*(place - microphone[axis] for axis, place in enumerate(axes)), indexing="ij")
    counts = np.add.outer(np.add.outer(bounces[0], bounces[1]), bounces[2])
    paths = np.sqrt(x**2 + y**2 + z**2)
    near = paths < reach
    paths, counts = np.maximum(paths[near], 0.05), counts[near]
    times = np.rint((paths - distance) / SOUND * SAMPLE_RATE).astype(np.int64)
    return np.maximum(times, 0), reflection**counts / (4.0 * np.pi * paths)


def _tail(rng: np.random.Generator, taps: int, since: float, volume: float, reverberation: float) -> np.ndarray:
    """Return the diffuse tail from `since` s after emission."""
    # Image sources at radius c t: 4 pi c^3 t^2 / V a second, each with energy 1 / (4 pi c t)^2.
    power = SOUND / (4.0 * np.pi * volume * SAMPLE_RATE)
    noise = rng.standard_normal(taps) * np.sqrt(power)
    spectrum = np.fft.rfft(noise)
    frequencies = np.fft.rfftfreq(taps, 1.0 / SAMPLE_RATE)
    share = 1.0 / (1.0 + (frequencies / _CROSSOVER) ** 4)
    low = np.fft.irfft(spectrum * np.sqrt(share), taps)
    high = np.fft.irfft(spectrum * np.sqrt(1.0 - share), taps)
    times = since + np.arange(taps) / SAMPLE_RATE
    # ln(10^3): the amplitude falls by 60 dB in one reverberation time.
    fall = 6.9078 * times / reverberation
    faster = rng.uniform(1.2, 1.8)
    tail: np.ndarray = low * np.exp(-fall) + high * np.exp(-fall * faster)
    return tail


def make_rooms(
    seed: int, count: int, reverberation: tuple[float, ...], distance: tuple[float, ...]
) -> tuple[Room, ...]:
    """Simulate `count` rooms with reverberation times (s) and distances (m) within the given ranges."""
    rng = np.random.default_rng((seed, 0x700))
    rooms = []
    for _ in range(count):
        time = float(rng.uniform(reverberation[0], reverberation[-1]))
        # Log-uniform: small differences in distance matter only near the mouth.
        low, high = np.log(distance[0]), np.log(distance[-1])
        rooms.append(simulate(rng, time, float(np.exp(rng.uniform(low, high)))))
    return tuple(rooms)
