"""Several takes of one sentence in one file, told by the pauses between them."""

from __future__ import annotations

from asr.core import audio, trim
from datasets.take_cutter import find_takes

_SLOWEST = 5.0  # letters per second; slow speech has about eight
_LEAD = 0.8  # s for the shortest word, said slowly
_PAUSE = 0.3  # s; a stop consonant closes for 0.1 s, a hesitation lasts 0.25 s
_MUCH_LONGER = 2.0  # times as long as the slowest speaker would take
_FEWEST = 3  # stretches that are remarked on


def count_takes(samples: trim.Samples, letters: int) -> int:
    """Return the number of stretches of speech in samples [n] (16 kHz) that are several takes; 0 for a single one.

    Parameters
    ----------
    letters : of the transcript; 0: unknown.
    """
    longest = _LEAD + letters / _SLOWEST
    if not letters or len(samples) < _MUCH_LONGER * longest * audio.SAMPLE_RATE:
        return 0
    found = find_takes(samples, pause=_PAUSE)
    spoken = sum(take.end - take.start for take in found) / audio.SAMPLE_RATE
    # One word drawn out, or one take and noises around it, is shorter than two takes.
    return len(found) if len(found) >= _FEWEST and spoken > longest / 2 else 0
