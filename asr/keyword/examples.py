"""The data set of a keyword model: clips made by worker processes, and their features on disk."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from asr.augment.chain import Chain
from asr.augment.evaluation_noise import Noise, mix
from asr.augment.sounds import Sounds
from asr.augment.spectrum import Float
from asr.core import audio, tables
from asr.core import workers as workers_
from asr.core.alphabet import normal_word
from asr.core.audio import Int16
from asr.core.errors import AudioError, RecordingsError
from asr.core.progress import track
from asr.keyword import windows
from asr.keyword.corpus import Corpus
from asr.keyword.jobs import Job
from asr.keyword.shards import Int8, Writer
from asr.keyword.windows import CLIP, Maker, Sound
from asr.settings.augment import Augment
from asr.settings.keyword import SILENCE, UNKNOWN, Keyword

SLICES = 49
WIDTHS = {"micro": 40, "average": 43}  # features of a slice
VOICES_SECONDS = 1200.0  # s of other speech kept to make babble and splices of
JUDGED_SETS = ("dev-clean", "dev-noise", "test-clean", "test-noise")

_TASK = 32  # recordings of one task for a worker
_NAME = "table.csv"


@dataclass(frozen=True)
class Recipe:
    """What workers need to make clips."""

    settings: Keyword
    augment: Augment
    voices: Sounds | None
    noises: Sounds | None
    judges: tuple[Noise, ...]


@dataclass(frozen=True)
class Made:
    """What became of a job: rows of features by set, with their labels, or why there are none."""

    job: Job
    rows: dict[str, tuple[Int8, list[int]]]
    rejected: str = ""
    longer: bool = False
    noises: tuple[str, ...] = ()


def classes(words: Sequence[str]) -> tuple[str, ...]:
    """Return the names of a network's outputs, in order."""
    return (SILENCE, UNKNOWN, *words)


def make(folder: Path, found: Corpus, recipe: Recipe, jobs: Sequence[Job], workers: int | None = None) -> list[str]:
    """Write the features of all jobs: the set `train`, and `dev` and `test` clean and in noise.

    Parameters
    ----------
    workers : processes; None: one a core.

    Returns
    -------
    remarks : what a reader of any figure should know.

    Raises
    ------
    RecordingsError : nothing of a class could be read, or a worker died.
    """
    width = SLICES * WIDTHS[recipe.settings.preprocess]
    writers = {name: Writer(folder, name, width) for name in ("train", *JUDGED_SETS)}
    rejected, longer, table = list(found.rejected), 0, []
    counts: Counter[tuple[str, int]] = Counter()
    for made in track(_work(found, recipe, jobs, workers), "features", total=len(jobs)):
        if made.rejected:
            rejected.append((made.job.name, made.rejected))
            continue
        longer += made.longer
        for name, (rows, labels) in made.rows.items():
            writers[name].add(rows, labels)
            counts.update((name, label) for label in labels)
        if made.job.split != "train":
            name = made.job.name or SILENCE
            table += [(made.job.split, name, made.job.label, noise) for noise in made.noises]
    for writer in writers.values():
        writer.close()
    tables.write(folder / _NAME, ("split", "name", "label", "noise"), table)
    tables.write(folder / "rejected.csv", ("name", "reason"), rejected)
    for name in ("train", *JUDGED_SETS):
        for label, word in enumerate(classes(recipe.settings.words)):
            if label != 1 and not counts[name, label]:
                raise RecordingsError(
                    f"not one recording of {word!r} for {name} can be read",
                    path=folder / "rejected.csv",
                    fix="See there for the reasons",
                )
    remarks = []
    if rejected:
        remarks.append(f"{len(rejected)} recordings were set aside, see {folder / 'rejected.csv'}")
    if longer:
        remarks.append(f"{longer} recordings of words hold more than a second of speech, of which one is heard at once")
    if not counts["train", 1]:
        remarks.append("no other words to train on: anything spoken will be taken for a word")
    return remarks


