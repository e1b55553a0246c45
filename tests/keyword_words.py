"""Words that are made of sound alone: each a tune of its own, each speaker at another pitch and in another noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr.core import audio
from asr.settings.template import render
from asr.settings.values import Settings, with_values
from asr.settings.workspace import Workspace

TUNES = {"up": (400, 700, 1200), "down": (1200, 700, 400), "low": (300, 300, 300), "high": (1500, 1500, 900)}
SPEAKERS = 12
SMALL: dict[str, object] = {
    "words": ("up", "down"), "split_by": "speakers", "passes": 4, "epochs": 24, "width": 16, "batch_size": 32,
    "learning_rate": 0.01, "silence_percent": 50.0, "early_stop_patience": 0, "label_smoothing": 0.0,
    "synthetic_speakers": 0,
    "teacher_width": 0,
}  # fmt: skip


def tune(word: str, speaker: int, take: int = 0, seconds: float = 0.5) -> npt.NDArray[np.int16]:
    """Return a word as a speaker says it, int16 [n]."""
    rng = np.random.default_rng([len(word), ord(word[0]), speaker, take])
    pitch = 0.8 + 0.4 * speaker / SPEAKERS
    parts = []
    # Nobody meets a note twice alike: two takes are not copies of one.
    for frequency, met in zip(TUNES[word], rng.uniform(0.97, 1.03, 3), strict=True):
        time = np.arange(int(seconds / 3 * audio.SAMPLE_RATE)) / audio.SAMPLE_RATE
        tones = sum(np.sin(2 * np.pi * frequency * met * pitch * order * time) / order for order in (1, 2, 3))
        parts.append(tones * np.hanning(len(time)))
    sound = 0.2 * np.concatenate(parts)
    around = np.zeros((int(0.2 * audio.SAMPLE_RATE),))
    sound = np.concatenate([around, sound, around])
    return audio.to_int16((sound + rng.normal(0, 0.003, len(sound))).astype(np.float32))


def write_words(folder: Path, takes: int = 3, words: tuple[str, ...] = tuple(TUNES), first: int = 0) -> None:
    """Write a folder for each word with `<speaker>_nohash_<n>.wav`, as in Speech Commands, n from `first`."""
    for word in words:
        for speaker in range(SPEAKERS):
            for take in range(first, first + takes):
                audio.write_wav(folder / word / f"{speaker:08x}_nohash_{take}.wav", tune(word, speaker, take))


def make_workspace(root: Path, takes: int = 3, **changes: object) -> Workspace:
    """Make a workspace of these words; changes are of section [keyword]."""
    root.mkdir(parents=True, exist_ok=True)
    write_words(root / "recordings", takes)
    settings = with_values(
        Settings(),
        split={"train": 0.5, "dev": 0.25, "test": 0.25},
        augment={"rooms": 2},
        keyword={**SMALL, **changes},
    )
    (root / "asr.toml").write_text(render(settings))
    (root / "sentences.txt").write_text("up\ndown\n")
    return Workspace.open(root)
