"""Flite's voices: what people recorded, cut up or modelled, and spoken by the program `flite`.

espeak-ng computes its sounds from formants, all voices by the same rules. Flite's are of real people (CMU's Arctic
recordings and kal's diphones), and few: a speaker of ours is one of them, a larger or smaller person by resampling.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr import audio
from asr.errors import AudioError, SetupError

Float = npt.NDArray[np.float32]

PREFIX = "flite:"
LANGUAGE = "en"
# The others that Debian's package brings are kal at 8 kHz, and awb for telling the time.
VOICES = ("awb", "rms", "slt", "kal16")
_NORMAL_RATE = 175.0  # words a minute, about
_THROAT = 0.3  # octaves from the lowest to the highest that a voice is moved by
_TIMEOUT = 60.0  # s, for one sentence


@functools.cache
def installed() -> tuple[str, ...]:
    """Return the voices that the program here has, of those that we take; none where there is no program."""
    program = shutil.which("flite")
    if program is None:
        return ()
    try:
        said = subprocess.run([program, "-lv"], capture_output=True, text=True, timeout=_TIMEOUT, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ()
    there = said.partition(":")[2].split()
    return tuple(voice for voice in VOICES if voice in there)


def speak(text: str, voice: str, speed: float, pitch: float) -> tuple[Float, int]:
    """Return `text` as float32 [n] and its rate in Hz, the same samples every time.

    Parameters
    ----------
    voice : one of `installed()`.
    speed : words a minute.
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
    stretch = _NORMAL_RATE / speed * throat
    with tempfile.TemporaryDirectory(prefix="asr-flite-") as folder:
        wav = Path(folder, "spoken.wav")
        command = [program, "-voice", voice, "--setf", f"duration_stretch={stretch:.3f}", "-t", text, "-o", str(wav)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
        except subprocess.TimeoutExpired:
            raise AudioError(f"flite took more than {_TIMEOUT:.0f} s for {text!r}") from None
        if done.returncode or not wav.is_file():
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise AudioError(f"flite failed: {reason}", fix="Try the voice with flite itself")
        samples, rate = audio.read(wav)
    return samples.mean(axis=1, dtype=np.float32), round(rate * throat)
