"""The client's own confidence: which threshold on it refuses how much, for programs that stay with the client.

`deepspeech --json` prints the logarithm of a transcript's score, which grows with the length of the recording. Divided
by the seconds it can be compared with a threshold, though it is no probability.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from asr.client.libdeepspeech import Model
from asr.core import audio
from asr.core import workers as workers_
from asr.core.errors import ModelError
from asr.core.progress import track
from asr.evaluation.recognition import Client
from asr.rejection.examples import Command, Other, Sound

REFUSED_COMMANDS = (0.01, 0.03, 0.1)  # shares of commands that are lost


@dataclass(frozen=True)
class ClientThreshold:
    """A threshold on the confidence per second.

    Attributes
    ----------
    confidence : per second; what lies below is refused.
    commands : share of commands refused.
    others : share of other speech and noise refused, empty transcripts included.
    """

    confidence: float
    commands: float
    others: float


@dataclass(frozen=True)
class ClientConfidence:
    """Thresholds, and on how many recordings they were measured."""

    thresholds: tuple[ClientThreshold, ...]
    commands: int
    others: int

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return asdict(self)


def measure(client: Client, commands: Sequence[Command], others: Sequence[Other]) -> ClientConfidence | None:
    """Return the thresholds that refuse a few commands, and how much else they refuse; None without examples.

    Raises
    ------
    ModelError, ScorerError, AudioError : as the client and the sounds raise them.
    """
    sounds = [*(command.sound for command in commands), *(other.sound for other in others)]
    if not commands or not others:
        return None
    client.load().close()
    try:
        with workers_.pool(len(os.sched_getaffinity(0)), _start, (client,)) as pool:
            confidences = list(track(pool.map(_confidence, sounds, chunksize=8), "client's confidence", len(sounds)))
    except BrokenProcessPool:
        raise ModelError("the client's library crashed", path=client.model, fix="Export the model again") from None
    said, other = np.array(confidences[: len(commands)]), np.array(confidences[len(commands) :])
    ordered = np.sort(said)
    found = []
    for share in REFUSED_COMMANDS:
        level = float(ordered[int(share * len(ordered))])
        if np.isfinite(level):
            found.append(ClientThreshold(level, float(np.mean(said < level)), float(np.mean(other < level))))
    return ClientConfidence(tuple(found), len(commands), len(others))


_client: Model | None = None  # of a worker process


def _start(client: Client) -> None:
    global _client
    workers_.start()
    cores = sorted(os.sched_getaffinity(0))
    # The library would start a thread for each core.
    os.sched_setaffinity(0, {cores[os.getpid() % len(cores)]})
    _client = client.load()


def _confidence(sound: Sound) -> float:
    """Return the best transcript's confidence per second; minus infinity where it is empty."""
    assert _client is not None
    samples = audio.to_int16(sound.samples())
    best = _client.stt_with_metadata(samples, 1)
    if not best or not best[0].words:
        return -np.inf
    return best[0].confidence / (len(samples) / audio.SAMPLE_RATE)
