"""What can be wrong with the sound of one recording: levels, clipping, offset, hum, noise, cuts, bandwidth.

Everything is measured on spectra of 32 ms every 16 ms, so that measuring a sound costs no more than reading it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from asr.core import audio

WINDOW = 512  # samples, 32 ms
HOP = 256  # samples, 16 ms
MAINS = (50.0, 60.0)  # Hz
HARMONICS = 5

_FULL_SCALE = 0.9995  # of full scale; samples above are clipped
_HUM_WINDOW = 3200  # samples, 0.2 s: the nulls of its Hann window lie 10 Hz apart, on the other mains' frequency
_HUM_HOP = 1600  # samples, 0.1 s: whole periods of both, so that a steady tone keeps its phase
_LOWEST = 3  # bin, 94 Hz: below is hum, wind and handling noise
_LOUD = 8  # spectra; the level is reached for 0.14 s, which excludes clicks
_NOTHING = np.float32(1e-12)  # power, -120 dB
_FLOOR = 10  # percentile of the levels that is the noise floor
_HUM_IN = 20  # percentile of a tone's amplitudes; hum is there in pauses, too
_FAINT = -25.0  # dB below the level; only louder spectra tell a bandwidth
_CLIFF = 8  # bins on either side of an edge, 250 Hz
_STEEP = 18.0  # dB by which the spectrum falls there
_LOWEST_EDGE, _HIGHEST_EDGE = 1500.0, 7000.0  # Hz; below vowels end, above resamplers and codecs do

# What the findings begin at. Chosen on half of the speakers of spoken orders and wake words.
_SILENT = -66.0  # dB; 6 dB below what datasets.clips rejects
_QUIET = -50.0  # dB
_CLIPPED = 0.0005  # share of the samples; with more it is a fault
_FEWEST_FLAT = 8  # samples in runs at the peak; a few are chance
_BADLY_CLIPPED = 0.01
_OFFSET = 0.02  # of full scale
_HUM = -40.0  # dB relative to the speech
_STEADY = 0.9  # share of a tone's power that keeps its phase for 0.1 s
_NO_SPEECH = 7.0  # dB from the noise to the loudest part
_NOISY = 18.0
_CUT = -16.0  # dB relative to the level, in the first or last 32 ms
_PAUSE = 20.0  # dB above the floor, without which an edge tells nothing
_LEAST = 1.0  # s in which there is room for a pause, and so for a noise floor
_LEAST_CUT = 0.5  # s that tell whether a pause is missing
_NARROW = 0.75  # of the others' bandwidth

Float = npt.NDArray[np.float32]


class Measures(NamedTuple):
    """Measures of a recording; a level is in dB below a full-scale square wave.

    Attributes
    ----------
    seconds : duration.
    clipped : share of the samples at full scale.
    flat : share of the samples in runs at the recording's own peak, as clipping leaves where the level was lowered.
    offset : mean of the samples, of full scale.
    level : of the loudest 0.14 s.
    floor : of the quietest tenth.
    start, end : of the first and last 32 ms, dB relative to `level`.
    bandwidth : Hz, above which a steep edge leaves nothing; 8000 where there is none.
    hum : of the mains' tones, dB.
    mains : 50 or 60 Hz where such tones are steady, else 0.
    """

    seconds: float
    clipped: float
    flat: float
    offset: float
    level: float
    floor: float
    start: float
    end: float
    bandwidth: float
    hum: float
    mains: float


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a recording, or with the recordings as a whole.

    Attributes
    ----------
    kind : one of a fixed set of names, such as "clipped".
    severity : "error", "warning" or "hint".
    what : was found.
    fix : what to do about it.
    file : path of the recording; "" for the recordings as a whole.
    others : further recordings that it is about.
    """

    kind: str
    severity: str
    what: str
    fix: str
    file: str = ""
    others: tuple[str, ...] = ()


def spectra(sound: Float) -> Float:
    """Return power spectra of 32 ms every 16 ms: float32 [n] at 16 kHz to float32 [frames, 257].

    The sum of one is the mean square of its samples, 1 for a full-scale square wave.
    """
    from scipy import fft

    if len(sound) < WINDOW:
        sound = np.pad(sound, (0, WINDOW - len(sound)))
    window, scale = _window()
    found = fft.rfft(np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::HOP] * window)
    power: Float = (found.real**2 + found.imag**2) * scale
    return power


