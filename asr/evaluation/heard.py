"""What the client heard of one clip, beside what was said in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from asr.evaluation.confusion import align

CLEAN, RAW = "clean", "raw"

Slots = Callable[[str], Mapping[str, str] | None]


@dataclass(frozen=True)
class Heard:
    """One clip, what was said in it and what the client heard.

    Attributes
    ----------
    clip : its name, the same in every condition and run.
    seconds : its length.
    condition : "clean", "raw", or a kind of noise and its level, such as "kitchen 12 dB".
    draw : number of the piece of noise, from 1.
    recording : the recording's file and folder, for people; "" where there is none, as of synthetic voices.
    loss : CTC loss of the trainer, where it was computed.
    slots, heard_slots : the command's slots in `transcript` and `hypothesis`; None: not a command.
    """

    clip: str
    speaker: str
    transcript: str
    hypothesis: str
    seconds: float
    synthetic: bool
    condition: str = CLEAN
    loss: float | None = None
    slots: Mapping[str, str] | None = None
    heard_slots: Mapping[str, str] | None = None
    draw: int = 1
    recording: str = ""

    @property
    def title(self) -> str:
        """What people know it by."""
        return self.recording or self.clip

    @property
    def right(self) -> bool:
        """Every word as it was said."""
        return self.transcript.split() == self.hypothesis.split()

    @property
    def accepted(self) -> bool | None:
        """Every slot right; None where what was said is not a command.

        A command without slots is accepted when it was heard as it was said: with nothing to compare, any
        other command without slots would pass.
        """
        if self.slots is None:
            return None
        return self.right or (bool(self.slots) and self.heard_slots == self.slots)

    def row(self) -> dict[str, Any]:
        """Return the row of transcripts.csv."""
        (pairs,) = align([self.transcript], [self.hypothesis])
        return {
            "clip": self.clip,
            "condition": self.condition,
            "draw": self.draw,
            "speaker": self.speaker,
            "synthetic": self.synthetic,
            "seconds": round(self.seconds, 3),
            "transcript": self.transcript,
            "hypothesis": self.hypothesis,
            "errors": sum(pair.said != pair.heard for pair in pairs),
            "accepted": self.accepted,
            "loss": self.loss,
            "recording": self.recording,
        }


def with_slots(heard: Iterable[Heard], slots: Slots) -> list[Heard]:
    """Fill in the slots of what was said and heard; `slots` gives a sentence's, or None."""
    return [replace(item, slots=slots(item.transcript), heard_slots=slots(item.hypothesis)) for item in heard]


def level_of(condition: str) -> float | None:
    """Return the level of "kitchen 12 dB" in dB; None for a condition without noise."""
    words = condition.split()
    if len(words) < 2 or words[-1] != "dB":
        return None
    try:
        return float(words[-2])
    except ValueError:
        return None
