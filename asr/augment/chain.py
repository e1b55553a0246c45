"""The chain of random effects that training applies to each clip in each epoch."""

from __future__ import annotations

import numpy as np

from asr.augment import microphone, noise, scenes
from asr.augment.room import Room, make_rooms, reverberate
from asr.augment.sounds import Sounds
from asr.augment.spectrum import Float
from asr.augment.voice import change_voice
from asr.core.audio import SAMPLE_RATE
from asr.settings.augment import Augment

_LOUDEST = np.float32(0.999)  # of full scale
_SOFT_END = round(0.25 * SAMPLE_RATE)  # samples that an endpointer cuts off at most at each end


Steps = list[tuple[str, str]]  # names of effects with their parameters as text, in order


class Chain:
    """Voice, silence at the ends, room, noise, microphone, level.

    The result depends only on the settings, the sounds and the state of the generator. Pickling leaves out the rooms,
    which worker processes simulate again in a tenth of a second.

    Parameters
    ----------
    settings : section [augment] of asr.toml.
    noises : recorded noise, if any.
    voices : clips to make babble of, if any.
    seed : of the simulated rooms.
    """

    def __init__(
        self, settings: Augment, noises: Sounds | None = None, voices: Sounds | None = None, *, seed: int = 1
    ) -> None:
        self.settings = settings
        self._noises = noises
        self._voices = voices
        self._seed = seed
        self._rooms: tuple[Room, ...] | None = None

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_rooms": None}

    @property
    def rooms(self) -> tuple[Room, ...]:
        """The simulated rooms, made on first use."""
        if self._rooms is None:
            chosen = self.settings
            self._rooms = make_rooms(self._seed, chosen.rooms, chosen.reverberation, chosen.distance)
        return self._rooms

    def apply(self, samples: Float, rng: np.random.Generator, *, shortest: int = 0) -> Float:
        """Return augmented `samples`; see `describe`."""
        return self.describe(samples, rng, shortest=shortest)[0]

    def variants(self, samples: Float, rng: np.random.Generator, count: int, *, shortest: int = 0) -> list[Float]:
        """Return `count` versions with one voice and different rooms, noise and microphones; the first is `apply`'s."""
        if not self.settings.enabled or samples.shape[0] == 0:
            return [samples.astype(np.float32)] * count
        dry = self._ends(self._voice(samples.astype(np.float32), rng, shortest, []), rng, shortest, [])
        return [self._microphone(self._room(dry, rng, []), rng, []) for _ in range(count)]

    def describe(self, samples: Float, rng: np.random.Generator, *, shortest: int = 0) -> tuple[Float, Steps]:
        """Augment one utterance and return the effects, too.

        Parameters
        ----------
        samples : float32 [n] at 16 kHz in [-1, 1].
        rng : the same state gives the same result.
        shortest : minimum length of the speech in samples, for long transcripts.

        Returns
        -------
        float32 [m] in [-1, 1], and the effects.
        """
        steps: Steps = []
        samples = samples.astype(np.float32)
        if self.settings.enabled and samples.shape[0]:
            samples = self._ends(self._voice(samples, rng, shortest, steps), rng, shortest, steps)
            samples = self._microphone(self._room(samples, rng, steps), rng, steps)
        return samples, steps

    def _voice(self, samples: Float, rng: np.random.Generator, shortest: int, steps: Steps) -> Float:
        chosen = self.settings
        speed = _draw_ratio(rng, chosen.speed_probability, chosen.speed)
        tempo = _draw_ratio(rng, chosen.tempo_probability, chosen.tempo)
        pitch = _draw(rng, chosen.pitch_probability, chosen.pitch) or 0.0
        tract = _draw_ratio(rng, chosen.vocal_tract_probability, chosen.vocal_tract)
        if shortest > 0:
            fastest = max(1.0, samples.shape[0] / shortest)
            speed = min(speed, fastest)
            tempo = min(tempo, fastest / speed)
        for name, value, neutral, form in (
            ("speed", speed, 1.0, "{:.2f}"),
            ("tempo", tempo, 1.0, "{:.2f}"),
            ("pitch", pitch, 0.0, "{:+.1f} semitones"),
            ("vocal tract", tract, 1.0, "{:.2f}"),
        ):
            if value != neutral:
                steps.append((name, form.format(value)))
        return change_voice(samples, speed, tempo, pitch, tract)

    def _ends(self, samples: Float, rng: np.random.Generator, shortest: int, steps: Steps) -> Float:
        """Change the pauses in an utterance and the silence around it."""
        chosen = self.settings
        depth = _draw(rng, chosen.gate_probability, chosen.gate_depth)
        if depth is not None:
            below = float(rng.uniform(*_ends(chosen.gate_below)))
            samples = noise.gate(samples, below, depth)
            steps.append(("gate", f"{depth:.0f} dB from {below:.0f} dB below speech"))
        samples = self._endpoint(samples, rng, shortest, steps)
        samples = self._crop(samples, rng, shortest, steps)
        before, after = (_draw_silence(rng, chosen.silence_probability, chosen.silence) for _ in range(2))
        quieter = float(rng.uniform(0.0, 20.0)) if rng.random() < 0.8 else float("inf")
        if before or after:
            samples = noise.add_silence(samples, before, after, quieter, rng)
            steps.append(("silence", f"{before / SAMPLE_RATE:.1f} s before, {after / SAMPLE_RATE:.1f} s after"))
        return samples

    def _room(self, samples: Float, rng: np.random.Generator, steps: Steps) -> Float:
        chosen = self.settings
        if rng.random() < chosen.room_probability:
            room = self.rooms[int(rng.integers(len(self.rooms)))]
            samples = reverberate(samples, room)
            steps.append(("room", f"{room.reverberation:.2f} s, {room.distance:.1f} m"))
        above = _draw(rng, chosen.noise_probability, chosen.noise_above)
        if above is not None:
            added, what = self._noise(samples.shape[0], rng)
            if what:
                samples = noise.add_noise(samples, added, above)
                steps.append(("noise", f"{above:.0f} dB below ({what})"))
        return samples

    def _endpoint(self, samples: Float, rng: np.random.Generator, shortest: int, steps: Steps) -> Float:
        """Cut off the soft ends, as an endpointer does: of "six" it may leave only the vowel."""
        below = _draw(rng, self.settings.endpoint_probability, self.settings.endpoint_below)
        if below is None:
            return samples
        # More than a consonant would be a word.
        front, back = (min(end, _SOFT_END) for end in noise.quiet_ends(samples, below))
        return _cut_ends(samples, front, back, shortest, "endpoints", steps)

    def _crop(self, samples: Float, rng: np.random.Generator, shortest: int, steps: Steps) -> Float:
        """Cut off part of the silence at both ends, so that a network does not rely on how clips begin."""
        chosen = self.settings.crop_probability
        parts = [float(rng.random()) if rng.random() < chosen else 0.0 for _ in range(2)]
        if not any(parts):
            return samples
        front, back = (int(quiet * part) for quiet, part in zip(noise.quiet_ends(samples), parts, strict=True))
        return _cut_ends(samples, front, back, shortest, "crop", steps)

    def _noise(self, n: int, rng: np.random.Generator) -> tuple[Float, str]:
        """Draw `n` samples of recorded or synthetic noise, and its description."""
        if self._noises and rng.random() < self.settings.noise_recorded:
            return self._noises.draw(n, rng), "recorded"
        rooms = self.rooms if self.settings.room_probability > 0 else ()
        scene, kinds = noise.make_scene(n, rng, self.settings.noise_kinds, self._voices, rooms)
        return scene, " + ".join(kinds)

    def _microphone(self, samples: Float, rng: np.random.Generator, steps: Steps) -> Float:
        chosen = self.settings
        response = None
        if rng.random() < chosen.equaliser_probability:
            slope = float(rng.uniform(*_ends(chosen.tilt)))
            peaks = int(rng.integers(0, 4))
            response = microphone.tilt(slope)
            for _ in range(peaks):
                frequency = float(np.exp(rng.uniform(np.log(100.0), np.log(7000.0))))
                height = float(rng.uniform(*_ends(chosen.peaks)))
                response = response * microphone.peak(frequency, height, float(rng.uniform(0.15, 1.0)))
            steps.append(("equaliser", f"{slope:+.1f} dB/octave, {peaks} peaks"))
        limits = self._band(rng)
        if limits is not None:
            passed = microphone.band(*limits)
            response = passed if response is None else response * passed
            steps.append(("band", f"{limits[0]:.0f} to {limits[1]:.0f} Hz"))
        if response is not None:
            samples = microphone.colour(samples, response)
        # Synthetic voices pause in digital silence and each recorder in its own hiss; without added hiss a network
        # learns to tell them apart.
        hiss = _draw(rng, chosen.hiss_probability, chosen.hiss_above)
        if hiss is not None:
            slope = float(rng.uniform(-5.0, 1.0))
            samples = noise.add_noise(samples, scenes.coloured(samples.shape[0], rng, slope), hiss)
            steps.append(("hiss", f"{hiss:.0f} dB below"))
        excess = _draw(rng, chosen.clipping_probability, chosen.clipping)
        if excess is not None:
            samples = microphone.overdrive(samples, excess)
            steps.append(("clipping", f"{excess:.0f} dB"))
        if rng.random() < chosen.codec_probability:
            samples = microphone.send_by_telephone(microphone.amplify(samples, 0.0))
            steps.append(("codec", "mu-law"))
        gain = _draw(rng, chosen.gain_probability, chosen.gain)
        if gain is not None:
            steps.append(("gain", f"{gain:+.0f} dB"))
        return microphone.amplify(samples, gain or 0.0)

    def _band(self, rng: np.random.Generator) -> tuple[float, float] | None:
        chosen = self.settings
        drawn = rng.random()
        if drawn < chosen.telephone_probability:
            return microphone.TELEPHONE
        if drawn < chosen.telephone_probability + chosen.cheap_microphone_probability:
            return float(rng.uniform(*_ends(chosen.low_cut))), float(rng.uniform(*_ends(chosen.high_cut)))
        return None


