"""What a recogniser has to refuse: other speech, noise and silence, for training and for the verifier."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from asr.core import audio
from asr.core.alphabet import Alphabet
from asr.core.errors import WorkspaceError
from asr.core.progress import say
from asr.settings.augment import KINDS
from asr.settings.workspace import Workspace
from tools.commands.steps.inputs import read_templates

if TYPE_CHECKING:
    from datasets.recordings import Recording
    from datasets.speech import Speaker
    from lm.outside import OutsideSentences

_BACKGROUND = 0.15  # share of noise and silence
_RECORDED = 0.3  # share of transcribed recordings, where there are any
_SPOKEN = 400  # utterances of slow voices


def outside_sentences(ws: Workspace) -> OutsideSentences:
    """Return a source of sentences outside the workspace's grammar."""
    from lm.general import general_sentences
    from lm.outside import OutsideSentences
    from lm.sentences import Templates

    path = general_sentences(ws.settings.alphabet.language)
    general = None if path is None else Templates.read(path, Alphabet())
    return OutsideSentences(read_templates(ws), ws.alphabet, general, ws.settings.voices.seed)


def transcribed(ws: Workspace, *, training: bool) -> list[Recording]:
    """Return the recordings of other_speech/ that a recordings.csv transcribes: half of the speakers for training, the
    others for the verifier."""
    from datasets.recordings import CSV_NAME, read_csv

    table = ws.other_speech / CSV_NAME
    if not table.is_file():
        return []
    return [one for one in read_csv(table, ws.alphabet) if _is_for_training(one.speaker) == training]


def other_recordings(ws: Workspace) -> list[Path]:
    """Return the recordings of other_speech/ that are not trained on; dev takes every second one, test the others."""
    if not ws.other_speech.is_dir():
        return []
    trained = {one.path for one in transcribed(ws, training=True)}
    return [path for path in audio.sound_files(ws.other_speech) if path.resolve() not in trained]


def _is_for_training(speaker: str) -> bool:
    return zlib.crc32(speaker.encode()) % 2 == 0


def other_speakers(ws: Workspace, seed: int = 0, count: int | None = None) -> Sequence[Speaker]:
    """Return synthetic speakers for other speech; none where the settings or the language have no voices.

    Parameters
    ----------
    seed : added to voices.seed.
    count : how many; None: voices.speakers.
    """
    from datasets.speech import draw_speakers

    voices, language = ws.settings.voices, ws.settings.alphabet.language
    if voices.use == "never":
        return []
    try:
        return draw_speakers(replace(voices, seed=voices.seed + seed), language, count)
    except WorkspaceError as error:
        if voices.voices:
            raise
        say(f"warning: no synthetic other speech: {error}")
        return []


def other_utterances(ws: Workspace, rate: int = audio.SAMPLE_RATE) -> Callable[[int, int], Sequence[Any]]:
    """Return a generator of other speech with its transcripts, and of noise and silence with empty ones.

    Parameters
    ----------
    rate : Hz; synthetic voices are limited to the band of this sample rate.
    """
    from asr.augment.background import Background
    from asr.ctc.batches import Clip
    from datasets.clips import make_clips, say_rejected
    from datasets.speech import SyntheticUtterance, is_slow, speak_to_files

    chosen = ws.settings
    voices = chosen.voices
    sentences = outside_sentences(ws)
    recorded: list[Clip] = []
    if found := transcribed(ws, training=True):
        clips, rejected = make_clips(found, ws.other_clips / "clips", chosen.recordings, ws.alphabet, ws.root)
        say_rejected(rejected, ws.other_clips / "clips")
        recorded = [Clip(ws.other_clips / "clips" / one.clip, one.transcript, one.seconds) for one in clips]
    speakers = other_speakers(ws)
    quick = [speaker for speaker in speakers if not is_slow(speaker)]
    said: list[SyntheticUtterance] = []
    if slow := [speaker for speaker in speakers if is_slow(speaker)]:
        rng = np.random.default_rng([voices.seed, 22])
        texts = sentences.draw(_SPOKEN, rng)
        lines = [SyntheticUtterance(text, slow[i % len(slow)], rate) for i, text in enumerate(texts)]
        paths = speak_to_files(lines, ws.other_clips / "speech", alone=True)
        said = [replace(line, file=path) for line, path in zip(lines, paths, strict=True)]

    def utterances(generation: int, count: int) -> list[Any]:
        rng = np.random.default_rng([voices.seed, chosen.train.seed, generation, 23])
        texts = sentences.draw(count, rng)
        made: list[Any] = []
        for number, text in enumerate(texts):
            drawn = rng.random()
            if drawn < _BACKGROUND or not (recorded or quick or said):
                seconds = float(rng.uniform(0.6, 4.0))
                kinds = tuple(chosen.augment.noise_kinds) or KINDS
                made.append(Background(seconds, kinds, (chosen.train.seed, generation, number, 24)))
            elif recorded and (drawn < _BACKGROUND + _RECORDED or not speakers):
                made.append(recorded[int(rng.integers(len(recorded)))])
            elif said and (rng.random() * len(speakers) < len(slow) or not quick):
                made.append(said[int(rng.integers(len(said)))])
            else:
                made.append(SyntheticUtterance(text, quick[int(rng.integers(len(quick)))], rate))
        return made

    return utterances
