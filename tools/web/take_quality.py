"""What is wrong with a take, measured while its speaker is still there to say it again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from asr.core import audio, trim
from datasets import defects

Int16 = npt.NDArray[np.int16]

LETTER = 0.03  # s of the shortest letter in quick speech
SHORTEST = 0.15  # s of any word
LONGEST = 15.0  # s of a take
SILENT_DB = -60.0  # of the loudest 0.1 s, below full scale; training sets such a recording aside
_COLUMNS = 400  # of the drawn waveform

# What to do about each finding of `asr check`; a bandwidth tells nothing about a single take.
_ADVICE = {
    "silent": "It is silent. Check that the right microphone is chosen and not muted.",
    "no speech": "No speech stands out. Come closer, and check that the right microphone is chosen.",
    "noise": "The room is noisy. Switch off what makes the noise, or come closer to the microphone.",
    "clipped": "It is clipped: too loud for the microphone. Move away, or lower its level.",
    "quiet": "It is very quiet. Come closer, or raise the microphone's level.",
    "offset": "The microphone has a DC offset. Try another input.",
    "hum": "The mains hum. Check cables and power supply.",
    "cut": "It may be cut off. Wait a moment before you speak and before you stop.",
}


@dataclass(frozen=True)
class Quality:
    """Measurements of a take.

    Attributes
    ----------
    seconds : of the whole take.
    start, end : s, of its speech.
    level : dB below full scale of the loudest 0.1 s.
    warnings : what is wrong, each a sentence that says what to do; empty for a good take.
    outline : largest amplitude of equal pieces, 0 to 1, for a drawing.
    """

    seconds: float
    start: float
    end: float
    level: float
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
        return Quality(0.0, 0.0, 0.0, -120.0, ("There is no sound in it. Check the microphone.",), ())
    bounds = trim.find(sound)
    seconds, start, end = (n / audio.SAMPLE_RATE for n in (len(sound), bounds.start, bounds.end))
    measures = defects.measure(sound[:, None], audio.SAMPLE_RATE, sound, defects.spectra(sound))
    kinds = [one.kind for one in defects.findings("", measures, audio.SAMPLE_RATE / 2)]
    warnings = [_ADVICE[kind] for kind in kinds if kind in _ADVICE]
    if "silent" not in kinds and end - start < max(SHORTEST, LETTER * len(sentence.replace(" ", ""))):
        warnings.append("It is too short for this sentence. Say all of it.")
    return Quality(seconds, start, end, bounds.peak_db, tuple(warnings), _outline(sound))


def _outline(sound: npt.NDArray[np.float32]) -> tuple[float, ...]:
    starts = np.unique(np.linspace(0, len(sound), _COLUMNS, endpoint=False).astype(int))
    return tuple(round(float(value), 3) for value in np.maximum.reduceat(np.abs(sound), starts))
