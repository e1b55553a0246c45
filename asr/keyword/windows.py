"""Clips of one second cut from a recording: finding its word, augmentation, splices and silence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asr.augment import noise as noise_
from asr.augment.chain import Chain
from asr.augment.sounds import Sounds
from asr.augment.spectrum import Float, active_power
from asr.core import trim
from asr.core.audio import SAMPLE_RATE, Int16, to_int16
from asr.keyword.frontend import STEP
from asr.settings.keyword import Keyword

CLIP = SAMPLE_RATE  # samples of the network's input, 1 s
MOST_LEAD = 60  # slices before a warm clip, 1.2 s: noise reduction has settled by then
_FEWEST_LEAD = 10  # slices
_LONGEST_WORD = 3 * SAMPLE_RATE // 2  # samples; in longer speech the word may be only a part
_AROUND = SAMPLE_RATE // 4  # samples kept on each side, for the time shift and for changes of tempo


@dataclass(frozen=True)
class Sound:
    """A recording and the place of its speech.

    Attributes
    ----------
    samples : float32 [n] at 16 kHz.
    start, end : samples.
    """

    samples: Float
    start: int
    end: int

    @property
    def longer(self) -> bool:
        """Whether the speech does not fit into a clip."""
        return self.end - self.start > CLIP


def locate(samples: Float) -> Sound:
    """Find the speech by its energy; a recording of at most a second is speech from end to end."""
    if len(samples) <= CLIP:
        return Sound(samples, 0, len(samples))
    bounds = trim.find(samples)
    return Sound(samples, bounds.start, bounds.end)


def loudest(sound: Sound) -> int:
    """Return the middle of the second with the most energy, as a sample index.

    Speech that fits into a second keeps its own middle.
    """
    if not sound.longer:
        return (sound.start + sound.end) // 2
    energy = np.cumsum(np.square(sound.samples[sound.start : sound.end], dtype=np.float64))
    held = energy[CLIP:] - energy[:-CLIP]
    return sound.start + int(held.argmax()) + CLIP // 2


def cut(samples: Float, middle: int, lead: int = 0) -> Float:
    """Return `lead` samples and the clip around `middle`, float32 [lead + 16000]; zeros where the recording ends."""
    first = middle - CLIP // 2 - lead
    found = np.zeros(lead + CLIP, np.float32)  # np.pad takes a quarter of the time of a plain clip
    inside = samples[max(first, 0) : max(first + len(found), 0)]
    start = max(-first, 0)
    found[start : start + len(inside)] = inside
    return found


@dataclass(frozen=True)
class Maker:
    """Makes training clips: each call augments the recording in another way.

    Attributes
    ----------
    settings : section [keyword].
    chain : the effects; None: only the time shift.
    voices : speech without the words, for splices; None where there is none.
    noises : recorded background noise; None where there is none.
    """

    settings: Keyword
    chain: Chain | None
    voices: Sounds | None
    noises: Sounds | None

    def word(self, sound: Sound, rng: np.random.Generator, *, plain: bool = False) -> Int16:
        """Return a clip of a word; any second of it where the word is, or becomes, longer than a clip.

        In a stream the network hears every second of a slow word, and the loudest one may leave out its end. Speech
        of much more than a second holds more than the word: there, the loudest second is the likeliest.
        """
        known = len(sound.samples) > CLIP and sound.end - sound.start <= _LONGEST_WORD
        if plain or self.chain is None or not known:
            return self.clip(sound, loudest(sound), rng, plain=plain)
        return self.clip(sound, (sound.start + sound.end) // 2, rng, inside=True)

    def clip(
        self, sound: Sound, middle: int, rng: np.random.Generator, *, plain: bool = False, inside: bool = False
    ) -> Int16:
        """Return a clip around `middle`, int16 [lead + 16000], the lead a multiple of a slice's step, often none.

        Parameters
        ----------
        plain : no augmentation but the time shift.
        inside : take any second of the speech where augmentation leaves it longer than that.
        """
        lead = STEP * int(rng.integers(_FEWEST_LEAD, MOST_LEAD + 1)) if rng.random() < self.settings.warm_share else 0
        shift = float(rng.uniform(-1.0, 1.0)) * self.settings.time_shift * SAMPLE_RATE
        if plain or self.chain is None:
            return to_int16(cut(sound.samples, middle + round(shift), lead))
        before, after = CLIP // 2 + lead + 2 * _AROUND, CLIP // 2 + 2 * _AROUND
        piece = sound.samples[max(0, middle - before) : middle + after]
        place = min(middle, before)
        quieter = float(rng.uniform(0.0, 20.0)) if rng.random() < 0.8 else float("inf")
        missing = (before - place, after - (len(piece) - place))
        piece = noise_.add_silence(piece, max(0, missing[0]), max(0, missing[1]), quieter, rng)
        place += max(0, missing[0])
        augmented = self.chain.apply(piece, rng)
        stretch = len(augmented) / len(piece)
        place = round(place * stretch)
        if inside:
            spare = max(0.0, (sound.end - sound.start) * stretch - CLIP) / 2
            shift += float(rng.uniform(-spare, spare))
        return to_int16(cut(augmented, place + round(shift), lead))

    def unknown(self, sound: Sound, rng: np.random.Generator, *, plain: bool = False) -> Int16:
        """Return a clip of other speech, from a random place where that is longer than a clip."""
        middle = loudest(sound)
        if sound.end - sound.start > CLIP:
            middle = int(rng.integers(sound.start + CLIP // 4, sound.end - CLIP // 4))
        return self.clip(sound, middle, rng, plain=plain)

    def splice(self, sound: Sound, rng: np.random.Generator) -> Int16:
        """Return a clip with a part of a word beside other speech or nothing, which is not the word."""
        samples = sound.samples.copy()
        share = float(rng.uniform(0.3, 0.6))
        head = bool(rng.random() < 0.5)
        where = sound.start + round((sound.end - sound.start) * (share if head else 1.0 - share))
        gone = slice(where, None) if head else slice(0, where)
        level = active_power(samples)
        length = len(samples[gone])
        other = np.zeros(length, np.float32)
        if self.voices and rng.random() < 0.7 and length:
            other = self.voices.draw(length, rng)
            power = active_power(other)
            if power > 0:
                other = other * np.float32(np.sqrt(level / power) * 10.0 ** (rng.uniform(-6.0, 6.0) / 20.0))
        samples[gone] = other
        changed = Sound(samples, sound.start, sound.end)
        return self.clip(changed, loudest(changed), rng, plain=self.chain is None)

    def silence(self, rng: np.random.Generator) -> Int16:
        """Return noise of any kind and volume, or next to none, without speech."""
        lead = STEP * int(rng.integers(_FEWEST_LEAD, MOST_LEAD + 1)) if rng.random() < self.settings.warm_share else 0
        n = lead + CLIP
        drawn = rng.random()
        if drawn < 0.1:
            return np.zeros(n, np.int16)
        if self.noises and drawn < 0.5:
            sound = self.noises.draw(n, rng)
        else:
            kinds = tuple(kind for kind in self.settings.noise_kinds if kind != "babble")
            sound, _ = noise_.make_scene(n, rng, kinds or ("white",), None, ())
        peak = float(np.abs(sound).max(initial=0.0))
        # Even in dB: a quiet room is as likely as a loud one.
        volume = self.settings.noise_volume * 10.0 ** (rng.uniform(-60.0, 0.0) / 20.0)
        return to_int16(sound * np.float32(volume / peak) if peak > 0 else sound)