def _cut_ends(samples: Float, front: int, back: int, shortest: int, name: str, steps: Steps) -> Float:
    """Return `samples` with both ends cut off, and note it; unchanged if less than `shortest` would be left."""
    if front + back == 0 or samples.shape[0] - front - back < shortest:
        return samples
    steps.append((name, f"{front / SAMPLE_RATE:.2f} s before, {back / SAMPLE_RATE:.2f} s after"))
    return samples[front : samples.shape[0] - back]


def _ends(limits: tuple[float, ...]) -> tuple[float, float]:
    return limits[0], limits[-1]


def _draw(rng: np.random.Generator, probability: float, limits: tuple[float, ...]) -> float | None:
    """Return a value within `limits` with the given probability, else None."""
    return float(rng.uniform(*_ends(limits))) if rng.random() < probability else None


def _draw_ratio(rng: np.random.Generator, probability: float, limits: tuple[float, ...]) -> float:
    """Return a log-uniform ratio within `limits` with the given probability, else 1.0."""
    if rng.random() >= probability:
        return 1.0
    low, high = np.log(_ends(limits))
    return float(np.exp(rng.uniform(low, high)))


def _draw_silence(rng: np.random.Generator, probability: float, limits: tuple[float, ...]) -> int:
    """Return a length of silence in samples; squared, because long silences cost training time."""
    if rng.random() >= probability:
        return 0
    low, high = _ends(limits)
    return round((low + (high - low) * float(rng.random()) ** 2) * SAMPLE_RATE)
