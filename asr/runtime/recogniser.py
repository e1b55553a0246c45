"""A device folder at work: sound in, a sentence of the grammar out, with its intent, slots and word times."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .alignment import align
from .decoder import Hypothesis
from .features import STEP_MS, mfcc
from .grammar import Grammar
from .network import NetworkFile, log_probabilities
from .rescoring import best_sentences, compared

NETWORK, GRAMMAR = "network.npz", "grammar.npz"


class DeviceError(ValueError):
    """A device folder whose parts do not belong together."""


@dataclass(frozen=True)
class Word:
    """A word and when it is said.

    Attributes
    ----------
    start, end : s from the beginning of the recording.
    """

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Recognition:
    """The grammar's best sentence for a recording.

    Attributes
    ----------
    text : its words; "" where the recording is too short for any sentence.
    intent : of its template; "" where it has none.
    slots : the value of each slot that is filled.
    words : when each is said.
    second : the sentence that comes next; "" where there is none.
    margin : score of the best sentence above the second, nats; None where there is none.
    cost : log-probability of the unrestrained path above the best sentence, for each frame in which that path writes
        something: 0 where the network writes the sentence itself. None where there is no sentence.
    confidence : probability that the sentence is what was said; None without a verifier.
    accepted : the confidence reaches the threshold; without a verifier every sentence is accepted.
    """

    text: str
    intent: str
    slots: dict[str, str]
    words: tuple[Word, ...]
    second: str
    margin: float | None
    cost: float | None
    confidence: float | None = None
    accepted: bool = True

    def record(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "text": self.text,
            "intent": self.intent or None,
            "slots": self.slots,
            "words": [{"word": w.text, "start": round(w.start, 2), "end": round(w.end, 2)} for w in self.words],
            "second": self.second or None,
            "margin": None if self.margin is None else round(self.margin, 3),
            "cost": None if self.cost is None else round(self.cost, 4),
        }


class Recogniser:
    """Recognises whole recordings.

    Parameters
    ----------
    network, grammar : of the same alphabet.

    Raises
    ------
    DeviceError : they are of two alphabets.
    """

    def __init__(self, network: NetworkFile, grammar: Grammar) -> None:
        if network.labels != grammar.labels:
            raise DeviceError("network and grammar are of two alphabets")
        self.network = network
        self.grammar = grammar

    @classmethod
    def open(cls, folder: Path | str) -> Recogniser:
        """Read a device folder; NetworkError, GrammarError, DeviceError or OSError where it is no whole one."""
        return cls(NetworkFile.read(Path(folder) / NETWORK), Grammar.read(Path(folder) / GRAMMAR))

    def recognise(self, samples: npt.NDArray[np.int16]) -> Recognition:
        """Return the best sentence for a recording: int16 [n] at the network's sample rate."""
        return self.judge(log_probabilities(self.network, mfcc(samples, self.network.sample_rate)))

    def judge(self, frames: npt.NDArray[np.float32]) -> Recognition:
        """Return the best sentence for an utterance's log-probabilities: float32 [t, labels + 1], blank last."""
        found = best_sentences(self.grammar, frames)
        if not found:
            return Recognition("", "", {}, (), "", None, None, accepted=False)
        best, second = found[0], found[1] if len(found) > 1 else None
        highest = frames.max(axis=1)
        spoken = int(np.count_nonzero(frames.argmax(axis=1) != len(self.grammar.labels)))
        return Recognition(
            best.meaning.text,
            best.meaning.intent,
            best.meaning.slots,
            self._words(best, frames),
            second.meaning.text if second else "",
            compared(best) - compared(second) if second else None,
            (float(highest.sum(dtype=np.float64)) - best.score) / max(1, spoken),
        )

    def _words(self, best: Hypothesis, frames: npt.NDArray[np.float32]) -> tuple[Word, ...]:
        spans = align(frames, best.meaning.text.split(" "), self.network.labels)
        step = STEP_MS / 1000
        return tuple(Word(span.word, span.start * step, span.end * step) for span in spans)
