"""Recorded sounds to mix in: noise from the workspace's folders, and training clips for babble."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.augment.spectrum import Float
from asr.core import audio, progress
from asr.core.audio import SAMPLE_RATE
from asr.core.errors import AudioError
from asr.core.files import atomic_path, file_state, fingerprint

Int16 = npt.NDArray[np.int16]

MOST_SECONDS = 3 * 3600.0  # s in total: 346 MB of int16, memory-mapped


class Sounds:
    """Recordings at 16 kHz as one int16 array, in groups of equal weight.

    With a cache folder the array is a memory-mapped file, which worker processes share; pickling passes its name only.

    Parameters
    ----------
    samples : int16 [n], the recordings concatenated.
    groups : for each group, first sample and end (exclusive) of each of its recordings.
    path : the file that `samples` is mapped from, if any.
    """

    def __init__(self, samples: Int16, groups: Sequence[Sequence[tuple[int, int]]], path: Path | None = None) -> None:
        self._samples = samples
        self._path = path
        self.groups = tuple(tuple(group) for group in groups if group)

    def __bool__(self) -> bool:
        return bool(self.groups)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | ({} if self._path is None else {"_samples": None})

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self._path is not None:
            self._samples = np.load(self._path, mmap_mode="r")

    @classmethod
    def of(cls, clips: Iterable[npt.ArrayLike]) -> Sounds:
        """Return arrays of float32 or int16 samples at 16 kHz as one group."""
        arrays = [audio.to_int16(clip) for clip in clips]
        ends = np.cumsum([0, *(array.shape[0] for array in arrays)])
        spans = [(int(a), int(b)) for a, b in itertools.pairwise(ends) if b > a]
        return cls(np.concatenate([np.zeros(0, np.int16), *arrays]), [spans])

    @classmethod
    def gather(
        cls, folders: Sequence[Path | str], *, cache: Path | None = None, most_seconds: float = MOST_SECONDS
    ) -> Sounds:
        """Read the sound files in `folders`, each folder a group; a missing folder is an empty group.

        Unreadable files are reported on stderr and skipped. Where there is more than `most_seconds` of sound, each
        file is cut to its share.

        Parameters
        ----------
        cache : folder for the memory-mapped copy, which the next call with the same files uses.
        most_seconds : s, the limit of memory or cache.
        """
        groups = [audio.sound_files(Path(folder)) for folder in folders]
        return cls.read(groups, cache=cache, most_seconds=most_seconds)

    @classmethod
    def read(
        cls,
        groups: Sequence[Sequence[Path]],
        *,
        cache: Path | None = None,
        most_seconds: float = MOST_SECONDS,
        name: str = "noise",
    ) -> Sounds:
        """Read the named files; see `gather`. The cache keeps the last copy of each `name`."""
        count = sum(len(group) for group in groups)
        if count == 0:
            return cls(np.zeros(0, np.int16), [])
        stamp = [[file_state(path) for path in group] for group in groups]
        stored = cache / f"{name}-{fingerprint(stamp, most_seconds)[:16]}.npy" if cache is not None else None
        table = stored.with_suffix(".spans.npy") if stored is not None else None
        if stored is not None and table is not None and stored.is_file() and table.is_file():
            return cls(np.load(stored, mmap_mode="r"), _grouped(np.load(table)), stored)
        left = int(most_seconds * SAMPLE_RATE)
        pieces: list[Int16] = []
        rows: list[tuple[int, int, int]] = []
        place = 0
        pending = count
        for number, group in enumerate(groups):
            for path in progress.track(group, "reading noise", len(group)):
                # Later files share what short files leave.
                share = left // pending
                pending -= 1
                try:
                    samples = audio.to_int16(audio.load(path))[:share]
                except AudioError as error:
                    progress.say(f"noise left out: {error}")
                    continue
                if not samples.any():
                    progress.say(f"noise left out: {path}: it is silent")
                    continue
                pieces.append(samples)
                rows.append((number, place, place + samples.shape[0]))
                place += samples.shape[0]
                left -= samples.shape[0]
        joined = np.concatenate([np.zeros(0, np.int16), *pieces])
        spans = np.array(rows, np.int64).reshape(-1, 3)
        if cache is None or stored is None or table is None or not rows:
            return cls(joined, _grouped(spans))
        for old in cache.glob(f"{name}-*.npy"):
            old.unlink()
        for path, array in ((stored, joined), (table, spans)):
            with atomic_path(path) as beside:
                np.save(beside, array)
        return cls(np.load(stored, mmap_mode="r"), _grouped(spans), stored)

    def draw(self, n: int, rng: np.random.Generator) -> Float:
        """Return `n` samples from a random position of a random recording, float32; short ones are repeated.

        All groups are equally likely, and within a group all seconds of sound.
        """
        spans = self.groups[int(rng.integers(len(self.groups)))]
        lengths = np.array([last - first for first, last in spans])
        place = int(rng.integers(lengths.sum()))
        index = int(np.searchsorted(np.cumsum(lengths), place, side="right"))
        first, last = spans[index]
        length = last - first
        if length >= n:
            start = first + int(rng.integers(length - n + 1))
            taken: Int16 = self._samples[start : start + n]
        else:
            start = int(rng.integers(length))
            taken = np.take(self._samples[first:last], np.arange(start, start + n), mode="wrap")
        return taken.astype(np.float32) / np.float32(32768.0)


def babble(sounds: Sounds, n: int, rng: np.random.Generator) -> Float:
    """Return `n` samples of three to nine voices at once, some reversed so that no words are learnt."""
    result = np.zeros(n, np.float32)
    for _ in range(int(rng.integers(3, 10))):
        voice = sounds.draw(n, rng)
        if rng.random() < 0.5:
            voice = voice[::-1]
        level = 10.0 ** (rng.uniform(-9.0, 0.0) / 20.0)
        result += voice * np.float32(level / (np.sqrt(np.mean(voice**2)) + 1e-6))
    return result


def _grouped(rows: npt.NDArray[np.int64]) -> list[list[tuple[int, int]]]:
    """Return spans int64 [k, 3] (group, first, end) as a list for each non-empty group."""
    return [[(int(a), int(b)) for number, a, b in rows if number == group] for group in np.unique(rows[:, 0])]
