"""The client's transcription of a clip beside its transcript."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from asr.evaluation.conditions import Condition
from asr.evaluation.confusion import align

Slots = Callable[[str], Mapping[str, str] | None]


@dataclass(frozen=True)
class Transcription:
    """One clip, its transcript and the client's hypothesis.

    Attributes
    ----------
    clip : its name, the same in every condition and run.
    seconds : its length.
    recording : the recording's file and folder, for people; "" where there is none, as for synthetic voices.
    loss : CTC loss of the trainer, where it was computed.
    slots, hypothesis_slots : the command's slots in `transcript` and `hypothesis`; None: not a command.
    """

    clip: str
    speaker: str
    transcript: str
    hypothesis: str
    seconds: float
    synthetic: bool
    condition: Condition = field(default_factory=Condition)
    loss: float | None = None
    slots: Mapping[str, str] | None = None
    hypothesis_slots: Mapping[str, str] | None = None
    recording: str = ""

    @property
    def title(self) -> str:
        """The recording where there is one, else the clip."""
        return self.recording or self.clip

    @property
    def right(self) -> bool:
        """Whether every word is right."""
        return self.transcript.split() == self.hypothesis.split()

    @property
    def accepted(self) -> bool | None:
        """Whether every slot is right; None where the transcript is not a command.

        A command without slots is accepted when every word is right: with nothing to compare, any other command
        without slots would pass.
        """
        if self.slots is None:
            return None
        return self.right or (bool(self.slots) and self.hypothesis_slots == self.slots)

    def row(self) -> dict[str, Any]:
        """Return the row of transcripts.csv."""
        (pairs,) = align([self.transcript], [self.hypothesis])
        return {
            "clip": self.clip,
            "condition": self.condition.name,
            "draw": self.condition.draw,
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


def with_slots(transcriptions: Iterable[Transcription], slots: Slots) -> list[Transcription]:
    """Fill in the slots of transcripts and hypotheses; `slots` gives a sentence's, or None."""
    return [replace(one, slots=slots(one.transcript), hypothesis_slots=slots(one.hypothesis)) for one in transcriptions]
