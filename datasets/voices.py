"""Two speakers' names that may be one person: a hint from the average sound of their voices.

A voice is the mean and the spread of its cepstra, microphone and room included. Two names are compared as two samples
are, by the distance of their means in units of what varies among the recordings of one speaker. That tells no twins
apart, and takes one person with two microphones for two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from asr.core import audio
from datasets.defects import WINDOW, decibels

COEFFICIENTS = 15
DIMENSIONS = 2 * COEFFICIENTS
MOST_SPEAKERS = 300  # among more, chance alone brings many pairs as near as one person's

# Distance of one person's two halves: half of 39 speakers of orders are below 0.9, nine tenths below 1.7; of two
# speakers' halves, one in a thousand is below 1.5.
_NEAR = 1.4
_FEWEST = 4  # recordings of a speaker that is compared
_FEWEST_IN_ALL = 2 * DIMENSIONS  # recordings, from which the spread within a speaker is known
_SHRUNK = 0.05  # of the variances, added to the covariance
_BANDS = 24
_EDGES = (100.0, 3800.0)  # Hz; what a telephone keeps
_LOUD = -25.0  # dB below the loudest spectrum

Float = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Alike:
    """Two speakers that sound like one.

    Attributes
    ----------
    distance : 1 on average for two halves of one speaker's recordings.
    """

    first: str
    second: str
    distance: float


def voice(power: Float) -> Float:
    """Return mean and standard deviation of the cepstra of loud spectra, float32 [frames, 257] to [DIMENSIONS]."""
    energies = power @ _filters()
    total = energies.sum(axis=1)
    loud = energies[total >= total.max() * 10 ** (_LOUD / 10)]
    cepstra = decibels(loud) @ _cosines()
    mean = cepstra.mean(axis=0)
    spread = np.sqrt(np.maximum(0, (cepstra**2).mean(axis=0) - mean**2))
    return np.concatenate((mean, spread)).astype(np.float32)


def alike(speakers: Sequence[str], voices: Float) -> list[Alike]:
    """Return the pairs of speakers, each the other's nearest, that sound like one person; nearest first.

    Speakers with fewer than 4 recordings are not compared, nor are more than 300 speakers.

    Parameters
    ----------
    speakers : of each recording.
    voices : float32 [recordings, DIMENSIONS].
    """
    names, members = np.unique(np.asarray(speakers, object).astype(str), return_inverse=True)
    counts = np.bincount(members, minlength=len(names))
    kept = np.flatnonzero(counts >= _FEWEST)
    if not 2 <= len(kept) <= MOST_SPEAKERS:
        return []
    chosen = np.isin(members, kept)
    place = np.searchsorted(kept, members[chosen])
    values, counts = voices[chosen].astype(np.float64), counts[kept]
    if len(values) - len(kept) < _FEWEST_IN_ALL:
        return []
    means = np.zeros((len(kept), values.shape[1]))
    np.add.at(means, place, values)
    means /= counts[:, None]
    within = values - means[place]
    covariance = within.T @ within / (len(values) - len(kept))
    covariance += np.diag(_SHRUNK * np.diag(covariance) + 1e-6)
    whitened = np.linalg.solve(np.linalg.cholesky(covariance), means.T).T
    apart = ((whitened[:, None] - whitened[None]) ** 2).mean(axis=2) / (1 / counts[:, None] + 1 / counts[None])
    np.fill_diagonal(apart, np.inf)
    nearest = apart.argmin(axis=1)
    found = [
        Alike(str(names[kept[one]]), str(names[kept[other]]), float(apart[one, other]))
        for one, other in enumerate(nearest)
        if one < other and nearest[other] == one and apart[one, other] < _NEAR
    ]
    return sorted(found, key=lambda pair: pair.distance)


@lru_cache(maxsize=1)
def _filters() -> Float:
    """Return triangles on the mel scale, float32 [257, bands]."""
    lowest, highest = 1127 * np.log1p(np.array(_EDGES) / 700)
    edges = 700 * np.expm1(np.linspace(lowest, highest, _BANDS + 2) / 1127)
    hertz = np.arange(WINDOW // 2 + 1)[:, None] * audio.SAMPLE_RATE / WINDOW
    rising = (hertz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hertz) / (edges[2:] - edges[1:-1])
    return np.asarray(np.maximum(0, np.minimum(rising, falling)), np.float32)


@lru_cache(maxsize=1)
def _cosines() -> Float:
    from scipy import fft

    rows = fft.dct(np.eye(_BANDS), norm="ortho", axis=0)[1 : COEFFICIENTS + 1]
    return np.asarray(rows.T, np.float32)
