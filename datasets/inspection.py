"""Read every recording once, on all cores, and keep what the checks need of each; a second look reads nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from asr.core import audio, sound_file
from asr.core import workers as workers_
from asr.core.errors import AudioError, RecordingsError
from asr.core.files import atomic_path, file_state, fingerprint
from asr.core.progress import track
from datasets import copies, defects, voices

LONGEST = 600.0  # s; a longer file holds more than one sentence, and is not read

_VERSION = 1  # of the measures; raised when the same recording would give others
_CHUNK = 64  # recordings that a process takes at a time
_LARGE = 16 << 20  # bytes; of a larger file the header is looked at first

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Inspection:
    """What was found in n recordings.

    Attributes
    ----------
    measures : float32 [n, fields of `Measures`].
    sketches : int8 [n, ANCHORS, DIMENSIONS] of `copies`; zeros where there is no sound.
    voices : float32 [n, DIMENSIONS] of `voices`.
    faults : what is wrong with those that cannot be read, and what to do, by place.
    """

    measures: npt.NDArray[np.float32]
    sketches: npt.NDArray[np.int8]
    voices: npt.NDArray[np.float32]
    faults: dict[int, tuple[str, str]]

    def of(self, place: int) -> defects.Measures:
        """Return the measures of a recording."""
        return defects.Measures(*self.measures[place].tolist())


def inspect(paths: Sequence[Path], cache: Path | None = None, root: Path | None = None) -> Inspection:
    """Read and measure recordings that the cache does not have, with the same path, size and time.

    Parameters
    ----------
    cache : .npz file that is read and written; None: there is none. Files that cannot be read are not kept in it.
    root : a folder that may be moved as a whole.

    Raises
    ------
    RecordingsError : a process that read recordings has died.
    """
    count = len(paths)
    keys = np.array([_key(path, root) for path in paths], np.uint64)
    found = Inspection(
        np.zeros((count, len(defects.Measures._fields)), np.float32),
        np.zeros((count, copies.ANCHORS, copies.DIMENSIONS), np.int8),
        np.zeros((count, voices.DIMENSIONS), np.float32),
        {},
    )
    known = _take(found, keys, cache)
    new = np.flatnonzero(~known)
    parts = [new[start : start + _CHUNK] for start in range(0, len(new), _CHUNK)]
    done = on_all_cores(_look, [[str(paths[place]) for place in part] for part in parts], "checking recordings")
    for part, (measures, sketches, voices_, faults) in zip(parts, done, strict=True):
        found.measures[part], found.sketches[part], found.voices[part] = measures, sketches, voices_
        found.faults.update({int(part[place]): fault for place, fault in faults.items()})
    if cache is not None and (len(new) or not cache.exists()):
        good = np.ones(count, bool)
        good[list(found.faults)] = False
        with atomic_path(cache) as beside:
            np.savez(beside, keys=keys[good], **{name: getattr(found, name)[good] for name in _ARRAYS})
    return found


def on_all_cores(
    task: Callable[[Item], Result],
    items: Sequence[Item],
    label: str,
    initializer: Callable[..., None] | None = None,
    initargs: tuple[object, ...] = (),
) -> Iterator[Result]:
    """Yield the results in order, with a progress bar; a single item is worked on here.

    Raises
    ------
    RecordingsError : a process has died.
    """
    workers = min(len(os.sched_getaffinity(0)), len(items))
    if workers <= 1:
        if items and initializer is not None:
            initializer(*initargs)
        yield from (task(item) for item in items)
        return
    try:
        with workers_.pool(workers, initializer, initargs) as pool:
            yield from track(pool.map(task, items), label, total=len(items))
    except BrokenProcessPool:
        raise RecordingsError(
            "a process that read recordings has died: out of memory, or a file crashed its decoder",
            fix="Run this again",
        ) from None


_ARRAYS = ("measures", "sketches", "voices")
_Looked = tuple[
    npt.NDArray[np.float32], npt.NDArray[np.int8], npt.NDArray[np.float32], dict[int, tuple[str, str]]
]  # fmt: skip


def _look(paths: Sequence[str]) -> _Looked:
    """Read and measure some recordings."""
    measures = np.zeros((len(paths), len(defects.Measures._fields)), np.float32)
    sketches = np.zeros((len(paths), copies.ANCHORS, copies.DIMENSIONS), np.int8)
    voices_ = np.zeros((len(paths), voices.DIMENSIONS), np.float32)
    faults: dict[int, tuple[str, str]] = {}
    for place, path in enumerate(paths):
        try:
            _check_length(path)
            samples, rate = sound_file.read(path)
        except AudioError as error:
            faults[place] = error.what, error.fix
            continue
        sound = audio.as_mono(samples, rate)
        if not len(sound):
            faults[place] = "it holds no sound", "Record it again"
            continue
        power = defects.spectra(sound)
        found = defects.measure(samples, rate, sound, power)
        measures[place] = found
        if not defects.is_silent(found):
            sketches[place] = copies.sketch(power)
            voices_[place] = voices.voice(power)
    return measures, sketches, voices_, faults


def _check_length(path: str) -> None:
    """Raise AudioError for a file of more than LONGEST, before it is read."""
    try:
        if os.stat(path).st_size < _LARGE:
            return
        import soundfile

        seconds = float(soundfile.info(path).duration)
    except (OSError, RuntimeError):
        return
    if seconds > LONGEST:
        raise AudioError(f"lasts {seconds / 60:.0f} minutes, and one sentence lasts seconds", fix="Cut it into pieces")


def _take(found: Inspection, keys: npt.NDArray[np.uint64], cache: Path | None) -> npt.NDArray[np.bool_]:
    """Fill in what the cache has; return which recordings it has."""
    nothing = np.zeros(len(keys), bool)
    if cache is None:
        return nothing
    try:
        with np.load(cache, allow_pickle=False) as kept:
            arrays = {name: kept[name] for name in ("keys", *_ARRAYS)}
    except Exception:  # whatever zipfile and NumPy raise at damaged data; it is only a cache
        return nothing
    known = arrays["keys"]
    if known.dtype != np.uint64 or any(
        arrays[name].shape != (len(known), *getattr(found, name).shape[1:])
        or arrays[name].dtype != getattr(found, name).dtype
        for name in _ARRAYS
    ):
        return nothing
    if not len(known):
        return nothing
    order = np.argsort(known)
    place = order[np.minimum(np.searchsorted(known, keys, sorter=order), len(known) - 1)]
    there = known[place] == keys
    for name in _ARRAYS:
        getattr(found, name)[there] = arrays[name][place[there]]
    return np.asarray(there)


def _key(path: Path, root: Path | None) -> int:
    return int(fingerprint(_VERSION, file_state(path, root))[:16], 16)
