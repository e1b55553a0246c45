"""Programs that write a sentence into a WAV file: run, watched, and their file read."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr import audio
from asr.errors import AudioError

Float = npt.NDArray[np.float32]

TIMEOUT = 60.0  # s, for one sentence


def speak(
    name: str, command: Callable[[Path], Sequence[str]], text: str, *, model: Path | None = None
) -> tuple[Float, int]:
    """Return what a program says: float32 [n], and its rate in Hz.

    Parameters
    ----------
    name : of the program, for messages.
    command : from the WAV file to write to the command line; the text is its standard input.
    model : a file to name in messages.

    Raises
    ------
    AudioError : it failed, or took more than TIMEOUT.
    """
    with tempfile.TemporaryDirectory(prefix="asr-speak-") as folder:
        wav = Path(folder, "spoken.wav")
        try:
            done = subprocess.run(
                command(wav), input=text, text=True, capture_output=True, timeout=TIMEOUT, check=False
            )
        except subprocess.TimeoutExpired:
            raise AudioError(f"{name} took more than {TIMEOUT:.0f} s for {text!r}", path=model) from None
        if done.returncode or not wav.is_file():
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise AudioError(f"{name} failed: {reason}", path=model, fix=f"Try the voice with {name} itself")
        samples, rate = audio.read(wav)
    return samples.mean(axis=1, dtype=np.float32), rate
