"""A training that takes seconds, on utterances of tones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from asr.core import audio
from asr.core.alphabet import Alphabet
from asr.ctc.batches import Clip
from asr.ctc.extraction import FeatureExtractor
from asr.ctc.plan import Plan
from asr.settings.sections import Train
from tests.lm.tone_speech import say

ALPHABET = Alphabet(" abc")
TEXTS = ("abc", "cab", "bca", "acb", "ba", "ca", "cb", "ab")
SETTINGS = Train(
    network="deepspeech", n_hidden=32, epochs=4, batch_size=2, learning_rate=0.004, warm_up=0.0, schedule="plateau",
    dropout=0.0, plateau_patience=50, gradient_norm=100.0, average=2, choose_by="loss", early_stop_patience=0, seed=2,
)  # fmt: skip


class Log:
    """Keeps each epoch's figures."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def epoch(self, row: Mapping[str, Any]) -> None:
        self.rows.append(dict(row))


def write_clips(folder: Path, texts: Sequence[str] = TEXTS) -> list[Clip]:
    clips = []
    folder.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(texts):
        samples = say(text, ALPHABET)
        path = folder / f"{number}.wav"
        audio.write_wav(path, samples)
        clips.append(Clip(path, text, len(samples) / audio.SAMPLE_RATE))
    return clips


def make_plan(folder: Path, name: str, texts: Sequence[str] = TEXTS, **changes: Any) -> Plan:
    """Return a training on clips in `folder`; changes are of the settings, or of the plan."""
    clips = write_clips(folder / "clips", texts)
    known = {key: value for key, value in changes.items() if hasattr(SETTINGS, key)}
    rest = {key: value for key, value in changes.items() if key not in known}
    settings = replace(SETTINGS, **known)
    plan = Plan(
        settings,
        ALPHABET,
        clips,
        clips[::2],
        FeatureExtractor(ALPHABET, None, settings.seed, 2 if settings.consistency else 1),
        folder / name / "checkpoints",
        folder / "features",
        folder / name / "logs",
        workers=1,
    )
    return replace(plan, **rest)
