"""How fast the augmentation is, against real time and against resampling the same sound in the same minute.

    python -m tools.bench.augment [SOUND ...]

On one core. Times are of the process, so that other load on the machine matters less; each is the median of several
rounds that run every effect. Without arguments it generates sound with the durations and modulation of speech.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from asr.augment import masks, microphone, noise, room, scenes, voice
from asr.augment.chain import Chain
from asr.augment.sounds import Sounds, babble
from asr.augment.spectrum import Float
from asr.core import audio
from asr.core.audio import SAMPLE_RATE
from asr.runtime.features import COEFFICIENTS
from asr.settings.augment import Augment

Effect = Callable[[Float, np.random.Generator], object]
REFERENCE = "soxr to 22.05 kHz"


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sounds", nargs="*", type=Path, help="sound files to augment")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    clips = [audio.load(path) for path in arguments.sounds] or made_clips()
    seconds = sum(clip.shape[0] for clip in clips) / SAMPLE_RATE
    times = measure(effects(clips), clips, arguments.rounds)
    print(f"{len(clips)} clips, {seconds:.1f} s of sound, one core, median of {arguments.rounds} rounds")
    print(f"{'':24}{'ms for 1 s':>12}{'times real time':>18}{'of ' + REFERENCE:>24}")
    for name, spent in times.items():
        print(f"{name:24}{1000 * spent / seconds:12.2f}{seconds / spent:18.0f}{spent / times[REFERENCE]:24.2f}")


def made_clips() -> list[Float]:
    """Return 24 clips of 0.5 to 6 s of noise with the modulation of syllables."""
    rng = np.random.default_rng(0)
    clips = []
    for seconds in np.linspace(0.5, 6.0, 24):
        n = int(seconds * SAMPLE_RATE)
        syllables = np.sin(np.pi * 4.0 * np.arange(n) / SAMPLE_RATE) ** 2
        clips.append((0.1 * scenes.pink(n, rng) * syllables).clip(-1, 1).astype(np.float32))
    return clips


def effects(clips: list[Float]) -> dict[str, Effect]:
    """Return the effects by name; each takes a clip and a generator."""
    voices = Sounds.of(clips)
    default = Chain(Augment(), None, voices)
    sure: dict[str, Any] = {f.name: 1.0 for f in dataclasses.fields(Augment) if f.name.endswith("_probability")}
    everything = Chain(Augment(**sure), None, voices)
    rooms, kinds = default.rooms, default.settings.noise_kinds
    curve = microphone.tilt(2.0) * microphone.peak(1500.0, 6.0, 0.5) * microphone.band(120.0, 6000.0)
    features = np.zeros((100, COEFFICIENTS), np.float32)
    table: dict[str, Effect] = {
        REFERENCE: lambda clip, rng: soxr.resample(clip, SAMPLE_RATE, 22050),
        "default chain": default.apply,
        "every effect at once": everything.apply,
        "speed": lambda clip, rng: voice.change_speed(clip, 1.07),
        "tempo": lambda clip, rng: voice.change_tempo(clip, 1.1),
        "pitch": lambda clip, rng: voice.change_voice(clip, pitch=2.0),
        "vocal tract": lambda clip, rng: voice.change_formants(clip, 1.1),
        "silence, 1 s each side": lambda clip, rng: noise.add_silence(clip, SAMPLE_RATE, SAMPLE_RATE, 3.0, rng),
        "room": lambda clip, rng: room.reverberate(clip, rooms[int(rng.integers(len(rooms)))]),
        "add noise at a level": lambda clip, rng: noise.add_noise(clip, clip, 10.0),
        "noise scene": lambda clip, rng: noise.make_scene(clip.shape[0], rng, kinds, voices, rooms),
        "equaliser and band": lambda clip, rng: microphone.colour(clip, curve),
        "clipping": lambda clip, rng: microphone.overdrive(clip, 6.0),
        "codec": lambda clip, rng: microphone.send_by_telephone(clip),
        "gain": lambda clip, rng: microphone.amplify(clip, 3.0),
        "masks of 2 s": lambda clip, rng: masks.apply_masks(features, rng, default.settings),
        "noise: babble": lambda clip, rng: babble(voices, clip.shape[0], rng),
    }
    for kind, maker in scenes.MAKERS.items():
        table[f"noise: {kind}"] = _maker(maker)
    return table


def _maker(maker: Callable[[int, np.random.Generator], Float]) -> Effect:
    return lambda clip, rng: maker(clip.shape[0], rng)


def measure(table: dict[str, Effect], clips: list[Float], rounds: int) -> dict[str, float]:
    """Return the seconds that each effect takes for all clips, the median over the rounds."""
    spent: dict[str, list[float]] = {name: [] for name in table}
    for number, (name, effect) in itertools.product(range(-1, rounds), table.items()):
        rngs = [np.random.default_rng((number + 1, index)) for index in range(len(clips))]
        start = time.process_time()
        for clip, rng in zip(clips, rngs, strict=True):
            effect(clip, rng)
        # The first round fills the caches and is not counted.
        if number >= 0:
            spent[name].append(time.process_time() - start)
    return {name: float(np.median(each)) for name, each in spent.items()}


if __name__ == "__main__":
    main()
