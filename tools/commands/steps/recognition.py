"""Recordings through the grammar decoder, as a device does it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asr.core.errors import AudioError, ModelError
from asr.settings.workspace import Workspace

if TYPE_CHECKING:
    from asr.runtime.recogniser import Recognition


def recognise(ws: Workspace, files: Sequence[Path]) -> Iterator[tuple[Path, Recognition]]:
    """Yield the best sentence for each recording; a folder stands for the recordings in it.

    Raises
    ------
    ModelError : nothing is exported, or what is exported does not belong together.
    AudioError : a recording cannot be read.
    """
    from asr.core import audio
    from asr.runtime.grammar import GrammarError
    from asr.runtime.network import NetworkError
    from asr.runtime.recogniser import DeviceError, Recogniser

    try:
        recogniser = Recogniser.open(ws.device)
    except FileNotFoundError as error:
        raise ModelError("it is not exported", path=error.filename, fix="Run: asr train") from None
    except (GrammarError, NetworkError, DeviceError) as error:
        raise ModelError(str(error), path=ws.device, fix="Run: asr export, asr scorer") from None
    for given in files:
        found = audio.sound_files(given) if given.is_dir() else [given]
        if not found:
            raise AudioError("there is no sound file in it", path=given, fix="Name a recording")
        for path in found:
            yield path, recogniser.recognise(audio.to_int16(audio.load(path)))


def as_json(path: Path, found: Recognition) -> str:
    """Return a line of JSON."""
    record: dict[str, Any] = {"file": str(path), **found.record()}
    return json.dumps(record, ensure_ascii=False)


def as_text(path: Path, found: Recognition) -> str:
    """Return a line for a reader."""
    slots = ", ".join(f"{name} = {value}" for name, value in found.slots.items())
    parts = [f"{path}: {found.text or '(no sentence)'}", *([found.intent] if found.intent else []), slots]
    return "  ".join(part for part in parts if part)
