"""Near misses made of a command's own recording: broken off, with a word less, exchanged or foreign.

They have the speaker, the microphone and the room of the real thing, which synthetic near misses have not.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from asr.core.audio import SAMPLE_RATE
from asr.runtime.alignment import Span
from asr.runtime.features import STEP_MS

Float = npt.NDArray[np.float32]

_FADE = SAMPLE_RATE // 200  # samples; a hard cut would click
_LONG = 4  # letters of a word that a foreign one replaces
_STEP = SAMPLE_RATE * STEP_MS // 1000


@dataclass(frozen=True)
class Splice:
    """A changed recording.

    Attributes
    ----------
    kind : of the change.
    samples : float32 [n].
    text : what is said in it; None where that is no sequence of whole words.
    """

    kind: str
    samples: Float
    text: str | None


def splices(samples: Float, spans: Sequence[Span], foreign: Float, rng: np.random.Generator) -> list[Splice]:
    """Return near misses of a recording.

    Parameters
    ----------
    samples : float32 [n] at 16 kHz.
    spans : its words and when they are said.
    foreign : float32 [m] at 16 kHz, other speech to take a word from.
    """
    words = [span.word for span in spans]
    borders = _borders(spans, len(samples))
    pieces = [samples[start:end] for start, end in itertools.pairwise(borders)]
    found = [_broken_inside(samples, spans, rng)]
    if len(words) > 1:
        keep = int(rng.integers(1, len(words)))
        found.append(Splice("broken off", _join(pieces[:keep]), " ".join(words[:keep])))
        place = int(rng.integers(len(words)))
        found.append(Splice("word left out", *_without(pieces, words, place)))
        one, other = (int(index) for index in rng.choice(len(words), 2, replace=False))
        order = list(range(len(words)))
        order[one], order[other] = other, one
        found.append(Splice("words exchanged", _join([pieces[i] for i in order]), " ".join(words[i] for i in order)))
    # A foreign syllable in the place of a short word is often not to be heard as one.
    long = [index for index, word in enumerate(words) if len(word) >= _LONG] or [int(np.argmax([*map(len, words)]))]
    place = long[int(rng.integers(len(long)))]
    length = len(pieces[place])
    if len(foreign) > length:
        # From the middle, because a recording begins and ends in silence.
        start = (len(foreign) - length) // 2
        piece = _levelled(foreign[start : start + length], pieces[place])
        found.append(Splice("foreign word", _join([*pieces[:place], piece, *pieces[place + 1 :]]), None))
    return found


def _broken_inside(samples: Float, spans: Sequence[Span], rng: np.random.Generator) -> Splice:
    """Break a recording off inside a word, not before its middle letter nor near its end."""
    span = spans[int(rng.integers(max(0, len(spans) - 2), len(spans)))]
    part = float(rng.uniform(0.1, 0.4))
    end = round((span.start + part * (span.end - span.start)) * _STEP)
    return Splice("broken off in a word", _join([samples[: max(end, 4 * _STEP)]]), None)


def _without(pieces: Sequence[Float], words: Sequence[str], place: int) -> tuple[Float, str]:
    rest = [index for index in range(len(words)) if index != place]
    return _join([pieces[index] for index in rest]), " ".join(words[index] for index in rest)


def _borders(spans: Sequence[Span], count: int) -> list[int]:
    """Return where to cut between the words, samples: the middle of each pause, and both ends."""
    inner = ((before.end + after.start) * _STEP // 2 for before, after in itertools.pairwise(spans))
    return [0, *inner, count]


def _join(pieces: Sequence[Float]) -> Float:
    """Join pieces, each faded in and out."""
    made = []
    for piece in pieces:
        piece = piece.copy()
        fade = min(_FADE, len(piece) // 2)
        ramp = np.linspace(0.0, 1.0, fade, dtype=np.float32)
        piece[:fade] *= ramp
        piece[len(piece) - fade :] *= ramp[::-1]
        made.append(piece)
    return np.concatenate(made)


def _levelled(piece: Float, like: Float) -> Float:
    """Return a piece at the level of another."""
    levels = [float(np.sqrt(np.mean(np.square(one, dtype=np.float64)) + 1e-12)) for one in (piece, like)]
    return piece * np.float32(np.clip(levels[1] / levels[0], 0.05, 20.0))
