"""Recordings through the grammar decoder, as a device does it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from asr.core.errors import AudioError, ModelError, WorkspaceError
from asr.core.progress import say
from asr.settings.workspace import Workspace

if TYPE_CHECKING:
    from asr.runtime.listener import Timing, Utterance
    from asr.runtime.recogniser import Recogniser

STANDARD_INPUT = Path("-")


def open_device(ws: Workspace) -> Recogniser:
    """Open the workspace's device folder.

    Raises
    ------
    ModelError : nothing is exported, or what is exported does not belong together.
    """
    from asr.runtime.recogniser import Recogniser

    try:
        recogniser = Recogniser.open(ws.device)
    except FileNotFoundError as error:
        raise ModelError("it is not exported", path=error.filename, fix="Run: asr train") from None
    except ValueError as error:  # a part is damaged, or of another model
        raise ModelError(str(error), path=ws.device, fix="Run: asr export, asr evaluate") from None
    if recogniser.verifier is None:
        say("warning: there is no verifier, so nothing is refused; asr evaluate fits one")
    return recogniser


def timing_of(pause: float) -> Timing:
    """Return how long a listener waits that is given a pause, s; WorkspaceError if that is none."""
    from asr.runtime.listener import Timing

    try:
        return Timing.paused(pause)
    except ValueError as error:
        raise WorkspaceError(f"--pause: {error}", fix=f"The default is {Timing.open:g}") from None


def recognise(ws: Workspace, files: Sequence[Path]) -> Iterator[tuple[Path, Utterance]]:
    """Yield what each recording says; a folder stands for the recordings in it, and - for standard input.

    Raises
    ------
    ModelError : nothing is exported, or what is exported does not belong together.
    AudioError : a recording cannot be read.
    """
    from asr.core.sound_stream import pieces
    from asr.runtime.recording import recognise_recording
    from asr.runtime.sound import SoundError, read_sound

    recordings = list(_recordings(files))
    recogniser = open_device(ws)
    rate = recogniser.network.sample_rate
    for path in recordings:
        is_pipe = path == STANDARD_INPUT
        sound = read_sound(sys.stdin.buffer, rate, raw=True) if is_pipe else pieces(path, rate)
        try:
            for utterance in recognise_recording(recogniser, sound):
                yield path, utterance
        except SoundError as error:
            raise AudioError(str(error), path="standard input", fix="Pipe WAV, or 16-bit PCM at 16 kHz") from None


def _recordings(files: Sequence[Path]) -> Iterator[Path]:
    """Yield the recordings that are named, and those in folders; AudioError where there is none."""
    from asr.core import audio

    for given in files:
        if given != STANDARD_INPUT and not given.exists():
            raise AudioError("No such file or directory", path=given, fix="Name a recording, or a folder of them")
        found = audio.sound_files(given) if given.is_dir() else [given]
        if not found:
            raise AudioError("there is no sound file in it", path=given, fix="Name a recording")
        yield from found
