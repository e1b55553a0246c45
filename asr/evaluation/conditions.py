"""Conditions a model is evaluated under: clean clips, the raw recordings, and noise at given levels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from asr.augment.evaluation_noise import Noise

CLEAN, RAW = "clean", "raw"


@dataclass(frozen=True)
class Condition:
    """One way to present every clip; by itself the clean one.

    Attributes
    ----------
    kind : of noise; "": no noise.
    level : active speech over noise, dB; None: no noise.
    raw : the source recording, neither trimmed nor levelled, instead of the clip.
    draw : number of the piece of noise, from 1; conditions that differ in it alone share a name.
    """

    kind: str = ""
    level: float | None = None
    raw: bool = False
    draw: int = 1

    @property
    def name(self) -> str:
        """Its name in reports: "clean", "raw", "kitchen 12 dB"."""
        if self.level is not None:
            return f"{self.kind} {self.level:g} dB"
        return RAW if self.raw else CLEAN


def conditions(
    noise: Noise | None, levels: Iterable[float] = (), *, raw: bool = False, draws: int = 1
) -> tuple[Condition, ...]:
    """Return the clean condition, the raw one if asked for, and `draws` a noise level, quietest noise first."""
    found = [Condition()]
    if raw:
        found.append(Condition(raw=True))
    if noise is not None:
        ordered = sorted(set(levels), reverse=True)
        found += [Condition(noise.kind, level, draw=draw) for level in ordered for draw in range(1, draws + 1)]
    return tuple(found)