def recipe_of(found: Corpus, settings: Keyword, augment: Augment, cache: Path, judges: Sequence[Noise]) -> Recipe:
    """Gather noise and other speech, and fit the effects to clips of a second."""
    words = {normal_word(word) for word in settings.words}
    others = [u for u in found.utterances if u.split == "train" and u.word not in words and not u.archived]
    rng = np.random.default_rng([settings.seed, 5])
    chosen = [Path(others[int(index)].name) for index in sorted(rng.permutation(len(others))[:600])]
    if found.voices is not None:
        chosen += sorted(found.voices.glob("*.wav"))
    cache.mkdir(parents=True, exist_ok=True)
    voices = Sounds.read([chosen], cache=cache, most_seconds=VOICES_SECONDS, name="voices")
    noises = Sounds.gather(found.noises, cache=cache)
    return Recipe(settings, fitted(augment, settings), voices or None, noises or None, tuple(judges))


def fitted(augment: Augment, settings: Keyword) -> Augment:
    """Return section [augment] as keyword clips are made by it: some of it is section [keyword]'s, and masks are
    another's, since they hide features."""
    usual = Augment()
    return replace(
        augment,
        time_masks=usual.time_masks,
        time_mask_longest=usual.time_mask_longest,
        time_mask_share=usual.time_mask_share,
        frequency_masks=usual.frequency_masks,
        frequency_mask_widest=usual.frequency_mask_widest,
        endpoint_probability=0.0,
        crop_probability=0.0,  # the maker puts silence around, and has to know where the word is
        silence_probability=0.0,
        tempo_probability=settings.tempo_frequency,
        tempo=settings.tempo,
        noise_probability=settings.noise_frequency,
        noise_above=settings.noise_above,
        noise_kinds=settings.noise_kinds,
    )


# ------------------------------------------------------------------------------------------------ workers

_RECIPE: Recipe | None = None
_MAKER: Maker | None = None


def _start(recipe: Recipe) -> None:
    workers_.start()
    _use(recipe)


def _use(recipe: Recipe) -> None:
    global _RECIPE, _MAKER
    _RECIPE = recipe
    chain = None
    if recipe.augment.enabled:
        # One voice alone beside the word, too: a word is often said while others speak.
        groups = [sounds for sounds in (recipe.noises, recipe.voices) if sounds]
        recorded = recipe.augment.noise_recorded * len(groups) / 2
        chain = Chain(
            replace(recipe.augment, noise_recorded=recorded),
            _Mixed(groups) if groups else None,  # type: ignore[arg-type]
            recipe.voices,
            seed=recipe.settings.seed,
        )
    _MAKER = Maker(recipe.settings, chain, recipe.voices, recipe.noises)


class _Mixed:
    """Several collections of sounds to draw from, each as likely as another."""

    def __init__(self, sounds: Sequence[Sounds]) -> None:
        self._sounds = sounds

    def draw(self, n: int, rng: np.random.Generator) -> Float:
        return self._sounds[int(rng.integers(len(self._sounds)))].draw(n, rng)


