"""Programs that write sentences into WAV files: run, watched, and their files read."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr.core import audio
from asr.core.errors import AudioError

Float = npt.NDArray[np.float32]

TIMEOUT = 60.0  # s, for one sentence
MORE_TIME = 10.0  # s, for each further one


def speak(
    name: str, command: Callable[[Path], Sequence[str]], texts: Sequence[str], *, model: Path | None = None
) -> list[tuple[Float, int]]:
    """Return what a program says of each text: float32 [n], and its rate in Hz.

    Parameters
    ----------
    name : of the program, for messages.
    command : from the folder to write to, to the command line. The texts are its standard input, a line each; of the
        WAV files that it makes, the names are numbers that grow.
    model : a file to name in messages.

    Raises
    ------
    AudioError : it failed, made another number of files, or took more than TIMEOUT and a little for each further text.
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
        # Names that are numbers without leading zeros sort by their length first.
        files = sorted(Path(folder).glob("*.wav"), key=lambda path: (len(path.name), path.name))
        if done.returncode or len(files) != len(texts):
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise AudioError(
                f"{name} failed for {about}: {reason}", path=model, fix=f"Try the voice with {name} itself"
            )
        spoken = [audio.read(path) for path in files]
    return [(samples.mean(axis=1, dtype=np.float32), rate) for samples, rate in spoken]
