"""Piper's voices: networks that people's recordings taught, spoken by the program `piper` where it is installed.

A process that says one sentence mostly starts and loads its voice, so that one says many. Its randomness is switched
off: the same sentence is the same sound each time.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr.core.errors import SetupError, WorkspaceError
from datasets import speaking_programs

Float = npt.NDArray[np.float32]

PREFIX = "piper:"
_MOST_SPEAKERS = 10_000  # of a model; the largest published ones have some 900


def named(voice: str) -> list[str]:
    """Return the voices that a name stands for: piper:FILE.onnx, piper:FOLDER or piper:FILE.onnx#NUMBER.

    Raises
    ------
    WorkspaceError : there is no such file, folder or speaker.
    """
    model, speaker = model_of(voice)
    if model.is_dir():
        models = sorted(model.glob("*.onnx"))
        if not models:
            raise WorkspaceError(f"voices.voices names {voice!r}, and no .onnx lies there", path=model)
        return [each for found in models for each in named(f"{PREFIX}{found}")]
    if not model.is_file():
        raise WorkspaceError(f"voices.voices names {voice!r}, and there is no such file", path=model)
    count = _speakers(model)
    if speaker is None:
        return [voice] if count == 1 else [f"{voice}#{number}" for number in range(count)]
    if speaker >= count:
        raise WorkspaceError(f"voices.voices names {voice!r}, and its speakers are 0 to {count - 1}", path=model)
    return [voice]


def model_of(voice: str) -> tuple[Path, int | None]:
    """Return the file or folder of a voice, and the speaker in it, if one is named."""
    name, number = voice[len(PREFIX) :], None
    if found := re.fullmatch(r"(.+\.onnx)#(\d{1,6})", name):
        name, number = found.group(1), int(found.group(2))
    return Path(name).expanduser(), number


def speak(texts: Sequence[str], voice: str, stretch: float) -> list[tuple[Float, int]]:
    """Return each of the texts as float32 [n] and its rate in Hz.

    Parameters
    ----------
    texts : none of them empty or of several lines.
    voice : names one speaker, as `named` returns it.
    stretch : times the voice's own length.

    Raises
    ------
    SetupError : the program is not there.
    AudioError : it failed.
    """
    program = shutil.which("piper")
    if program is None:
        raise SetupError(
            f"the voice {voice!r} needs the program piper, which is not on the PATH", fix="Install Piper"
        )
    model, number = model_of(voice)
    command = [program, "--model", str(model)]
    command += [] if number is None else ["--speaker", str(number)]
    command += ["--length_scale", f"{stretch:.3f}", "--noise_scale", "0", "--noise_w", "0"]
    return speaking_programs.speak(
        "piper", lambda folder: [*command, "--output_dir", str(folder)], texts, model=model
    )


def _speakers(model: Path) -> int:
    """Return how many speakers a model has, by the .onnx.json beside it; 1 where there is none."""
    path = model.with_name(f"{model.name}.json")
    try:
        count = int(json.loads(path.read_text(encoding="utf-8")).get("num_speakers", 1))
    except FileNotFoundError:
        return 1
    except (OSError, ValueError, TypeError, AttributeError):
        raise WorkspaceError("this is no description of a voice of Piper's", path=path, fix="Fetch it again") from None
    return min(max(count, 1), _MOST_SPEAKERS)
