"""An utterance as a line of JSON, or of text for a reader."""

from __future__ import annotations

import json
from typing import Any

from .listener import Partial, Utterance
from .recogniser import Recognition


def as_json(utterance: Utterance, file: str = "") -> str:
    """Return a line of JSON, of `as_record`."""
    record: dict[str, Any] = {"file": file} if file else {}
    return json.dumps(record | as_record(utterance), ensure_ascii=False)


def as_record(utterance: Utterance) -> dict[str, Any]:
    """Return an utterance as JSON has it; a refused sentence is `closest`, and there is no text, intent or slot."""
    found = utterance.recognition
    record: dict[str, Any] = {"start": round(utterance.start, 2), "end": round(utterance.end, 2)}
    record |= found.record()
    if not found.accepted:
        record |= {"text": "", "intent": None, "slots": {}, "words": [], "closest": found.text or None}
    return record


def partial_record(partial: Partial) -> dict[str, Any]:
    """Return what is being said as JSON has it."""
    return {"final": False, "start": round(partial.start, 2), "text": partial.text}


def as_text(utterance: Utterance, file: str = "") -> str:
    """Return a line for a reader, with the time unless it begins with the recording."""
    found = utterance.recognition
    place = f"{utterance.start:.2f} to {utterance.end:.2f} s" if utterance.start else ""
    before = ", ".join(part for part in (file, place) if part)
    return f"{before}: {_sentence(found)}" if before else _sentence(found)


def _sentence(found: Recognition) -> str:
    sure = f"({100 * found.confidence:.0f} %)" if found.confidence is not None else ""
    if not found.accepted:
        return f"no command; closest: {found.text} {sure}".rstrip() if found.text else "no command"
    slots = ", ".join(f"{name} = {value}" for name, value in found.slots.items())
    return "  ".join(part for part in (found.text, found.intent, slots, sure) if part)