def decibels(power: npt.ArrayLike) -> Float:
    """Return power in dB, -120 at least."""
    found: Float = 10 * np.log10(np.asarray(power, np.float32) + _NOTHING)
    return found


def measure(samples: Float, rate: int, sound: Float, power: Float) -> Measures:
    """Return the measures of a recording.

    Parameters
    ----------
    samples : float32 [n, channels], as in the file; clipping shows only before mixing and resampling.
    rate : of the file, Hz.
    sound : float32 [m], the same as one channel at 16 kHz.
    power : of `sound`, from `spectra`.
    """
    size = np.abs(samples)
    peak = float(size.max(initial=0.0))
    clipped = np.count_nonzero(size >= _FULL_SCALE) / max(1, size.size)
    # Below, one step of 16 bits is more than this tolerance.
    top = size >= peak * 0.998 if peak > 0.02 else np.zeros((1, 1), bool)
    runs = int(np.count_nonzero(top[1:] & top[:-1]))
    flat = runs / max(1, size.size) if runs >= _FEWEST_FLAT else 0.0
    levels = decibels(power[:, _LOWEST:].sum(axis=1))
    order = np.sort(levels)
    level, floor = float(order[-min(_LOUD, len(order))]), float(order[len(order) * _FLOOR // 100])
    hum, mains = _hum(sound, level)
    return Measures(
        seconds=len(samples) / rate,
        clipped=float(clipped),
        flat=float(flat),
        offset=float(sound.mean(dtype=np.float64)) if len(sound) else 0.0,
        level=level,
        floor=floor,
        start=float(levels[0]) - level,
        end=float(levels[-1]) - level,
        bandwidth=_bandwidth(power[levels >= level + _FAINT].mean(axis=0), rate),
        hum=hum,
        mains=mains,
    )


def is_silent(found: Measures) -> bool:
    """Tell whether a recording holds no sound worth the name."""
    return found.level < _SILENT


def is_cut(found: Measures) -> bool:
    """Tell whether a recording begins or ends with speech."""
    return bool(_cut_sides(found))


def _cut_sides(found: Measures) -> list[str]:
    if found.seconds < _LEAST_CUT or found.level - found.floor < _PAUSE:
        return []
    return [side for side, edge in (("start", found.start), ("end", found.end)) if edge > _CUT]


def findings(name: str, found: Measures, usual_bandwidth: float, *, trimmed: bool = False) -> list[Finding]:
    """Return what is wrong with a recording, worst first.

    Parameters
    ----------
    name : of its file.
    usual_bandwidth : of the other recordings, Hz.
    trimmed : most of the recordings begin and end with speech, so that this one's edges tell nothing.
    """
    if is_silent(found):
        what = f"silent: its loudest part is {-found.level:.0f} dB below full scale"
        return [Finding("silent", "error", what, "Record it again; check the microphone", name)]
    faults: list[Finding] = []

    def tell(kind: str, what: str, fix: str, severity: str = "warning") -> None:
        faults.append(Finding(kind, severity, what, fix, name))

    contrast = found.level - found.floor
    if found.seconds >= _LEAST and contrast < _NO_SPEECH:
        tell("no speech", f"no speech stands out: it is the same for {found.seconds:.1f} s",
             "Record it again, or move it to background_noise/", "error")  # fmt: skip
    elif found.seconds >= _LEAST and contrast < _NOISY:
        tell("noise", f"the speech is {contrast:.0f} dB above the noise", "Record nearer to the microphone")
    share = max(found.clipped, found.flat)
    if share > _CLIPPED:
        where = "at full scale" if found.clipped > _CLIPPED else "cut off at one level"
        severity = "error" if share > _BADLY_CLIPPED else "warning"
        tell(
            "clipped", f"clipped: {share:.1%} of its samples are {where}", "Record it again, at a lower level", severity
        )
    elif found.level < _QUIET:
        tell("quiet", f"quiet: its loudest part is {-found.level:.0f} dB below full scale",
             "Record it louder, or run asr mend")  # fmt: skip
    if abs(found.offset) > _OFFSET:
        tell("offset", f"a DC offset of {found.offset:+.1%} of full scale", "Run asr mend; check the sound card")
    if found.mains:
        tell("hum", f"hum of {found.mains:.0f} Hz, {found.level - found.hum:.0f} dB below the speech",
             "Run asr mend; check cables and power supply")  # fmt: skip
    if not trimmed and (sides := _cut_sides(found)):
        tell("cut", f"speech is cut off at its {' and '.join(sides)}", "Record it again, with a pause on either side")
    if found.bandwidth < _NARROW * usual_bandwidth:
        tell("bandwidth", f"nothing above {found.bandwidth / 1000:.1f} kHz, where others reach "
             f"{usual_bandwidth / 1000:.1f} kHz", "Record it as the others were, or leave it out")  # fmt: skip
    return sorted(faults, key=lambda fault: fault.severity != "error")


def _bandwidth(mean: Float, rate: int) -> float:
    """Return the frequency of the steepest edge in a mean spectrum [257] with little above it, Hz."""
    highest = min(rate, audio.SAMPLE_RATE) / 2
    spectrum = decibels(mean)
    sums = np.concatenate(([0.0], np.cumsum(spectrum, dtype=np.float64)))
    means = (sums[_CLIFF:] - sums[:-_CLIFF]) / _CLIFF  # of the bins b to b + 7
    below, above = means[: -_CLIFF - 2], means[_CLIFF + 2 :]
    drops = below - np.maximum.accumulate(above[::-1])[::-1]
    bins = np.arange(len(drops)) + _CLIFF + 1  # of the edges
    hertz = bins * audio.SAMPLE_RATE / WINDOW
    drops[(hertz < _LOWEST_EDGE) | (hertz > _HIGHEST_EDGE)] = 0.0
    place = int(drops.argmax())
    return min(float(hertz[place]), highest) if drops[place] >= _STEEP else highest


def hum_tones(sound: Float, level: float) -> dict[float, float]:
    """Return the steady tones of the mains in a sound, float32 [n] at 16 kHz: level in dB by frequency in Hz.

    All are of 50 or all of 60 Hz, and near the level of the speech; none in less than a second.
    """
    if len(sound) < _LEAST * audio.SAMPLE_RATE:
        return {}
    parts = np.lib.stride_tricks.sliding_window_view(sound, _HUM_WINDOW)[::_HUM_HOP] @ _tones()
    half = parts.shape[1] // 2
    tones = (parts[:, :half] + 1j * parts[:, half:]).reshape(len(parts), len(MAINS), HARMONICS)
    powers = np.sort(np.abs(tones), axis=0)[len(tones) * _HUM_IN // 100] ** 2 / 2
    # A tone of the voice loses its phase. The mains' frequency is not exact either, so that neighbours are compared.
    turns = tones[1:] * tones[:-1].conj()
    steady = np.abs(turns.sum(axis=0)) / (np.abs(turns).sum(axis=0) + 1e-20)
    heard = (steady > _STEADY) & (decibels(powers) > level + _HUM)
    mains = int(np.where(heard, powers, 0).sum(axis=1).argmax())
    levels = decibels(powers[mains])
    return {MAINS[mains] * (k + 1): float(levels[k]) for k in range(HARMONICS) if heard[mains, k]}


def _hum(sound: Float, level: float) -> tuple[float, float]:
    """Return the level of the mains' tones together, dB, and 50 or 60 Hz; -120 and 0 where there are none."""
    tones = hum_tones(sound, level)
    if not tones:
        return -120.0, 0.0
    mains = next(base for base in MAINS if not min(tones) % base)
    return 10 * float(np.log10(sum(10 ** (one / 10) for one in tones.values()))), mains


@lru_cache(maxsize=1)
def _window() -> tuple[Float, np.float32]:
    window = np.hanning(WINDOW).astype(np.float32)
    return window, np.float32(2 / (WINDOW * float(np.sum(window.astype(np.float64) ** 2))))


@lru_cache(maxsize=1)
def _tones() -> Float:
    """Return cosines, then sines, of the mains' harmonics, with a window: float32 [3200, 2 * tones]."""
    tones = [base * number for base in MAINS for number in range(1, HARMONICS + 1)]
    phases = 2 * np.pi * np.outer(np.arange(_HUM_WINDOW), tones) / audio.SAMPLE_RATE
    window = np.hanning(_HUM_WINDOW + 1)[:-1, None]
    window *= 2 / window.sum()
    return np.concatenate((np.cos(phases) * window, -np.sin(phases) * window), axis=1).astype(np.float32)
