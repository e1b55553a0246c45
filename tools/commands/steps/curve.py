"""The learning curve: the same training with a part of the recordings, to tell what more of them would bring.

Recordings of the same people bring less than recordings of others. So a part is of some of the speakers and all that
they said, as long as there are speakers enough; else it is of some of the recordings of all.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from asr.core.errors import ModelError, WorkspaceError
from asr.core.files import fingerprint, write_json
from asr.core.progress import say
from asr.settings.asr_toml import from_dict
from asr.settings.workspace import Workspace
from tools.commands.steps.lineage import data_fingerprint, sentences_fingerprint, trained_from
from tools.commands.steps.training import make_plan

if TYPE_CHECKING:
    from asr.evaluation.learning import PowerLaw
    from datasets.corpus import Dataset

SHARES = (0.25, 0.5, 1.0)  # of the training recordings, each part within the next
FEWEST = 8  # recordings that a training makes sense with
SPEAKERS = 8  # of fewer, a quarter may be one alone


class _Silent:
    """Takes the figures of an epoch and keeps none: these trainings are a measurement, not runs."""

    def epoch(self, row: Mapping[str, Any]) -> None:
        """Take a row."""


def learn(ws: Workspace, prepared: Dataset, judge: Callable[[Any], float]) -> PowerLaw:
    """Train on parts of the recordings and measure each on dev, through the client with the scorer.

    A measurement that was stopped goes on with the part it was at.

    Parameters
    ----------
    judge : gives the dev WER of a network's layers, on clean clips.

    Raises
    ------
    ModelError : there are too few recordings to take parts of.
    """
    from asr.ctc.train import Trainer
    from asr.evaluation.learning import Point, fit

    plan, _ = make_plan(ws, prepared)
    if len(plan.train) * SHARES[0] < FEWEST:
        raise ModelError(
            f"{len(plan.train)} training recordings are too few to tell what more would bring",
            fix=f"Record {round(FEWEST / SHARES[0])} or more",
        )
    words = sum(len(clip.transcript.split()) for clip in prepared.of("dev"))
    speakers = [clip.speaker for clip in prepared.of("train")]
    by, taken = take_parts(speakers, ws.settings.train.seed)
    conditions = _conditions(ws, prepared, by)
    points, stamp = _kept(ws, conditions), fingerprint(conditions)[:8]
    measured = {point["recordings"] for point in points}
    parts = {len(part): part for part in taken if len(part) not in measured}
    # What was stopped is gone on with; parts of other data and settings, and of points that are there, are not.
    names = {count: f"curve-{stamp}-{count}" for count in parts}
    for folder in (ws.checkpoints, ws.build / "features"):
        for path in folder.glob("curve-*"):
            if path.name not in names.values():
                shutil.rmtree(path, ignore_errors=True)
    for count, name in names.items():
        people = len({speakers[index] for index in parts[count]})
        say(f"learning curve: {count} of {len(speakers)} recordings, of {people} of {len(set(speakers))} speakers")
        part = replace(
            plan,
            train=[plan.train[index] for index in parts[count]],
            checkpoints=ws.checkpoints / name,
            features=ws.build / "features" / name,
            logs=ws.logs / f"curve-{count}",
        )
        error = judge(Trainer(part).run(_Silent()).layers)
        points.append(asdict(Point(count, error, words)))
        write_json(_path(ws), {**conditions, "points": points})
        for folder in (part.checkpoints, part.features):
            shutil.rmtree(folder, ignore_errors=True)
    return fit([Point(**point) for point in points], by)


def take_parts(speakers: Sequence[str], seed: int) -> tuple[str, list[list[int]]]:
    """Return what the parts are of, "speakers" or "recordings", and the recordings of each, by number.

    Each part lies within the next; the last is all.

    Parameters
    ----------
    speakers : of each recording.
    """
    sizes = [round(share * len(speakers)) for share in SHARES]
    names = sorted(set(speakers))
    if len(names) >= SPEAKERS:
        order = np.random.default_rng(seed).permutation(len(names))
        place = {names[index]: place for place, index in enumerate(order)}
        turns = np.array([place[speaker] for speaker in speakers])
        # Whoever says the recording that makes a part large enough says all theirs in it.
        last = [np.sort(turns)[size - 1] for size in sizes]
        parts = [np.flatnonzero(turns <= turn).tolist() for turn in last]
        # One speaker who said most of it all leaves no parts to tell apart.
        if len({len(part) for part in parts}) == len(SHARES):
            return "speakers", parts
    order = np.random.default_rng(seed).permutation(len(speakers))
    return "recordings", [sorted(order[:size].tolist()) for size in sizes]


def read_curve(ws: Workspace, prepared: Dataset) -> PowerLaw | None:
    """Return what was measured of the data and settings as they are now; None where nothing was."""
    from asr.evaluation.learning import Point, fit

    by, _ = take_parts([clip.speaker for clip in prepared.of("train")], ws.settings.train.seed)
    points = _kept(ws, _conditions(ws, prepared, by))
    return fit([Point(**point) for point in points], by) if len(points) > 1 else None


def _path(ws: Workspace) -> Path:
    return ws.reports / "learning.json"


def _conditions(ws: Workspace, prepared: Dataset, by: str) -> dict[str, Any]:
    """Return what a point is of: the data, and the settings that weights, their scorer and its beam depend on."""
    return {
        "by": by,
        "data": data_fingerprint(ws, prepared),
        "sentences": sentences_fingerprint(ws),
        "settings": _decisive(ws.settings.as_dict()),
    }


def _decisive(settings: dict[str, Any]) -> dict[str, Any]:
    judged = {name: settings[name] for name in ("sentences", "scorer")}
    return {**trained_from(settings), **judged, "evaluate": {"beam_width": settings["evaluate"]["beam_width"]}}


def _kept(ws: Workspace, conditions: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the points that were measured under these conditions."""
    try:
        kept = json.loads(_path(ws).read_text(encoding="utf-8"))
        # Keys that were not known then have the value of before there were any.
        settings = _decisive(from_dict(kept["settings"], _path(ws)).as_dict())
        by = kept.get("by", "recordings")
        found = {"by": by, "data": kept["data"], "sentences": kept["sentences"], "settings": settings}
        return list(kept["points"]) if found == conditions else []
    except (OSError, ValueError, LookupError, TypeError, AttributeError, WorkspaceError):
        return []
