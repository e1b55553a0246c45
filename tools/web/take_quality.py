"""What is wrong with a take, measured while its speaker is still there to say it again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from asr.core import audio, trim

Int16 = npt.NDArray[np.int16]

SILENT_DB = -60.0  # of the loudest 0.1 s, below full scale; such a recording is set aside by training
QUIET_DB = -38.0  # quieter speech loses bits, and its noise is amplified with it
FEWEST_DB = 14.0  # of speech above the noise of the room
EDGE = 0.03  # s from speech to an end of the take; closer than that it is likely to be cut off
LETTER = 0.03  # s of the shortest letter in quick speech
SHORTEST = 0.15  # s of any word
LONGEST = 15.0  # s of a take
_FULL_SCALE = 32700  # of 32768
_CLIPPED = 4  # samples at full scale; one or two may be chance
_COLUMNS = 400  # of the drawn waveform


@dataclass(frozen=True)
class Quality:
    """Measurements of a take.

    Attributes
    ----------
    seconds : of the whole take.
    start, end : s, of its speech.
    level : dB below full scale of the loudest 0.1 s.
    above : dB of that above the noise; None where there is no pause to measure the noise in.
    warnings : what is wrong, each a sentence that says what to do; empty for a good take.
    outline : largest amplitude of equal pieces, 0 to 1, for a drawing.
    """

    seconds: float
    start: float
    end: float
    level: float
    above: float | None
    warnings: tuple[str, ...]
    outline: tuple[float, ...]

    @property
    def is_usable(self) -> bool:
        """Whether there is speech in it at all."""
        return self.level > SILENT_DB and self.end - self.start >= SHORTEST


def measure(samples: Int16, sentence: str) -> Quality:
    """Measure a take.

    Parameters
    ----------
    samples : int16 [n] at 16 kHz.
    sentence : that was to be said.
    """
    sound = audio.to_float(samples)
    if not len(sound):
        return Quality(0.0, 0.0, 0.0, -120.0, None, ("There is no sound in it. Check the microphone.",), ())
    bounds = trim.find(sound)
    seconds, start, end = (n / audio.SAMPLE_RATE for n in (len(sound), bounds.start, bounds.end))
    above = _above_noise(sound, bounds)
    warnings = []
    if bounds.peak_db <= SILENT_DB:
        warnings.append("It is silent. Check that the right microphone is chosen and not muted.")
    elif bounds.peak_db < QUIET_DB:
        warnings.append("It is very quiet. Come closer, or raise the microphone's level.")
    if np.count_nonzero(np.abs(samples.astype(np.int32)) >= _FULL_SCALE) >= _CLIPPED:
        warnings.append("It is clipped: too loud for the microphone. Move away, or lower its level.")
    if bounds.peak_db > SILENT_DB:
        if end - start < max(SHORTEST, LETTER * len(sentence.replace(" ", ""))):
            warnings.append("It is too short for this sentence. Say all of it.")
        elif start < EDGE or seconds - end < EDGE:
            side = "beginning" if start < EDGE else "end"
            warnings.append(f"Its {side} may be cut off. Wait a moment before you speak and before you stop.")
        if above is not None and above < FEWEST_DB:
            warnings.append("The room is noisy. Switch off what hums, or come closer to the microphone.")
    return Quality(seconds, start, end, bounds.peak_db, above, tuple(warnings), _outline(sound))


def _above_noise(sound: npt.NDArray[np.float32], bounds: trim.Bounds) -> float | None:
    """Return the level of the speech above that of what is around it, dB; None where nothing is around it."""
    # Speech fades in and out over a moment.
    near = audio.SAMPLE_RATE // 10
    around = np.concatenate((sound[: max(0, bounds.start - near)], sound[bounds.end + near :]))
    if len(around) < audio.SAMPLE_RATE // 10:
        return None
    noise = 10 * float(np.log10(np.mean(around.astype(np.float64) ** 2) + 1e-12))
    # trim's 0 dB is a full-scale square wave, as that of a mean square is.
    return bounds.peak_db - noise


def _outline(sound: npt.NDArray[np.float32]) -> tuple[float, ...]:
    starts = np.unique(np.linspace(0, len(sound), _COLUMNS, endpoint=False).astype(int))
    return tuple(round(float(value), 3) for value in np.maximum.reduceat(np.abs(sound), starts))
