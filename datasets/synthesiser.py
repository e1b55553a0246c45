"""Run a text-to-speech program that reads lines and writes WAV files."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr.core import sound_file
from asr.core.errors import AudioError

Float = npt.NDArray[np.float32]

TIMEOUT = 60.0  # s, for one sentence
MORE_TIME = 10.0  # s, for each further sentence


def speak(
    name: str, command: Callable[[Path], Sequence[str]], texts: Sequence[str], *, model: Path | None = None
) -> list[tuple[Float, int]]:
    """Return the speech of each text, float32 [n], and its sample rate in Hz.

    Parameters
    ----------
    name : of the program, for messages.
    command : returns the command line, given the output folder. The program reads a text a line from standard input
        and writes WAV files with ascending numbers as names.
    model : voice file, for messages.

    Raises
    ------
    AudioError : the program failed, wrote another number of files, or took too long.
    """
    limit = TIMEOUT + MORE_TIME * (len(texts) - 1)
    about = repr(texts[0]) if len(texts) == 1 else f"{len(texts)} sentences from {texts[0]!r} on"
    with tempfile.TemporaryDirectory(prefix="asr-speak-") as folder:
        try:
            done = subprocess.run(
                command(Path(folder)),
                input="".join(f"{text}\n" for text in texts),
                text=True,
                capture_output=True,
                timeout=limit,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise AudioError(f"{name} took more than {limit:.0f} s for {about}", path=model) from None
        # Numbers without leading zeros sort by length first.
        files = sorted(Path(folder).glob("*.wav"), key=lambda path: (len(path.name), path.name))
        if done.returncode or len(files) != len(texts):
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise AudioError(
                f"{name} failed for {about}: {reason}", path=model, fix=f"Try the voice with {name} itself"
            )
        spoken = [sound_file.read(path) for path in files]
    return [(samples.mean(axis=1, dtype=np.float32), rate) for samples, rate in spoken]
