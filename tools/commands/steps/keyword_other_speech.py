"""Recordings of other_speech/ in a keyword model: what trains it, and what its thresholds and figures rest on."""

from __future__ import annotations

from asr.core.alphabet import normal_word
from asr.settings.workspace import Workspace
from datasets.keyword_split import Utterance
from tools.commands.steps.other_speech import other_recordings, transcribed


def training_recordings(ws: Workspace) -> list[Utterance]:
    """Return the recordings of other_speech/ to train on: transcribed ones, of half of the speakers, without a
    keyword."""
    return [
        Utterance(str(one.path), normal_word(one.transcript), one.speaker, "train", synthetic=one.synthetic)
        for one in transcribed(ws, training=True)
        if not _holds_keyword(ws, one.transcript)
    ]


def evaluation_recordings(ws: Workspace, split: str) -> list[str]:
    """Return the recordings of other_speech/ for dev or test: of those not trained on, every second file."""
    held = {one.path for one in transcribed(ws, training=False) if _holds_keyword(ws, one.transcript)}
    paths = other_recordings(ws)[0 if split == "dev" else 1 :: 2]
    return [str(path) for path in paths if path.resolve() not in held]


def _holds_keyword(ws: Workspace, text: str) -> bool:
    return any(f" {normal_word(word)} " in f" {normal_word(text)} " for word in ws.settings.keyword.words)
