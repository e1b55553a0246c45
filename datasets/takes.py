"""One take handed in several times: copies that a judge would otherwise count as so many recordings.

Collections hold some takes ten times and more, each file trimmed or encoded a little differently, so that no two are
the same sample for sample. Whoever is judged by them is judged by one moment of one person, and an interval of
confidence that counts them as independent is too narrow.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr import audio
from asr.errors import AudioError
from asr.files import fingerprint, write_json
from datasets import trim

Float = npt.NDArray[np.float32]
Complex = npt.NDArray[np.complex64]

# Peak of the normalised cross-correlation. Of 29,000 pairs of takes by one speaker or several none that were two takes
# passed 0.93, and copies lay between 0.93 and 1, nearly all above 0.97.
SAME = 0.95
_BAND = (100.0, 4000.0)  # Hz; below is hum, which all takes of a room share
_MOST = 8 * audio.SAMPLE_RATE  # samples that are compared
_APART = audio.SAMPLE_RATE // 10  # samples by which the ends of a take are found differently, at most


def repeats(groups: Iterable[Sequence[Path]], cache: Path) -> frozenset[Path]:
    """Return the recordings that are copies of another one of their group, all but one of each take.

    Parameters
    ----------
    groups : recordings of one text by one speaker each; what cannot be read is no copy.
    cache : file that keeps the answer; with the same recordings the next call reads nothing else.
    """
    wanted = [list(group) for group in groups if len(group) > 1]
    if not wanted:
        return frozenset()
    asked = fingerprint(SAME, [[_seen(path) for path in group] for group in wanted])
    try:
        kept = json.loads(cache.read_text(encoding="utf-8"))
        if kept["of"] == asked:
            return frozenset(Path(name) for name in kept["copies"])
    except (OSError, ValueError, LookupError, TypeError):
        pass
    found: list[Path] = []
    for group in wanted:
        copied = copies([_speech(path) for path in group])
        found += [path for path, is_copy in zip(group, copied, strict=True) if is_copy]
    write_json(cache, {"of": asked, "copies": sorted(map(str, found))})
    return frozenset(found)


def remark(count: int, cache: Path) -> str:
    """Return what a report has to say of so many copies that do not judge; `cache` names them."""
    return (
        f"left out of dev and test: {count} recording(s) that are copies of a take which is there already, and would "
        f"count it again; {cache} names them"
    )


def copies(sounds: Sequence[Float]) -> list[bool]:
    """Tell of each sound, float32 [n] of its own n, whether it is a copy: all but one of each take are.

    Two are one take where the peak of their normalised cross-correlation between 100 and 4000 Hz reaches `SAME`. That
    peak is at most the product of their magnitude spectra, for which it does not matter when things sound, so that most
    pairs need no transform of their own.
    """
    answers = [False] * len(sounds)
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
        answers[index] = any(
            float(magnitude @ its_magnitude) >= SAME and _peak(spectrum, its_spectrum) >= SAME
            for _, its_spectrum, its_magnitude in near
        )
        if not answers[index]:
            near.append((index, spectrum, magnitude))
    return answers


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
