"""Several takes of one sentence in one file, told by the pauses between them."""

from __future__ import annotations

import numpy as np

from asr.core import audio, trim

_SLOWEST = 5.0  # letters per second; slow speech has about eight
_LEAD = 0.8  # s for the shortest word, said slowly
_PAUSE = 30  # windows of 10 ms; a stop consonant closes for 0.1 s, a hesitation lasts 0.25 s
_SHORTEST = 8  # windows of a stretch; less is a click
_MUCH_LONGER = 2.0  # times as long as the slowest speaker would take
_FEWEST = 3  # stretches that are remarked on
_BELOW = 30.0  # dB below the loudest part that is a pause


def count_takes(samples: trim.Samples, letters: int) -> int:
    """Return the number of stretches of speech in samples [n] (16 kHz) that are several takes; 0 for a single one.

    Parameters
    ----------
    letters : of the transcript; 0: unknown.
    """
    longest = _LEAD + letters / _SLOWEST
    if not letters or len(samples) < _MUCH_LONGER * longest * audio.SAMPLE_RATE:
        return 0
    found = stretches(samples)
    spoken = sum(end - start for start, end in found) * trim.HOP / audio.SAMPLE_RATE
    # One word drawn out, or one take and noises around it, is shorter than two takes.
    return len(found) if len(found) >= _FEWEST and spoken > longest / 2 else 0


def stretches(samples: trim.Samples) -> list[tuple[int, int]]:
    """Return the first window and the end of each stretch of speech; pauses shorter than 0.3 s are in it."""
    levels = 10 * np.log10(np.sum(10 ** (trim.band_levels(samples) / 10), axis=1))
    peak = float(np.sort(levels)[-min(10, levels.size)])
    floor = float(np.percentile(levels, 10))
    # Halfway to the noise floor where that is near.
    active = levels > max(peak - _BELOW, (peak + floor) / 2)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], active.astype(np.int8), [0]])))
    found: list[tuple[int, int]] = []
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if found and start - found[-1][1] < _PAUSE:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return [(start, end) for start, end in found if end - start >= _SHORTEST]
