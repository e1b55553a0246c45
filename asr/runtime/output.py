"""An utterance as a line of JSON, or of text for a reader."""

from __future__ import annotations

import json
from typing import Any

from .listener import Utterance
from .recogniser import Recognition


def as_json(utterance: Utterance, file: str = "") -> str:
    """Return a line of JSON; a refused sentence is `closest`, and there is no text, intent or slot."""
    found = utterance.recognition
    record: dict[str, Any] = {"file": file} if file else {}
    record |= {"start": round(utterance.start, 2), "end": round(utterance.end, 2)}
    record |= found.record()
    if not found.accepted:
        record |= {"text": "", "intent": None, "slots": {}, "words": [], "closest": found.text or None}
    return json.dumps(record, ensure_ascii=False)


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
