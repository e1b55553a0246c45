"""New sentences in real voices: words cut out of a speaker's recordings and joined in another order.

Lam et al., On-the-fly aligned data augmentation for sequence-to-sequence ASR, 2021, exchange words between recordings
that are aligned with their transcripts. Here the new sentence is one of the workspace's own, all of its words come from
one speaker, and recordings are cut only where the voice pauses: in the middle of a sound no cut is clean.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr import audio
from asr.augment.spectrum import active_power

Float = npt.NDArray[np.float32]

_SMOOTHED = 400  # samples, 25 ms: over which loudness is measured
_NEAR = 2400  # samples, 150 ms: on either side of a pause, where its depth is measured
_PAUSE = 10.0  # dB below the sound on either side: a closed lip or more
_EARLY = 800  # samples, 50 ms: a letter has begun that long before a network is sure of it
_FLOOR = 1e-12  # mean square: digital silence has a loudness too
_OVERLAP = 160  # samples, 10 ms: one piece fades into the next
_SENTENCES = 400  # kept in readiness for a speaker
_CLIPS = 200  # of a speaker, at most, for every run of words in them is kept

# Silence before the first word and after the last is a word of its own that is never cut off.
_START, _END = "<s>", "</s>"

Words = tuple[str, ...]


@dataclass(frozen=True)
class CutClip:
    """A clip, and where it can be cut.

    Attributes
    ----------
    path : WAV of our own making.
    words : of its transcript.
    cuts : sample between each word and the next, one less than the words; None where there is no pause.
    length : samples.
    power : mean square of its speech, full scale is 1.
    """

    path: Path
    words: Words
    cuts: tuple[int | None, ...]
    length: int
    power: float


@dataclass(frozen=True)
class Piece:
    """A stretch of a clip, from one sample to another, and what its samples are multiplied with."""

    path: Path
    start: int
    stop: int
    gain: float


@dataclass(frozen=True)
class Spliced:
    """A sentence joined of pieces; it is joined when somebody listens."""

    transcript: str
    pieces: tuple[Piece, ...]

    @property
    def seconds(self) -> float:
        """Its length."""
        return sum(piece.stop - piece.start for piece in self.pieces) / audio.SAMPLE_RATE

    def samples(self) -> Float:
        """Return float32 [n] at 16 kHz; AudioError where a clip is not ours."""
        joined = np.zeros(0, np.float32)
        for piece in self.pieces:
            sound = audio.to_float(audio.read_wav(piece.path))
            start = max(0, piece.start - _OVERLAP // 2)
            joined = _fade(joined, sound[start : piece.stop + _OVERLAP // 2] * np.float32(piece.gain))
        return np.clip(joined, -1.0, 32767 / 32768)


def cut(path: Path, transcript: str, spikes: npt.NDArray[np.intp]) -> CutClip:
    """Find the pauses between the words of a clip.

    Parameters
    ----------
    transcript : words with one space between them.
    spikes : int [characters], sample at which each character of the transcript is likeliest.
    """
    sound = audio.to_float(audio.read_wav(path))
    window = np.hanning(_SMOOTHED).astype(np.float32)
    loudness = np.convolve(np.square(sound), window / window.sum(), mode="same").astype(np.float32) + _FLOOR
    spaces = [index for index, character in enumerate(transcript) if character == " "]
    cuts = [_pause(loudness, int(spikes[space - 1]), int(spikes[space + 1])) for space in spaces]
    return CutClip(path, tuple(transcript.split()), tuple(cuts), len(sound), active_power(sound))


def _pause(loudness: Float, before: int, after: int) -> int | None:
    """Return the quietest sample between two letters; None where it is not quiet."""
    stop = min(after - _EARLY, len(loudness))
    if before >= stop:
        return None
    place = before + int(loudness[before:stop].argmin())
    around = min(loudness[max(0, place - _NEAR) : place + 1].max(), loudness[place : place + _NEAR].max())
    return place if 10 * np.log10(around / loudness[place]) >= _PAUSE else None


def _fade(before: Float, after: Float) -> Float:
    overlap = min(_OVERLAP, len(before), len(after))
    rise = np.linspace(0, 1, overlap, dtype=np.float32)
    kept = len(before) - overlap
    return np.concatenate([before[:kept], before[kept:] * (1 - rise) + after[:overlap] * rise, after[overlap:]])


class Splicer:
    """Joins sentences out of what speakers said.

    Parameters
    ----------
    clips : of each speaker.
    sentences : what may be said, the order by chance.
    """

    def __init__(self, clips: Mapping[str, Sequence[CutClip]], sentences: Iterable[str]) -> None:
        wanted = [tuple(sentence.split()) for sentence in dict.fromkeys(sentences)]
        self._voices = {speaker: _Voice(own, wanted) for speaker, own in clips.items()}

    def counts(self) -> dict[str, int]:
        """Return how many new sentences are in readiness for each speaker, 400 at most."""
        return {speaker: len(voice.sayable) for speaker, voice in self._voices.items()}

    def join(self, speaker: str, rng: np.random.Generator) -> Spliced | None:
        """Return a sentence that the speaker did not say; None where their words make none."""
        return self._voices[speaker].join(rng)


class _Voice:
    """What one speaker said, in runs of words that can be cut out, and the sentences that these make."""

    def __init__(self, clips: Sequence[CutClip], wanted: Sequence[Words]) -> None:
        self._runs: dict[Words, list[Piece]] = defaultdict(list)
        # Some people come close to the microphone for one recording and not for the next.
        clips = clips[:_CLIPS]
        usual = float(np.exp(np.mean([np.log(max(clip.power, _FLOOR)) for clip in clips])))
        for clip in clips:
            gain = float(np.sqrt(usual / max(clip.power, _FLOOR)))
            words = (_START, *clip.words, _END)
            places = {0: 0, len(words): clip.length}
            places |= {index: place for index, place in enumerate(clip.cuts, 2) if place is not None}
            for first, start in places.items():
                for last, stop in places.items():
                    if first < last:
                        self._runs[words[first:last]].append(Piece(clip.path, start, stop, gain))
        said = {clip.words for clip in clips}
        known = {word for clip in clips for word in clip.words}
        self.sayable: list[list[Words]] = []
        for sentence in wanted:
            if len(self.sayable) == _SENTENCES:
                break
            if sentence not in said and known.issuperset(sentence):
                runs = self._cover((_START, *sentence, _END))
                if runs is not None:
                    self.sayable.append(runs)

    def join(self, rng: np.random.Generator) -> Spliced | None:
        if not self.sayable:
            return None
        runs = self.sayable[int(rng.integers(len(self.sayable)))]
        pieces = [self._runs[run][int(rng.integers(len(self._runs[run])))] for run in runs]
        words = [word for run in runs for word in run]
        return Spliced(" ".join(words[1:-1]), tuple(pieces))

    def _cover(self, words: Words) -> list[Words] | None:
        """Return the fewest runs that make up the words; None where none do."""
        best: list[list[Words] | None] = [[], *(None for _ in words)]
        for start in range(len(words)):
            runs = best[start]
            if runs is None:
                continue
            for stop in range(start + 1, len(words) + 1):
                known = best[stop]
                if words[start:stop] in self._runs and (known is None or len(known) > len(runs) + 1):
                    best[stop] = [*runs, words[start:stop]]
        return best[-1]
