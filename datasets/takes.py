"""One take handed in several times: copies that a judge would otherwise count as so many recordings.

Collections hold some takes ten times and more, each file trimmed or encoded a little differently, so that no two are
the same sample for sample. Whoever is judged by them is judged by one moment of one person, and an interval of
confidence that counts them as independent is too narrow.
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
from asr.core.files import fingerprint, write_json
from asr.core.progress import track
from asr.settings.workspace import SPLITS

Float = npt.NDArray[np.float32]
Complex = npt.NDArray[np.complex64]

# Peak of the normalised cross-correlation. Over the whole band, 31,000 pairs of spoken digits, which hold no copies,
# stayed below 0.93; of 27,000 pairs of six wake words none lay between 0.8 and 0.9, 25 up to 0.95, 2,040 above.
SAME = 0.95
_VERSION = 1  # of what a copy is; raised when the same recordings would give another answer
_BAND = (100.0, 4000.0)  # Hz; below is hum, which all takes of a room share
_MOST = 8 * audio.SAMPLE_RATE  # samples that are compared
_APART = audio.SAMPLE_RATE // 10  # samples by which the ends of a take are found differently, at most


@dataclass(frozen=True)
class Take:
    """A recording that may be a copy of another one.

    Attributes
    ----------
    text, speaker : only what one speaker says of one text can be copies.
    path : the file that is compared.
    split : "train", "dev" or "test".
    name : what to call it to people.
    """

    text: str
    speaker: str
    path: Path
    split: str
    name: str


def find_copies(takes: Sequence[Take | None], cache: Path) -> list[bool]:
    """Tell of each take whether it is in dev or test and a copy of one that stays: of train's, or an earlier one.

    What train holds stays, then what dev holds; what cannot be read is no copy. Where nothing of dev or test could be a
    copy, nothing is read.

    Parameters
    ----------
    takes : None for what is neither a copy nor copied, whatever it holds.
    cache : file that keeps the answer, and names the copies to people; with the same recordings the next call reads
        nothing else.
    """
    groups: dict[tuple[str, str], list[tuple[int, Take]]] = {}
    for place, take in enumerate(takes):
        if take is not None:
            groups.setdefault((take.text, take.speaker), []).append((place, take))
    wanted = [
        sorted(group, key=lambda one: (SPLITS.index(one[1].split), one[0]))
        for group in groups.values()
        if len(group) > 1 and any(take.split != "train" for _, take in group)
    ]
    if not wanted:
        return [False] * len(takes)
    asked = fingerprint(_VERSION, [[[place, take.split, *_seen(take.path)] for place, take in one] for one in wanted])
    try:
        kept = json.loads(cache.read_text(encoding="utf-8"))
        found = {int(row["place"]) for row in kept["copies"]} if kept["of"] == asked else None
    except (OSError, ValueError, LookupError, TypeError):
        found = None
    if found is None:
        found, rows = set(), []
        for group in track(wanted, "looking for copies", len(wanted)):
            for (place, take), original in zip(group, originals([_speech(one.path) for _, one in group]), strict=True):
                if original is not None and take.split != "train":
                    found.add(place)
                    rows.append({"place": place, "recording": take.name, "copy of": group[original][1].name})
        write_json(cache, {"of": asked, "copies": rows})
    return [place in found for place in range(len(takes))]


def remark(count: int, cache: str) -> str:
    """Return what a report has to say of so many copies that do not judge; `cache` names them."""
    return (
        f"left out of dev and test: {count} recording(s) that are copies of a take which is there already, and would "
        f"count it again; {cache} names them"
    )


def originals(sounds: Sequence[Float]) -> list[int | None]:
    """Return for each sound, float32 [n] of its own n, the first one of its take, or None where it is that itself.

    Two are one take where the peak of their normalised cross-correlation between 100 and 4000 Hz reaches `SAME`, and
    their lengths differ by 0.1 s at most; copies of a copy are copies. That peak is at most the product of their
    magnitude spectra, for which it does not matter when things sound, so that most pairs need no transform of their
    own.
    """
    first = list(range(len(sounds)))  # of its take, as far as it is known

    def root(index: int) -> int:
        while first[index] != index:
            index = first[index]
        return index

    longest = min(max(map(len, sounds), default=0), _MOST)
    length = 1 << max(8, (2 * longest - 1).bit_length())
    # In the order of their lengths, only a few are near enough in length to be compared with.
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
    """Return the bins of a transform of `length` that lie in the band, of norm 1; zeros for silence."""
    first, last = (round(edge * length / audio.SAMPLE_RATE) for edge in _BAND)
    spectrum = np.fft.rfft(sound, length)[first : last + 1].astype(np.complex64)
    norm = float(np.linalg.norm(spectrum))
    return spectrum / np.float32(norm) if norm > 0 else spectrum


def _peak(one: Complex, other: Complex) -> float:
    """Return the largest absolute value of the cross-correlation of two such spectra."""
    # As the bins of positive frequencies alone they make an analytic signal; its magnitude does not mind a phase that
    # a microphone or a codec has turned.
    return float(np.abs(np.fft.fft(one * np.conj(other), 2 * (1 << (len(one) - 1).bit_length()))).max())


def _speech(path: Path) -> Float:
    """Return what is said in a recording, without the silence around it; nothing where it cannot be read."""
    try:
        samples = audio.load(path)
    except AudioError:
        return np.zeros(0, np.float32)
    bounds = trim.find(samples) if len(samples) else None
    return samples[bounds.start : bounds.end] if bounds else samples


def _seen(path: Path) -> list[str | int]:
    try:
        stat = path.stat()
    except OSError:
        return [str(path)]
    return [str(path), stat.st_size, stat.st_mtime_ns]
