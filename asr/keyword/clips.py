"""From a planned recording to the features of its clips: augmented for training, clean and in noise for evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from asr.augment.chain import Chain
from asr.augment.evaluation_noise import Noise, mix
from asr.augment.sounds import Sounds
from asr.augment.spectrum import Float
from asr.core import audio
from asr.core.alphabet import normal_word
from asr.core.audio import Int16
from asr.core.errors import AudioError
from asr.keyword import frontend, windows
from asr.keyword.corpus import Corpus
from asr.keyword.frontend import SLICES, WIDTHS
from asr.keyword.jobs import Job
from asr.keyword.shards import Int8
from asr.keyword.windows import CLIP, Maker, Sound
from asr.settings.augment import Augment
from asr.settings.keyword import Keyword

VOICES_SECONDS = 1200.0  # s of other speech kept for babble and splices


@dataclass(frozen=True)
class ClipAugmentation:
    """The settings and sounds that clips are made with.

    Attributes
    ----------
    voices, noises : sounds to mix in and to splice with; None: there are none.
    evaluation : noises of the sets `dev-noise` and `test-noise`; a clip gets one of them.
    """

    settings: Keyword
    augment: Augment
    voices: Sounds | None
    noises: Sounds | None
    evaluation: tuple[Noise, ...]


@dataclass(frozen=True)
class Made:
    """The result of a job: rows of features by set, with their labels; or the reason why there are none.

    Attributes
    ----------
    longer : whether the word takes more than a second.
    noises : kind of noise of each evaluation clip.
    """

    job: Job
    rows: dict[str, tuple[Int8, list[int]]]
    rejected: str = ""
    longer: bool = False
    noises: tuple[str, ...] = ()


def gather(
    found: Corpus, settings: Keyword, augment: Augment, cache: Path, evaluation: Sequence[Noise]
) -> ClipAugmentation:
    """Gather noise and other speech, and adapt the effects to clips of a second."""
    words = {normal_word(word) for word in settings.words}
    others = [u for u in found.utterances if u.split == "train" and u.word not in words and not u.archived]
    rng = np.random.default_rng([settings.seed, 5])
    chosen = [Path(others[int(index)].name) for index in sorted(rng.permutation(len(others))[:600])]
    if found.voices is not None:
        chosen += sorted(found.voices.glob("*.wav"))
    cache.mkdir(parents=True, exist_ok=True)
    voices = Sounds.read([chosen], cache=cache, most_seconds=VOICES_SECONDS, name="voices")
    noises = Sounds.gather(found.noises, cache=cache)
    return ClipAugmentation(settings, adapted(augment, settings), voices or None, noises or None, tuple(evaluation))


def adapted(augment: Augment, settings: Keyword) -> Augment:
    """Return section [augment] for keyword clips: section [keyword] has its own tempo and noise."""
    return replace(
        augment,
        endpoint_probability=0.0,
        crop_probability=0.0,  # windows.Maker adds silence itself, since it has to know where the word is
        silence_probability=0.0,
        tempo_probability=settings.tempo_frequency,
        tempo=settings.tempo,
        noise_probability=settings.noise_frequency,
        noise_above=settings.noise_above,
        noise_kinds=settings.noise_kinds,
    )


class ClipFactory:
    """Makes the clips of jobs and their features; each worker process has one."""

    def __init__(self, given: ClipAugmentation) -> None:
        self.given = given
        chain = None
        if given.augment.enabled:
            # A single other voice beside the word, too: people talk at the same time.
            groups = [sounds for sounds in (given.noises, given.voices) if sounds]
            recorded = given.augment.noise_recorded * len(groups) / 2
            chain = Chain(
                replace(given.augment, noise_recorded=recorded),
                _Mixed(groups) if groups else None,  # type: ignore[arg-type]
                given.voices,
                seed=given.settings.seed,
            )
        self.maker = Maker(given.settings, chain, given.voices, given.noises)

    def make(self, job: Job) -> Made:
        """Return the features of a job's clips."""
        bare = replace(job, data=None)
        try:
            sound = windows.locate(_load(job)) if job.name else None
        except AudioError as error:
            return Made(bare, {}, f"{error.what}. {error.fix}" if error.fix else error.what)
        if sound is not None and not sound.samples.any():
            return Made(bare, {}, "it is silent")
        rng = np.random.default_rng([self.given.settings.seed, job.number])
        longer = sound is not None and sound.longer and job.label > 1
        if job.split == "train":
            return Made(bare, {"train": self._training(job, sound, rng)}, longer=longer)
        clean, noisy, kinds = [], [], []
        for index in range(job.clips):
            clip = self._evaluation_clip(job, sound, rng)
            clean.append(clip)
            noise = self.given.evaluation[(job.number + index) % len(self.given.evaluation)]
            kinds.append(noise.kind)
            noisy.append(self._in_noise(clip, noise, f"{job.number} {index}", job.label == 0, rng))
        labels = [job.label] * job.clips
        sets = {
            f"{job.split}-clean": (self._features(clean), labels),
            f"{job.split}-noise": (self._features(noisy), labels),
        }
        return Made(bare, sets, longer=longer, noises=tuple(kinds))

    def _training(self, job: Job, sound: Sound | None, rng: np.random.Generator) -> tuple[Int8, list[int]]:
        clips = []
        for index in range(job.clips):
            plain = index == 0 and job.plain
            if sound is None:
                clips.append(self.maker.silence(rng))
            elif job.label == 1:
                clips.append(self.maker.unknown(sound, rng, plain=plain))
            else:
                clips.append(self.maker.word(sound, rng, plain=plain))
        if sound is not None:
            clips += [self.maker.splice(sound, rng) for _ in range(job.splices)]
        return self._features(clips), [job.label] * job.clips + [1] * job.splices

    def _evaluation_clip(self, job: Job, sound: Sound | None, rng: np.random.Generator) -> Int16:
        """Return a clip of one second without augmentation."""
        if sound is None:
            return self.maker.silence(rng)[-CLIP:]
        middle = windows.loudest(sound)
        if job.label == 1 and sound.longer:
            middle = int(rng.integers(sound.start + CLIP // 2, sound.end - CLIP // 2 + 1))
        return audio.to_int16(windows.cut(sound.samples, middle))

    def _in_noise(self, clip: Int16, source: Noise, name: str, silent: bool, rng: np.random.Generator) -> Int16:
        noise = source.piece(name, len(clip))
        if silent or not clip.any():
            volume = self.given.settings.noise_volume * 10.0 ** (rng.uniform(-40.0, 0.0) / 20.0)
            return audio.to_int16(noise * np.float32(volume / float(np.abs(noise).max())))
        return audio.to_int16(mix(clip, noise, self.given.settings.judge_level))

    def _features(self, clips: Sequence[Int16]) -> Int8:
        """Return the features of the last second of each clip: int8 [k, 49 * channels]."""
        preprocess = self.given.settings.preprocess
        rows = np.empty((len(clips), SLICES * WIDTHS[preprocess]), np.int8)
        for row, clip in zip(rows, clips, strict=True):
            row[:] = features(clip, preprocess)[-SLICES:].reshape(-1)
        return rows


class _Mixed:
    """Several collections of sounds to draw from, each with the same probability."""

    def __init__(self, sounds: Sequence[Sounds]) -> None:
        self._sounds = sounds

    def draw(self, n: int, rng: np.random.Generator) -> Float:
        return self._sounds[int(rng.integers(len(self._sounds)))].draw(n, rng)


def features(samples: Int16, preprocess: str) -> Int8:
    """Return the features of int16 [n] as the network takes them, int8 [slices, channels]."""
    found = frontend.features(samples, preprocess)
    if found.dtype == np.uint8:
        return np.asarray(found.astype(np.int16) - 128, np.int8)
    return np.asarray(found, np.int8)


def _load(job: Job) -> Float:
    if job.data is None:
        return audio.load(job.name)
    content = job.data if isinstance(job.data, bytes) else job.data.read()
    samples = audio.to_float(audio.parse_wav(content, job.name))
    if not len(samples):
        raise AudioError("it holds no samples", path=job.name)
    return samples
