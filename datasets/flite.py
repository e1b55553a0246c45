"""Flite's voices, spoken by the program `flite`.

They are built from recordings of people (CMU Arctic, kal's diphones), where espeak-ng's are synthesised from formants
by rule. There are few of them, so each is also shifted in pitch and formants by resampling, to sound like others.
"""

from __future__ import annotations

import functools
import shutil
import subprocess

import numpy as np
import numpy.typing as npt

from asr.core.errors import SetupError
from datasets import synthesiser

Float = npt.NDArray[np.float32]

PREFIX = "flite:"
LANGUAGE = "en"
# Debian's package has two more: kal at 8 kHz, and an awb that only tells the time.
VOICES = ("awb", "rms", "slt", "kal16")
_SHIFT = 0.3  # octaves from the lowest to the highest version of a voice


@functools.cache
def installed() -> tuple[str, ...]:
    """Return those of VOICES that the installed program has; none if it is not installed."""
    program = shutil.which("flite")
    if program is None:
        return ()
    try:
        limit = synthesiser.TIMEOUT
        done = subprocess.run([program, "-lv"], capture_output=True, text=True, timeout=limit, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    there = done.stdout.partition(":")[2].split()
    return tuple(voice for voice in VOICES if voice in there)


def speak(text: str, voice: str, stretch: float, pitch: float) -> tuple[Float, int]:
    """Return `text` as float32 [n] and its rate in Hz, the same samples every time.

    Parameters
    ----------
    voice : one of `installed()`.
    stretch : factor of the duration.
    pitch : 0 to 99; 50 is the voice's own. Formants shift with it.

    Raises
    ------
    SetupError : the program or the voice is not installed.
    AudioError : the program failed.
    """
    program = shutil.which("flite")
    if program is None or voice not in installed():
        raise SetupError(
            f"the voice {PREFIX}{voice} needs the program flite with that voice", fix="Install flite (Debian: flite)"
        )
    shift = 2.0 ** ((pitch - 50.0) / 100.0 * _SHIFT)
    # Resampling raises the pitch by playing faster, so the program speaks slower by the same factor.
    command = [program, "-voice", voice, "--setf", f"duration_stretch={stretch * shift:.3f}", "-t", text, "-o"]
    ((samples, rate),) = synthesiser.speak("flite", lambda folder: [*command, str(folder / "0.wav")], [text])
    return samples, round(rate * shift)
