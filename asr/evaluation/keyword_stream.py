"""Judging a stream: words that are missed against false accepts an hour, and thresholds fitted to the latter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr.augment.spectrum import Float, active_power
from asr.core import audio
from asr.core.audio import SAMPLE_RATE, Int16
from asr.core.errors import AudioError, RecordingsError
from asr.core.progress import say
from asr.keyword import windows
from asr.keyword.detect import HIGHEST, NEVER, Detection, Rule, Scores, detect

STEP = 320  # samples of a slice
LATE = 50  # slices after a word's end in which hearing it still counts, 1 s
_GAP = (2.0, 5.0)  # s from the end of a word to the beginning of the next one
_LEVEL = 0.05  # of full scale, RMS of active speech: every recording comes at the same level
_PAUSE = SAMPLE_RATE // 4  # samples between recordings
_LONGEST = 3600.0  # s of a stream

Stream = tuple[npt.NDArray[np.int64], Scores]


@dataclass(frozen=True)
class Placed:
    """A word in a stream: its class, and the slices in which its speech begins and ends."""

    word: int
    start: int
    end: int


@dataclass(frozen=True)
class Curve:
    """What happens as the thresholds fall.

    Attributes
    ----------
    thresholds : int64 [k], falling, one for all words.
    accepts : float64 [k], false accepts an hour.
    misses : float64 [k], share of the words that are missed.
    """

    thresholds: npt.NDArray[np.int64]
    accepts: npt.NDArray[np.float64]
    misses: npt.NDArray[np.float64]


def join(names: Sequence[str], seconds: float = _LONGEST) -> Int16:
    """Return recordings one after the other, each at the same level, int16 [n], up to `seconds`."""
    pieces: list[Float] = []
    total = 0
    for name in names:
        try:
            samples = audio.load(name)
        except AudioError as error:
            say(f"left out of the stream: {error}")
            continue
        power = active_power(samples)
        if power <= 0:
            continue
        pieces += [samples * np.float32(_LEVEL / np.sqrt(power)), np.zeros(_PAUSE, np.float32)]
        total += len(samples) + _PAUSE
        if total > seconds * SAMPLE_RATE:
            break
    return audio.to_int16(np.concatenate([np.zeros(0, np.float32), *pieces]))


def lay(
    background: Int16, words: Sequence[tuple[str, int]], above: float, rng: np.random.Generator
) -> tuple[Int16, list[Placed]]:
    """Lay recordings of words over a background, which is repeated as often as it takes, for an hour at most.

    A recording that cannot be read is left out, and named.

    Parameters
    ----------
    words : pairs of a recording's path and its class.
    above : dB of the word's active speech over the background's.

    Returns
    -------
    stream : int16 [n].
    placed : where the words are, in order.
    """
    level = active_power(audio.to_float(background))
    pieces, placed = [], []
    place = SAMPLE_RATE * 2
    for name, word in words:
        if place > _LONGEST * SAMPLE_RATE:
            break
        try:
            sound = windows.locate(audio.load(name))
        except AudioError as error:
            say(f"left out of the stream: {error}")
            continue
        spoken = sound.samples[sound.start : sound.end]
        power = active_power(spoken)
        if power <= 0 or not len(spoken):
            continue
        gain = np.sqrt((level if level > 0 else _LEVEL**2) / power * 10.0 ** (above / 10.0))
        pieces.append((place, spoken * np.float32(gain)))
        placed.append(Placed(word, place // STEP, (place + len(spoken)) // STEP))
        place += len(spoken) + int(rng.uniform(*_GAP) * SAMPLE_RATE)
    stream = (
        np.resize(audio.to_float(background), place + 2 * SAMPLE_RATE)
        if len(background)
        else np.zeros(place, np.float32)
    )
    for start, spoken in pieces:
        stream[start : start + len(spoken)] += spoken
    # Louder than full scale would clip: all of it gets quieter then.
    peak = float(np.abs(stream).max(initial=0.0))
    return audio.to_int16(stream * np.float32(min(1.0, 0.999 / max(peak, 1e-9)))), placed


def hours(stream: Stream) -> float:
    """Return how long a stream of scores is."""
    when = stream[0]
    return float(when[-1] + 1) * STEP / SAMPLE_RATE / 3600 if len(when) else 0.0


def count_hits(found: Sequence[Detection], placed: Sequence[Placed]) -> tuple[int, int]:
    """Return how many placed words were heard, each once, from their beginning to 1 s after their end; and all else."""
    hits, others = 0, 0
    waiting = list(placed)
    for detection in found:
        for word in waiting:
            if word.word == detection.word and word.start <= detection.slice <= word.end + LATE:
                waiting.remove(word)
                hits += 1
                break
        else:
            others += 1
    return hits, others


def fit_thresholds(stream: Stream, rule: Rule, words: int, accepts_per_hour: float) -> tuple[int, ...]:
    """Return the lowest threshold for each word so that all together accept at most so often without a word.

    Parameters
    ----------
    stream : scores of sound in which none of the words is said.
    words : how many there are; classes 2 and on.
    accepts_per_hour : for all words together; each gets its share.

    Returns
    -------
    A threshold for each word, 0 to 255; NEVER where even the highest accepts too often.
    """
    allowed = accepts_per_hour * hours(stream) / max(1, words)
    found = []
    for word in range(2, 2 + words):
        threshold = NEVER
        # False accepts fall as the threshold rises, but for the pauses after each; so from the top down.
        for candidate in range(HIGHEST, 0, -1):
            alone = tuple(candidate if index == word else NEVER for index in range(2 + words))
            if len(detect(*stream, replace(rule, thresholds=alone))) > allowed:
                break
            threshold = candidate
        found.append(threshold)
    return tuple(found)


def miss_curve(
    quiet: Stream, spoken: Stream, placed: Sequence[Placed], rule: Rule, offsets: Sequence[int] = ()
) -> Curve:
    """Return misses against false accepts for one threshold of all words, from 255 down to 1.

    Parameters
    ----------
    quiet : scores of sound without the words.
    spoken, placed : scores of sound with them, and where they are.
    offsets : added to each word's threshold; none: 0.
    """
    classes = quiet[1].shape[1]
    shift = tuple(offsets) or (0,) * (classes - 2)
    thresholds, accepts, misses = [], [], []
    for base in range(HIGHEST, 0, -1):
        each = (NEVER, NEVER, *(min(max(base + extra, 1), NEVER) for extra in shift))
        tried = replace(rule, thresholds=each)
        thresholds.append(base)
        accepts.append(len(detect(*quiet, tried)) / max(hours(quiet), 1e-9))
        misses.append(1 - count_hits(detect(*spoken, tried), placed)[0] / max(1, len(placed)))
        if accepts[-1] > 60:
            # Once a minute nobody would bear it.
            break
    return Curve(np.array(thresholds), np.array(accepts), np.array(misses))


def at_most(curve: Curve, accepts: float) -> float:
    """Return the least miss rate of a curve with at most so many false accepts an hour; 1.0 where there is none."""
    fitting = curve.misses[curve.accepts <= accepts + 1e-9]
    return float(fitting.min()) if len(fitting) else 1.0


def read_names(folder: Path) -> list[str]:
    """Return the sound files of a folder, or of a recordings.csv, in order."""
    from asr.core import tables

    if folder.is_file():
        rows = tables.read(folder, RecordingsError, columns=("file",), known=("file",), accept_bom=True)
        return [str((folder.parent / row["file"]).resolve()) for _, row in rows]
    return [str(path) for path in audio.sound_files(folder)]