def _work(found: Corpus, recipe: Recipe, jobs: Sequence[Job], workers: int | None) -> Iterator[Made]:
    """Do jobs on all cores, in an order that does not depend on how many there are; few are held at a time."""
    count = workers or min(len(os.sched_getaffinity(0)), max(1, len(jobs) // _TASK))
    tasks = _tasks(_with_data(found, jobs))
    if count == 1:
        _use(recipe)
        for task in tasks:
            yield from _do(task)
        return
    pending: deque[Future[list[Made]]] = deque()
    try:
        with workers_.pool(count, _start, (recipe,)) as pool:
            for task in tasks:
                pending.append(pool.submit(_do, task))
                if len(pending) >= 4 * count:
                    yield from pending.popleft().result()
            while pending:
                yield from pending.popleft().result()
    except BrokenProcessPool:
        raise RecordingsError(
            "a process that made features has died, of too little memory or of a file that crashes its decoder",
            fix="Run this again",
        ) from None


def _with_data(found: Corpus, jobs: Sequence[Job]) -> Iterator[Job]:
    """Yield the jobs, those of an archive in its order and with their files' content, or with where it lies."""
    archived = {u.name for u in found.utterances if u.archived}
    waiting = {job.name: job for job in jobs if job.name in archived}
    yield from (job for job in jobs if job.name not in archived)
    if waiting:
        for name, data in found.archived(set(waiting)):
            job = waiting.pop(name, None)
            if job is not None:
                yield replace(job, data=data)


def _tasks(jobs: Iterable[Job]) -> Iterator[list[Job]]:
    task: list[Job] = []
    for job in jobs:
        task.append(job)
        if len(task) == _TASK:
            yield task
            task = []
    if task:
        yield task


def _do(task: Sequence[Job]) -> list[Made]:
    return [_make(job) for job in task]


def _make(job: Job) -> Made:
    assert _RECIPE is not None and _MAKER is not None
    bare = replace(job, data=None)
    try:
        sound = windows.locate(_load(job)) if job.name else None
    except AudioError as error:
        return Made(bare, {}, error.what)
    if sound is not None and not sound.samples.any():
        return Made(bare, {}, "it is silent")
    rng = np.random.default_rng([_RECIPE.settings.seed, job.number])
    longer = sound is not None and sound.longer and job.label > 1
    if job.split == "train":
        return Made(bare, {"train": _training(job, sound, rng)}, longer=longer)
    clean, noisy, kinds = [], [], []
    for index in range(job.clips):
        clip = _judged(job, sound, rng)
        clean.append(clip)
        judge = _RECIPE.judges[(job.number + index) % len(_RECIPE.judges)]
        kinds.append(judge.kind)
        noisy.append(_in_noise(clip, judge, f"{job.number} {index}", job.label == 0, rng))
    labels = [job.label] * job.clips
    sets = {f"{job.split}-clean": (_rows(clean), labels), f"{job.split}-noise": (_rows(noisy), labels)}
    return Made(bare, sets, longer=longer, noises=tuple(kinds))


def _load(job: Job) -> Float:
    if job.data is None:
        return audio.load(job.name)
    content = job.data if isinstance(job.data, bytes) else job.data.read()
    samples = audio.to_float(audio.parse_wav(content, job.name))
    if not len(samples):
        raise AudioError("it holds no samples", path=job.name)
    return samples


def _training(job: Job, sound: Sound | None, rng: np.random.Generator) -> tuple[Int8, list[int]]:
    assert _MAKER is not None
    clips = []
    for index in range(job.clips):
        plain = index == 0 and job.plain
        if sound is None:
            clips.append(_MAKER.silence(rng))
        elif job.label == 1:
            clips.append(_MAKER.unknown(sound, rng, plain=plain))
        else:
            clips.append(_MAKER.word(sound, rng, plain=plain))
    if sound is not None:
        clips += [_MAKER.splice(sound, rng) for _ in range(job.splices)]
    return _rows(clips), [job.label] * job.clips + [1] * job.splices


def _judged(job: Job, sound: Sound | None, rng: np.random.Generator) -> Int16:
    """Return the clip of one second that a judge hears, without augmentation."""
    assert _MAKER is not None
    if sound is None:
        return _MAKER.silence(rng)[-CLIP:]
    middle = windows.loudest(sound)
    if job.label == 1 and sound.longer:
        middle = int(rng.integers(sound.start + CLIP // 2, sound.end - CLIP // 2 + 1))
    return audio.to_int16(windows.cut(sound.samples, middle))


def _in_noise(clip: Int16, judge: Noise, name: str, silent: bool, rng: np.random.Generator) -> Int16:
    assert _RECIPE is not None
    noise = judge.piece(name, len(clip))
    if silent or not clip.any():
        volume = _RECIPE.settings.noise_volume * 10.0 ** (rng.uniform(-40.0, 0.0) / 20.0)
        return audio.to_int16(noise * np.float32(volume / float(np.abs(noise).max())))
    return audio.to_int16(mix(clip, noise, _RECIPE.settings.judge_level))


def _rows(clips: Sequence[Int16]) -> Int8:
    """Return the features of the last second of each clip: int8 [k, 49 * channels]."""
    assert _RECIPE is not None
    width = SLICES * WIDTHS[_RECIPE.settings.preprocess]
    rows = np.empty((len(clips), width), np.int8)
    for row, clip in zip(rows, clips, strict=True):
        row[:] = features(clip, _RECIPE.settings.preprocess)[-SLICES:].reshape(-1)
    return rows


def features(samples: Int16, preprocess: str) -> Int8:
    """Return the features of int16 [n] as the network takes them, int8 [slices, channels]."""
    from asr.keyword import frontend

    found = frontend.features(samples, preprocess)
    if found.dtype == np.uint8:
        return np.asarray(found.astype(np.int16) - 128, np.int8)
    return np.asarray(found, np.int8)
