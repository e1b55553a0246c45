"""The inputs of a training: clips, augmentation, synthetic voices, pretrained weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from asr.core import audio
from asr.core.errors import WorkspaceError
from asr.core.progress import say
from asr.settings.workspace import Workspace
from tools.commands.steps.inputs import read_templates
from tools.commands.steps.noise import noise_folders
from tools.commands.steps.other_speech import other_utterances
from tools.commands.steps.pretrained import check_start, start_weights

if TYPE_CHECKING:
    from asr.augment.chain import Chain
    from asr.ctc.plan import Plan
    from asr.runs.record import Run
    from datasets.corpus import Dataset


def training_clips(ws: Workspace, clips: Sequence[Any]) -> list[Any]:
    """Return clips in the trainer's form."""
    from asr.ctc.batches import Clip

    return [Clip(ws.clips / clip.clip, clip.transcript, clip.seconds) for clip in clips]


def augmentation(ws: Workspace, dataset: Dataset) -> Chain | None:
    """Return the chain of effects with the workspace's noises and voices; None if it is switched off."""
    from asr.augment.chain import Chain
    from asr.augment.sounds import Sounds

    chosen = ws.settings.augment
    if not chosen.enabled:
        return None
    cache = ws.build / "noise"
    cache.mkdir(parents=True, exist_ok=True)
    noises = Sounds.gather([place for _, place in noise_folders(ws)], cache=cache)
    voices = Sounds.read([[ws.clips / clip.clip for clip in dataset.of("train")]], cache=cache, name="voices")
    return Chain(chosen, noises, voices, seed=ws.settings.train.seed)


def make_plan(ws: Workspace, dataset: Dataset, stopped: Run | None = None) -> tuple[Plan, str | None]:
    """Return the inputs of a training and the name of its pretrained weights, if any.

    Parameters
    ----------
    stopped : the run to resume; None: a new one.
    """
    from asr.ctc.extraction import FeatureExtractor
    from asr.ctc.plan import Plan

    chosen = ws.settings.train
    real = not all(clip.synthetic for clip in dataset.clips)
    start, parent = start_weights(ws, stopped)
    if start is not None:
        check_start(ws, start)
    rate = recorded_rate(dataset)
    views = 2 if chosen.consistency else 1
    extractor = FeatureExtractor(ws.alphabet, augmentation(ws, dataset), chosen.seed, views)
    plan = Plan(
        chosen,
        ws.alphabet,
        training_clips(ws, dataset.of("train")),
        training_clips(ws, dataset.of("dev")),
        extractor,
        ws.checkpoints,
        ws.build / "features",
        ws.logs,
        synthetic=synthetic_voices(ws, rate) if real and ws.settings.voices.use == "mix" else None,
        other=other_utterances(ws, rate) if chosen.other_speech else None,
        pretrained=start,
        rate=rate,
    )
    return plan, parent


def _new_utterances(ws: Workspace, rate: int, real: bool) -> Callable[[int, int], Sequence[Any]] | None:
    """Return synthetic utterances that are new in each epoch, beside the clips; None where there are none.

    Without recordings the clips are synthetic. Where neural voices have said them, quick voices add to them.
    """
    from datasets.speech import is_slow_voice

    voices = ws.settings.voices
    if real:
        return voices_beside_recordings(ws, rate) if voices.use == "mix" else None
    if not any(is_slow_voice(voice) for voice in voices.voices):
        return None
    try:
        return synthetic_voices(ws, rate, quick=True)
    except WorkspaceError:
        # The language has neural voices alone.
        return None


def voices_beside_recordings(ws: Workspace, rate: int) -> Callable[[int, int], Sequence[Any]] | None:
    """Return what `synthetic_voices` does; None, with a warning, where the language has none: recordings suffice."""
    try:
        return synthetic_voices(ws, rate)
    except WorkspaceError as error:
        if ws.settings.voices.voices:
            raise
        say(f"warning: trained on recordings alone: {error}")
        return None


def recorded_rate(dataset: Dataset) -> int:
    """Return the highest sample rate, Hz, among the training recordings, 16,000 at most.

    Synthetic voices with a wider band would teach the network that a narrow band means a person.
    """
    sources = {Path(clip.source) for clip in dataset.of("train") if not clip.synthetic}
    rates = [audio.header_rate(source) or audio.SAMPLE_RATE for source in sources]
    return min(max(rates, default=audio.SAMPLE_RATE), audio.SAMPLE_RATE)


def synthetic_voices(
    ws: Workspace, rate: int = audio.SAMPLE_RATE, *, quick: bool = False
) -> Callable[[int, int], Sequence[Any]]:
    """Return a generator of synthetic utterances: new sentences of the templates, by all speakers in turn.

    Slow voices synthesise voices.utterances sentences before training and are reused during it.

    Parameters
    ----------
    rate : Hz; the voices are limited to the band of this sample rate.
    quick : leave out the slow voices; where no other is named, all of the language's speak.
    """
    from datasets.corpus import assign_sentences
    from datasets.speech import SyntheticUtterance, draw_speakers, is_slow, is_slow_voice, speak_to_files

    chosen = ws.settings
    voices = chosen.voices
    if quick:
        voices = replace(voices, voices=tuple(voice for voice in voices.voices if not is_slow_voice(voice)))
    speakers = draw_speakers(voices, chosen.alphabet.language)
    templates = read_templates(ws)
    said: list[SyntheticUtterance] = []
    if slow := [speaker for speaker in speakers if is_slow(speaker)]:
        texts = templates.sample(voices.utterances, np.random.default_rng([voices.seed, 12]))
        said = assign_sentences(texts, slow, voices.utterances, voices.seed)
        paths = speak_to_files(said, ws.speech, alone=True)
        said = [replace(line, rate=rate, file=path) for line, path in zip(said, paths, strict=True)]

    def utterances(generation: int, count: int) -> list[SyntheticUtterance]:
        rng = np.random.default_rng([voices.seed, chosen.train.seed, generation])
        texts = templates.sample(count, rng)
        order = rng.permutation(len(speakers))
        cast = [speakers[int(order[i % len(order)])] for i in range(len(texts))]
        again = (said[int(index)] for index in cycle(rng.permutation(len(said))))
        return [
            next(again) if is_slow(speaker) else SyntheticUtterance(text, speaker, rate)
            for text, speaker in zip(texts, cast, strict=True)
        ]

    return utterances
