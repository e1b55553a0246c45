"""A device folder at work: sound in, a sentence of the grammar out, with its intent, slots and word times."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .alignment import align
from .confidence import Verifier, evidence
from .features import STEP_MS, mfcc
from .grammar import Grammar
from .network import NetworkFile, log_probabilities
from .rescoring import best_sentences, compared

NETWORK, GRAMMAR, VERIFIER = "network.npz", "grammar.npz", "verifier.json"


def checksums(folder: Path) -> tuple[str, ...]:
    """Return the SHA-256 of the network and the grammar, to which a verifier belongs."""
    return tuple(hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (NETWORK, GRAMMAR))


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
    evidence : what the confidence is computed from, in the order of `confidence.NAMES`.
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
    evidence: tuple[float, ...] = field(default=(), compare=False)

    def record(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "text": self.text,
            "accepted": self.accepted,
            "confidence": None if self.confidence is None else round(self.confidence, 4),
            "intent": self.intent or None,
            "slots": self.slots,
            "words": [{"word": w.text, "start": round(w.start, 2), "end": round(w.end, 2)} for w in self.words],
            "second": self.second or None,
            "margin": None if self.margin is None else round(self.margin, 3),
            # Rounding may leave a zero with a minus sign.
            "cost": None if self.cost is None else round(max(0.0, self.cost), 4),
        }


class Recogniser:
    """Recognises whole recordings.

    Parameters
    ----------
    network, grammar : of the same alphabet.
    verifier : fitted to this network and grammar; None: every sentence is accepted.

    Raises
    ------
    DeviceError : they are of two alphabets.
    """

    def __init__(self, network: NetworkFile, grammar: Grammar, verifier: Verifier | None = None) -> None:
        if network.labels != grammar.labels:
            raise DeviceError("network and grammar are of two alphabets")
        self.network = network
        self.grammar = grammar
        self.verifier = verifier

    @classmethod
    def open(cls, folder: Path | str) -> Recogniser:
        """Read a device folder; NetworkError, GrammarError, VerifierError, DeviceError or OSError if it is wrong.

        A folder without a verifier accepts every sentence.
        """
        # A link to the current version may change between the files.
        folder = Path(os.path.realpath(folder))
        network, grammar = NetworkFile.read(folder / NETWORK), Grammar.read(folder / GRAMMAR)
        path = folder / VERIFIER
        verifier = Verifier.read(path) if path.exists() else None
        if verifier is not None and verifier.parts and verifier.parts != checksums(folder):
            raise DeviceError("its verifier was fitted to another network or grammar")
        return cls(network, grammar, verifier)

    def recognise(self, samples: npt.NDArray[np.int16]) -> Recognition:
        """Return the best sentence for a recording: int16 [n] at the network's sample rate."""
        return self.judge(log_probabilities(self.network, mfcc(samples, self.network.sample_rate)))

    def judge(self, frames: npt.NDArray[np.float32]) -> Recognition:
        """Return the best sentence for an utterance's log-probabilities: float32 [t, labels + 1], blank last."""
        found = best_sentences(self.grammar, frames)
        if not found:
            return Recognition("", "", {}, (), "", None, None, accepted=False)
        best, second = found[0], found[1] if len(found) > 1 else None
        margin = compared(best) - compared(second) if second else None
        # Against the path that no grammar restrains.
        lost = float(frames.max(axis=1).sum(dtype=np.float64)) - best.score
        spoken = int(np.count_nonzero(frames.argmax(axis=1) != len(self.grammar.labels)))
        spans = align(frames, best.meaning.text.split(" "), self.network.labels)
        values = evidence(frames, self.network.labels, spans, lost, margin)
        verifier, step = self.verifier, STEP_MS / 1000
        confidence = None if verifier is None else verifier.confidence(values)
        return Recognition(
            best.meaning.text,
            best.meaning.intent,
            best.meaning.slots,
            tuple(Word(span.word, span.start * step, span.end * step) for span in spans),
            second.meaning.text if second else "",
            margin,
            lost / max(1, spoken),
            confidence,
            verifier is None or confidence is None or confidence >= verifier.threshold,
            tuple(values.tolist()),
        )
