"""Conditions a model is evaluated under: clean clips, the raw recordings, and noise at given levels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from asr.augment.evaluation_noise import Noise
from asr.evaluation.heard import CLEAN, RAW


@dataclass(frozen=True)
class Condition:
    """One way to hear every clip.

    Attributes
    ----------
    name : as reports write it: "clean", "raw", "kitchen 12 dB".
    level : active speech over noise, dB; None: no noise.
    raw : the source recording as it was made, neither trimmed nor levelled, instead of the clip.
    draw : number of the piece of noise, from 1; conditions that differ in it alone have one name.
    """

    name: str
    level: float | None = None
    raw: bool = False
    draw: int = 1


def conditions(
    noise: Noise | None, levels: Iterable[float] = (), *, raw: bool = False, draws: int = 1
) -> tuple[Condition, ...]:
    """Return the clean condition, the raw one if asked for, and `draws` a noise level, quietest noise first."""
    found = [Condition(CLEAN)]
    if raw:
        found.append(Condition(RAW, raw=True))
    if noise is not None:
        ordered = sorted(set(levels), reverse=True)
        numbers = range(1, draws + 1)
        found += [Condition(f"{noise.kind} {level:g} dB", level, draw=draw) for level in ordered for draw in numbers]
    return tuple(found)
