"""Flite's voices: what people recorded, cut up or modelled, and spoken by the program `flite`.

espeak-ng computes its sounds from formants, all voices by the same rules. Flite's are of real people (CMU's Arctic
recordings and kal's diphones), and few: a speaker of ours is one of them, a larger or smaller person by resampling.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr.core.errors import SetupError
from datasets import speaking_programs

Float = npt.NDArray[np.float32]

PREFIX = "flite:"
LANGUAGE = "en"
# The others that Debian's package brings are kal at 8 kHz, and awb for telling the time.
VOICES = ("awb", "rms", "slt", "kal16")
_THROAT = 0.3  # octaves from the lowest to the highest that a voice is moved by


@functools.cache
def installed() -> tuple[str, ...]:
    """Return the voices that the program here has, of those that we take; none where there is no program."""
    program = shutil.which("flite")
    if program is None:
        return ()
    try:
        limit = speaking_programs.TIMEOUT
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
    stretch : times the voice's own length.
    pitch : 0 to 99; 50 is the voice's own. Its formants move along.

    Raises
    ------
    SetupError : the program or the voice is not there.
    AudioError : it failed.
    """
    program = shutil.which("flite")
    if program is None or voice not in installed():
        raise SetupError(
            f"the voice {PREFIX}{voice} needs the program flite with that voice", fix="Install flite (Debian: flite)"
        )
    throat = 2.0 ** ((pitch - 50.0) / 100.0 * _THROAT)
    # What is played faster to sound smaller is spoken so much slower before.
    slower = f"duration_stretch={stretch * throat:.3f}"

    def command(folder: Path) -> list[str]:
        return [program, "-voice", voice, "--setf", slower, "-t", text, "-o", str(folder / "0.wav")]

    ((samples, rate),) = speaking_programs.speak("flite", command, [text])
    return samples, round(rate * throat)
