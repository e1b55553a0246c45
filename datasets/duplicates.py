"""Duplicates: one take that is in a collection several times, trimmed or encoded differently.

Collections hold some takes ten times and more. A test set that counts them as independent utterances reports too
narrow a confidence interval, so only one of them stays in dev and test.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr.core import audio, trim
from asr.core.errors import AudioError
from asr.core.files import file_state, fingerprint, write_json
from asr.core.progress import track
from asr.settings.workspace import SPLITS

Float = npt.NDArray[np.float32]
Complex = npt.NDArray[np.complex64]

# Peak of the normalised cross-correlation. Over the whole band, 31,000 pairs of spoken digits without duplicates
# stayed below 0.93; of 27,000 pairs of six wake words none lay between 0.8 and 0.9, 25 up to 0.95, 2,040 above.
SAME = 0.95
_VERSION = 1  # of the search; raised when the same recordings would give other duplicates
_BAND = (100.0, 4000.0)  # Hz; below is hum, which all takes of a room share
_MOST = 8 * audio.SAMPLE_RATE  # samples that are compared
_APART = audio.SAMPLE_RATE // 10  # samples by which the lengths of two copies of one take differ at most


@dataclass(frozen=True)
class Candidate:
    """A recording that may be a duplicate of another one of the same text and speaker."""

    text: str
    speaker: str
    path: Path
    split: str  # "train", "dev" or "test"
    name: str  # in the report


def find_duplicates(candidates: Sequence[Candidate | None], cache: Path) -> list[bool]:
    """Tell for each candidate whether it is in dev or test and duplicates one in train, or an earlier one.

    Recordings in train always stay, then those in dev. A file that cannot be read is no duplicate. Nothing is read
    where no recording of dev or test shares its text and speaker with another.

    Parameters
    ----------
    candidates : None for recordings that are not compared.
    cache : JSON file that keeps the answer and lists the duplicates; with unchanged recordings no sound is read.
    """
    groups: dict[tuple[str, str], list[tuple[int, Candidate]]] = {}
    for place, candidate in enumerate(candidates):
        if candidate is not None:
            groups.setdefault((candidate.text, candidate.speaker), []).append((place, candidate))
    wanted = [
        sorted(group, key=lambda one: (SPLITS.index(one[1].split), one[0]))
        for group in groups.values()
        if len(group) > 1 and any(candidate.split != "train" for _, candidate in group)
    ]
    if not wanted:
        return [False] * len(candidates)
    inputs = fingerprint(
        _VERSION, [[[place, one.split, *file_state(one.path)] for place, one in group] for group in wanted]
    )
    try:
        kept = json.loads(cache.read_text(encoding="utf-8"))
        found = {int(row["place"]) for row in kept["duplicates"]} if kept["of"] == inputs else None
    except (OSError, ValueError, LookupError, TypeError):
        found = None
    if found is None:
        found, rows = set(), []
        for group in track(wanted, "looking for duplicates", len(wanted)):
            first = originals([_speech(one.path) for _, one in group])
            for (place, one), original in zip(group, first, strict=True):
                if original is not None and one.split != "train":
                    found.add(place)
                    rows.append({"place": place, "recording": one.name, "duplicate of": group[original][1].name})
        write_json(cache, {"of": inputs, "duplicates": rows})
    return [place in found for place in range(len(candidates))]


def remark(count: int, cache: str) -> str:
    """Return the remark for a report on `count` duplicates left out of dev and test; `cache` lists them."""
    return f"left out of dev and test: {count} duplicate recording(s), listed in {cache}"


def originals(sounds: Sequence[Float]) -> list[int | None]:
    """Return for each sound, float32 [n], the index of the sound that it duplicates, or None.

    Two sounds are the same take where the peak of their normalised cross-correlation between 100 and 4000 Hz reaches
    `SAME` and their lengths differ by at most 0.1 s; duplicates of a duplicate count. The inner product of the
    magnitude spectra bounds that peak from above, so most pairs need no inverse transform.
    """
    first = list(range(len(sounds)))  # union-find: an earlier sound of the same take

    def root(index: int) -> int:
        while first[index] != index:
            index = first[index]
        return index

    longest = min(max(map(len, sounds), default=0), _MOST)
    length = 1 << max(8, (2 * longest - 1).bit_length())
    # Sorted by length, each sound is compared with only a few of similar length.
    near: deque[tuple[int, Complex, Float]] = deque()
    for index in sorted(range(len(sounds)), key=lambda index: (len(sounds[index]), index)):
        spectrum = _spectrum(sounds[index][:_MOST], length)
        while near and len(sounds[near[0][0]]) < len(sounds[index]) - _APART:
            near.popleft()
        if not spectrum.any():
            continue
        magnitude = np.abs(spectrum)
        for other, its_spectrum, its_magnitude in near:
            one, another = root(index), root(other)
            if one != another and float(magnitude @ its_magnitude) >= SAME and _peak(spectrum, its_spectrum) >= SAME:
                first[max(one, another)] = min(one, another)
        near.append((index, spectrum, magnitude))
    return [None if root(index) == index else root(index) for index in range(len(sounds))]


def _spectrum(sound: Float, length: int) -> Complex:
    """Return the bins in the band of a transform of `length`, scaled to norm 1; zeros for silence."""
    first, last = (round(edge * length / audio.SAMPLE_RATE) for edge in _BAND)
    spectrum = np.fft.rfft(sound, length)[first : last + 1].astype(np.complex64)
    norm = float(np.linalg.norm(spectrum))
    return spectrum / np.float32(norm) if norm > 0 else spectrum


def _peak(one: Complex, other: Complex) -> float:
    """Return the largest absolute value of the cross-correlation of two such spectra."""
    # Positive frequencies alone form an analytic signal, whose magnitude ignores a phase shift by microphone or codec.
    return float(np.abs(np.fft.fft(one * np.conj(other), 2 * (1 << (len(one) - 1).bit_length()))).max())


def _speech(path: Path) -> Float:
    """Return a recording without the silence around the speech; empty where it cannot be read."""
    try:
        samples = audio.load(path)
    except AudioError:
        return np.zeros(0, np.float32)
    bounds = trim.find(samples) if len(samples) else None
    return samples[bounds.start : bounds.end] if bounds else samples
