"""Losses and greedy decoding of clips as they are: the dev set after each epoch, and test clips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
from rapidfuzz.distance import Levenshtein

from asr.core import audio
from asr.core.alphabet import Alphabet
from asr.ctc import feature_store
from asr.ctc.batches import Batch, Clip, check_length, collate
from asr.ctc.features import exact_mfcc
from asr.ctc.objective import ctc_losses, decode_greedily

BATCH = 32


class DevSet:
    """The dev clips with their stored features.

    Parameters
    ----------
    clips : the dev clips.
    alphabet : of their transcripts.
    folder : of stored features.

    Attributes
    ----------
    transcripts : of the clips.
    decoded : texts that greedy decoding gave in the last `evaluate`.

    Raises
    ------
    ModelError : a clip is too short for its transcript.
    """

    def __init__(self, clips: Sequence[Clip], alphabet: Alphabet, folder: Path) -> None:
        self._alphabet = alphabet
        self._features = feature_store.load(clips, folder, "dev")
        self._labels = [alphabet.encode(clip.transcript) for clip in clips]
        for clip, features, labels in zip(clips, self._features, self._labels, strict=True):
            check_length(len(features), labels, clip.transcript, clip.path)
        self.transcripts = [clip.transcript for clip in clips]
        self.decoded = [""] * len(clips)

    def evaluate(self, network: keras.Model) -> tuple[float, float]:
        """Return the CTC loss per utterance (nats) and the greedy character error rate."""
        losses: list[float] = []
        wrong = characters = 0
        for batch, chosen in self._batches():
            logits = np.asarray(network(batch.features, training=False))
            losses += np.asarray(ctc_losses(logits, batch.frames, batch.labels)).tolist()
            for index, text in zip(chosen, decode_greedily(logits, batch.frames, self._alphabet), strict=True):
                self.decoded[index] = text
                wrong += Levenshtein.distance(self.transcripts[index], text)
                characters += len(self.transcripts[index])
        return float(np.mean(losses)), wrong / max(1, characters)

    def _batches(self) -> Iterator[tuple[Batch, list[int]]]:
        order = sorted(range(len(self._features)), key=lambda index: len(self._features[index]))
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            yield collate([self._features[i] for i in chosen], [self._labels[i] for i in chosen]), chosen


def losses_of(clips: Sequence[Clip], network: keras.Model, alphabet: Alphabet) -> list[float]:
    """Return the CTC loss (nats) of each clip; ModelError where one is too short for its transcript."""
    found = []
    for clip in clips:
        labels = alphabet.encode(clip.transcript)
        features = exact_mfcc(audio.read_wav(clip.path))
        check_length(len(features), labels, clip.transcript, clip.path)
        batch = collate([features], [labels])
        logits = network(batch.features, training=False)
        found.append(float(np.asarray(ctc_losses(logits, batch.frames, batch.labels))[0]))
    return found
