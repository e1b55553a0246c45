"""Utterances and padded batches of their features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from asr.core import audio
from asr.core.errors import ModelError
from asr.runtime.features import COEFFICIENTS

Float = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int32]


class Utterance(Protocol):
    """One utterance to train on; any class that pickles and has these attributes will do."""

    @property
    def transcript(self) -> str: ...

    @property
    def seconds(self) -> float:
        """Its length; an estimate is enough to sort by."""
        ...

    def samples(self) -> Float:
        """Return float32 [n] at 16 kHz in [-1, 1)."""
        ...


@dataclass(frozen=True)
class Clip:
    """An utterance in a WAV of the workspace (16 kHz, mono, 16-bit)."""

    path: Path
    transcript: str
    seconds: float

    def samples(self) -> Float:
        """Read the clip; AudioError where it has another format."""
        return audio.read_wav(self.path).astype(np.float32) / np.float32(32768)


@dataclass(frozen=True)
class Batch:
    """Padded features and labels.

    Attributes
    ----------
    features : float32 [batch, frames, 26], zeros beyond an utterance's end.
    frames : int32 [batch].
    labels : int32 [batch, labels], -1 beyond the end.
    label_lengths : int32 [batch].
    """

    features: Float
    frames: npt.NDArray[np.int32]
    labels: Labels
    label_lengths: npt.NDArray[np.int32]


def needed_frames(labels: Labels) -> int:
    """Return the fewest frames that CTC can align the labels to: one each, and a blank between equal neighbours."""
    return len(labels) + int(np.count_nonzero(labels[1:] == labels[:-1]))


def check_length(frames: int, labels: Labels, transcript: str, path: Path | None = None) -> None:
    """Raise ModelError where an utterance of `frames` frames is too short for CTC to align its labels to."""
    if not len(labels):
        raise ModelError("this utterance has an empty transcript", path=path, fix="Write its transcript, or remove it")
    if frames < needed_frames(labels):
        raise ModelError(
            f"{frames} frames are too few for {transcript!r}, which needs {needed_frames(labels)}",
            path=path,
            fix="Check that the transcript belongs to this recording and that the recording is whole, or remove it",
        )


def collate(features: Sequence[Float], labels: Sequence[Labels]) -> Batch:
    """Pad utterances, float32 [frames, 26] and int32 [labels] each, to one batch."""
    frames = np.array([len(one) for one in features], dtype=np.int32)
    lengths = np.array([len(one) for one in labels], dtype=np.int32)
    padded = np.zeros((len(features), int(frames.max()), COEFFICIENTS), dtype=np.float32)
    padded_labels = np.full((len(labels), max(1, int(lengths.max()))), -1, dtype=np.int32)
    for row, (some, spelt) in enumerate(zip(features, labels, strict=True)):
        padded[row, : len(some)] = some
        padded_labels[row, : len(spelt)] = spelt
    return Batch(padded, frames, padded_labels, lengths)


def bucket(
    lengths: Sequence[float], batch_size: int, rng: np.random.Generator, *, short_first: bool = False, blur: float = 0.1
) -> list[npt.NDArray[np.intp]]:
    """Group utterances of similar length into batches.

    Parameters
    ----------
    lengths : of each utterance, in any unit.
    short_first : order the batches from short to long utterances (a curriculum); otherwise at random.
    blur : lengths are scaled at random by up to this share, so that batches differ from epoch to epoch.

    Returns
    -------
    list of int arrays : indices of each batch; every utterance is in exactly one.
    """
    blurred = np.asarray(lengths, dtype=np.float64)
    if blur:
        blurred = blurred * rng.uniform(1 - blur, 1 + blur, len(blurred))
    order = np.argsort(blurred, kind="stable")
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    if not short_first:
        batches = [batches[index] for index in rng.permutation(len(batches))]
    return batches
