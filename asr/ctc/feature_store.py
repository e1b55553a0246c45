"""Features computed once, kept on disk and read back memory-mapped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from asr.core import audio
from asr.core.files import atomic_path, fingerprint
from asr.core.progress import track
from asr.ctc.batches import Clip, Float
from asr.ctc.features import exact_mfcc
from asr.runtime.features import COEFFICIENTS

# Raise it when the same clip would give other features, so that old stores are not reused.
_VERSION = 1


def load(clips: Sequence[Clip], folder: Path, label: str) -> list[Float]:
    """Return the features of clips, float32 [frames, 26] each, as views of one memory-mapped file.

    Parameters
    ----------
    folder : of the store; a file there is named after a hash of the clips' paths, sizes and times.
    label : of the file and the progress bar, such as "train".

    Raises
    ------
    AudioError : a clip cannot be read.
    """
    stamp = [[str(clip.path), clip.path.stat().st_size, clip.path.stat().st_mtime_ns] for clip in clips]
    path = folder / f"{label}-{fingerprint(_VERSION, stamp)[:16]}.npy"
    ends_path = path.with_suffix(".ends.npy")
    if not (path.is_file() and ends_path.is_file()):
        for old in folder.glob(f"{label}-*.npy"):
            old.unlink()
        made = [exact_mfcc(audio.read_wav(clip.path)) for clip in track(clips, f"features of {label}")]
        joined = np.concatenate(made) if made else np.zeros((0, COEFFICIENTS), np.float32)
        with atomic_path(path) as beside:
            np.save(beside, joined)
        with atomic_path(ends_path) as beside:
            np.save(beside, np.cumsum([len(one) for one in made], dtype=np.int64))
    everything = np.load(path, mmap_mode="r")
    ends = np.load(ends_path)
    starts = np.concatenate([[0], ends[:-1]]) if len(ends) else ends
    return [everything[first:last] for first, last in zip(starts, ends, strict=True)]
