"""Streams of sound to fit thresholds to and to evaluate in: other speech, and words mixed into it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr.augment.spectrum import Float, active_power
from asr.core import audio, tables
from asr.core.audio import SAMPLE_RATE, Int16
from asr.core.errors import AudioError, RecordingsError
from asr.core.progress import say
from asr.keyword import windows
from asr.keyword.detect import Scores
from asr.keyword.frontend import STEP

_GAP = (2.0, 5.0)  # s from the end of a word to the beginning of the next one
_LEVEL = 0.05  # of full scale, RMS of active speech: every recording comes at the same level
_PAUSE = SAMPLE_RATE // 4  # samples between recordings
_LONGEST = 3600.0  # s of a stream
_PART = 900.0  # s of a part of a longer one, for its memory

Stream = tuple[npt.NDArray[np.int64], Scores]


@dataclass(frozen=True)
class PlacedWord:
    """A word in a stream: its class, and the slices in which its speech begins and ends."""

    word: int
    start: int
    end: int


def join(names: Sequence[str], seconds: float = _LONGEST) -> Int16:
    """Return recordings one after the other, all at the same level, int16 [n], up to `seconds`."""
    return next(iter(joined_parts(names, seconds)), np.zeros(0, np.int16))


def joined_parts(names: Sequence[str], seconds: float = _PART) -> Iterator[Int16]:
    """Yield recordings one after the other, all at the same level, int16 [n], in parts of about `seconds`.

    Recordings that cannot be read are left out with a warning.
    """
    pieces: list[Float] = []
    total = 0
    for name in names:
        try:
            samples = audio.load(name)
        except AudioError as error:
            say(f"warning: left out of the stream: {error}")
            continue
        power = active_power(samples)
        if power <= 0:
            continue
        pieces += [samples * np.float32(_LEVEL / np.sqrt(power)), np.zeros(_PAUSE, np.float32)]
        total += len(samples) + _PAUSE
        if total > seconds * SAMPLE_RATE:
            yield audio.to_int16(np.concatenate(pieces))
            pieces, total = [], 0
    if pieces:
        yield audio.to_int16(np.concatenate(pieces))


def mix_words(
    background: Int16, words: Sequence[tuple[str, int]], above: float, rng: np.random.Generator
) -> tuple[Int16, list[PlacedWord]]:
    """Mix recordings of words into a background, which is repeated as often as needed; at most an hour.

    Recordings that cannot be read are left out with a warning.

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
            say(f"warning: left out of the stream: {error}")
            continue
        spoken = sound.samples[sound.start : sound.end]
        power = active_power(spoken)
        if power <= 0 or not len(spoken):
            continue
        gain = np.sqrt((level if level > 0 else _LEVEL**2) / power * 10.0 ** (above / 10.0))
        pieces.append((place, spoken * np.float32(gain)))
        placed.append(PlacedWord(word, place // STEP, (place + len(spoken)) // STEP))
        place += len(spoken) + int(rng.uniform(*_GAP) * SAMPLE_RATE)
    stream = (
        np.resize(audio.to_float(background), place + 2 * SAMPLE_RATE)
        if len(background)
        else np.zeros(place, np.float32)
    )
    for start, spoken in pieces:
        stream[start : start + len(spoken)] += spoken
    # Beyond full scale it would clip; all of it gets quieter then.
    peak = float(np.abs(stream).max(initial=0.0))
    return audio.to_int16(stream * np.float32(min(1.0, 0.999 / max(peak, 1e-9)))), placed


def concatenate(streams: Sequence[Stream]) -> Stream:
    """Return the scores of several streams as those of one, one after the other."""
    times: list[npt.NDArray[np.int64]] = []
    start = 0
    heard = [stream for stream in streams if len(stream[0])]
    for when, _ in heard:
        times.append(when + start)
        start = int(times[-1][-1]) + 1
    if not heard:
        return np.zeros(0, np.int64), np.zeros((0, 0), np.uint8)
    return np.concatenate(times), np.concatenate([scores for _, scores in heard])


def hours(stream: Stream) -> float:
    """Return the length of a stream of scores."""
    when = stream[0]
    return float(when[-1] + 1) * STEP / SAMPLE_RATE / 3600 if len(when) else 0.0


def read_names(folder: Path) -> list[str]:
    """Return the sound files of a folder, or of a recordings.csv, in order."""
    if folder.is_file():
        rows = tables.read(folder, RecordingsError, columns=("file",), known=("file",), accept_bom=True)
        return [str((folder.parent / row["file"]).resolve()) for _, row in rows]
    return [str(path) for path in audio.sound_files(folder)]
