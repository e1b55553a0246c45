"""Piper's voices: neural text to speech by the program `piper`, where it is installed.

Loading a voice takes most of the time, so one process speaks many sentences. Noise is switched off, which makes the
output deterministic.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr.core.errors import SetupError, WorkspaceError
from datasets import synthesiser

Float = npt.NDArray[np.float32]

PREFIX = "piper:"
_MOST_SPEAKERS = 10_000  # of a model; the largest published ones have some 900


def named(voice: str) -> list[str]:
    """Expand a name (piper:FILE.onnx, piper:FOLDER or piper:FILE.onnx#NUMBER) to one voice for each speaker.

    Raises
    ------
    WorkspaceError : there is no such file, folder or speaker.
    """
    model, speaker = model_of(voice)
    if model.is_dir():
        models = sorted(model.glob("*.onnx"))
        if not models:
            raise WorkspaceError(f"voices.voices names {voice!r}, which holds no .onnx file", path=model)
        return [each for found in models for each in named(f"{PREFIX}{found}")]
    if not model.is_file():
        raise WorkspaceError(f"voices.voices names {voice!r}, but there is no such file", path=model)
    count = _speakers(model)
    if speaker is None:
        return [voice] if count == 1 else [f"{voice}#{number}" for number in range(count)]
    if speaker >= count:
        raise WorkspaceError(f"voices.voices names {voice!r}, but its speakers are 0 to {count - 1}", path=model)
    return [voice]


def model_of(voice: str) -> tuple[Path, int | None]:
    """Return the file or folder of a voice, and its speaker number, if given."""
    name, number = voice[len(PREFIX) :], None
    if found := re.fullmatch(r"(.+\.onnx)#(\d{1,6})", name):
        name, number = found.group(1), int(found.group(2))
    return Path(name).expanduser(), number


def speak(texts: Sequence[str], voice: str, stretch: float) -> list[tuple[Float, int]]:
    """Return each of the texts as float32 [n] and its rate in Hz.

    Parameters
    ----------
    texts : single lines, not empty.
    voice : of one speaker, as `named` returns it.
    stretch : factor of the duration.

    Raises
    ------
    SetupError : the program is not installed.
    AudioError : the program failed.
    """
    # `make voices` installs it beside Python, which need not be on the PATH.
    program = shutil.which("piper") or shutil.which("piper", path=str(Path(sys.executable).parent))
    if program is None:
        raise SetupError(
            f"the voice {voice!r} needs the program piper, which is not on the PATH",
            fix="Run `make voices`, or install Piper",
        )
    model, number = model_of(voice)
    command = [program, "--model", str(model)]
    command += [] if number is None else ["--speaker", str(number)]
    command += ["--length_scale", f"{stretch:.3f}", "--noise_scale", "0", "--noise_w", "0"]
    return synthesiser.speak("piper", lambda folder: [*command, "--output_dir", str(folder)], texts, model=model)


def _speakers(model: Path) -> int:
    """Return how many speakers a model has, from the .onnx.json beside it; 1 if that is missing."""
    path = model.with_name(f"{model.name}.json")
    try:
        count = int(json.loads(path.read_text(encoding="utf-8")).get("num_speakers", 1))
    except FileNotFoundError:
        return 1
    except (OSError, ValueError, TypeError, AttributeError):
        raise WorkspaceError("this is not a Piper voice's configuration", path=path, fix="Fetch it again") from None
    return min(max(count, 1), _MOST_SPEAKERS)
