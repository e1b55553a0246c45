"""How sure is it? Evidence from the decoder about an answer, and the probability that the answer is right.

A grammar decoder finds a sentence in any sound. Whether it was said shows in what the network would rather have
written, letter by letter: the path that no grammar restrains is the filler model (Paek and others, "Handling
out-of-grammar commands in mobile speech interaction using backoff filler models", 2007).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .alignment import Span

VERSION = 1

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

# The order of the values in `evidence`.
NAMES = (
    "free_path", "lost", "worst_word", "outside", "margin", "spelling", "errors", "worst_errors", "entropy",
    "worst_entropy", "duration", "odd_duration", "pause", "letters",
)  # fmt: skip
_MOST_MARGIN = 20.0  # nats; a larger one says no more


class VerifierError(ValueError):
    """A file that is no verifier."""


def evidence(
    frames: Float32, labels: Sequence[str], spans: Sequence[Span], free_path: float, margin: float | None
) -> Float64:
    """Return what speaks for and against an answer, float64 [len(NAMES)], each value near 0 to 5.

    Parameters
    ----------
    frames : float32 [t, labels + 1], natural logarithms of probabilities, blank last.
    labels : characters of the alphabet.
    spans : the words of the answer; at least one.
    free_path : log-probability that the answer loses against the unrestrained path, in all.
    margin : log-probability of the answer above the second best; None where there is none.
    """
    best = frames.argmax(axis=1)
    blank = len(labels)
    spoken = best != blank
    counts = max(1, int(np.count_nonzero(spoken)))
    words = [span.word for span in spans]
    letters = sum(map(len, words))
    outside = max(0.0, free_path - sum(span.lost for span in spans))
    wrong = distance(greedy(best, labels).replace(" ", ""), "".join(words))
    worst = max(_errors(best, labels, span, before, after) for span, before, after in _around(spans, len(frames)))
    # Tsallis' entropy of order 2 is the probability that two draws differ.
    entropy = 1.0 - np.exp(2.0 * frames.astype(np.float64)).sum(axis=1)
    of_words = [float(entropy[span.start : span.end].mean()) for span in spans]
    pace = np.log([max(1, span.end - span.start) / len(span.word) for span in spans])
    pauses = [after.start - before.end for before, after in itertools.pairwise(spans)]
    found = {
        "free_path": np.log1p(free_path / counts),
        "lost": np.log1p(free_path),
        "worst_word": np.log1p(max(span.lost for span in spans)),
        "outside": np.log1p(outside / 4.0),
        "margin": np.sqrt(min(_MOST_MARGIN if margin is None else max(0.0, margin), _MOST_MARGIN)),
        "spelling": min(wrong / letters, 3.0),
        "errors": np.log1p(wrong),
        "worst_errors": np.log1p(worst),
        "entropy": float(entropy[spoken].mean()) * 4.0 if spoken.any() else 0.0,
        "worst_entropy": max(of_words) * 4.0,
        "duration": float(np.log((spans[-1].end - spans[0].start) / letters)),
        "odd_duration": float(np.abs(pace - pace.mean()).max()),
        "pause": np.log1p(max(pauses, default=0) / 10.0),
        "letters": float(np.log(letters)),
    }
    return np.array([found[name] for name in NAMES], np.float64)


def greedy(best: npt.NDArray[np.integer], labels: Sequence[str]) -> str:
    """Return the text that the best label of each frame spells: int [t], repeats and blanks left out."""
    changed = np.flatnonzero(np.diff(best, prepend=-1))
    return "".join(labels[label] for label in best[changed] if label < len(labels))


def distance(one: str, other: str) -> int:
    """Return how many letters have to be changed, inserted or deleted (Levenshtein, 1966)."""
    if not one or not other:
        return len(one) + len(other)
    codes = np.array([ord(letter) for letter in other])
    places = np.arange(len(other) + 1)
    row = places.copy()
    for number, letter in enumerate(one, 1):
        # A deletion or a change; the insertions after them are a running minimum.
        down = row + 1
        down[1:] = np.minimum(down[1:], row[:-1] + (codes != ord(letter)))
        down[0] = number
        row = np.minimum.accumulate(down - places) + places
    return int(row[-1])


def _around(spans: Sequence[Span], count: int) -> list[tuple[Span, int, int]]:
    """Return each word with the middle of the pause before and after it, in frames."""
    borders = [0, *((before.end + after.start) // 2 for before, after in itertools.pairwise(spans)), count]
    return list(zip(spans, borders, borders[1:], strict=False))


def _errors(best: npt.NDArray[np.integer], labels: Sequence[str], span: Span, before: int, after: int) -> int:
    """Return how many of a word's letters the network spells otherwise."""
    # Ten frames beside a word are heard with it, but not a whole sentence before it.
    inside = best[max(before, span.start - 10) : min(after, span.end + 10)]
    return distance(greedy(inside, labels).replace(" ", ""), span.word)


@dataclass(frozen=True)
class Verifier:
    """Logistic regression over the evidence.

    Attributes
    ----------
    mean, scale : of each value of the evidence, float64 [k].
    weights : float64 [k], and bias : of the logit.
    threshold : confidence from which an answer is accepted.
    parts : SHA-256 of the network and the grammar that it was fitted to; empty: unknown.
    """

    mean: Float64
    scale: Float64
    weights: Float64
    bias: float
    threshold: float
    parts: tuple[str, ...] = ()

    def confidence(self, found: Float64) -> float:
        """Return the probability that an answer with this evidence is right."""
        logit = float(self.bias + self.weights @ ((found - self.mean) / self.scale))
        return float(0.5 + 0.5 * np.tanh(0.5 * logit))

    def to_text(self, about: dict[str, Any] | None = None) -> str:
        """Return the content of a file; `about` is kept in it for readers."""
        record = {
            "version": VERSION,
            "parts": self.parts,
            "threshold": self.threshold,
            "bias": self.bias,
            "evidence": {
                name: {"mean": float(self.mean[i]), "scale": float(self.scale[i]), "weight": float(self.weights[i])}
                for i, name in enumerate(NAMES)
            },
            "about": about or {},
        }
        return json.dumps(record, indent=2) + "\n"

    @classmethod
    def read(cls, path: Path | str) -> Verifier:
        """Read a verifier.

        Raises
        ------
        VerifierError : it is none, or of another version.
        OSError : it cannot be read.
        """
        try:
            record = json.loads(Path(path).read_bytes())
            if record["version"] != VERSION:
                raise ValueError(f"it has version {record['version']}, and this program reads {VERSION}")
            found = record["evidence"]
            if tuple(found) != NAMES:
                raise ValueError("it is fitted to other evidence")
            mean, scale, weights = (
                np.array([float(found[name][key]) for name in NAMES]) for key in ("mean", "scale", "weight")
            )
            made = cls(
                mean,
                scale,
                weights,
                float(record["bias"]),
                float(record["threshold"]),
                tuple(map(str, record["parts"])),
            )
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise VerifierError(f"this is no verifier: {error}") from None
        numbers = np.concatenate((mean, scale, weights, [made.bias, made.threshold]))
        if not np.isfinite(numbers).all() or (scale <= 0).any():
            raise VerifierError("this is no verifier: its numbers are not finite")
        return made
