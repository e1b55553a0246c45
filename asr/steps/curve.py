"""The learning curve: the same training with a part of the recordings, to tell what more of them would bring."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from asr.errors import ModelError, WorkspaceError
from asr.files import write_json
from asr.progress import say
from asr.settings import from_dict
from asr.steps.lineage import data_fingerprint
from asr.steps.training import make_plan
from asr.workspace import Workspace

if TYPE_CHECKING:
    from asr.ctc.learning import PowerLaw
    from datasets.prepare import Prepared

SHARES = (0.25, 0.5, 1.0)  # of the training recordings, each part within the next
FEWEST = 8  # recordings that a training makes sense with


class _Silent:
    """Takes the figures of an epoch and keeps none: these trainings are a measurement, not runs."""

    def epoch(self, row: Mapping[str, Any]) -> None:
        """Take a row."""


def learn(ws: Workspace, prepared: Prepared, judge: Callable[[Any], float]) -> PowerLaw:
    """Train on parts of the recordings and measure each on dev, through the client with the scorer.

    A measurement that was stopped goes on with the part it was at.

    Parameters
    ----------
    judge : gives the dev WER of a network's layers.

    Raises
    ------
    ModelError : there are too few recordings to take parts of.
    """
    from asr.ctc.learning import Point, fit
    from asr.ctc.train import Trainer

    plan, _ = make_plan(ws, prepared)
    if len(plan.train) * SHARES[0] < FEWEST:
        raise ModelError(
            f"{len(plan.train)} training recordings are too few to tell what more would bring",
            fix=f"Record {round(FEWEST / SHARES[0])} or more",
        )
    words = sum(len(clip.transcript.split()) for clip in prepared.of("dev"))
    order = np.random.default_rng(ws.settings.train.seed).permutation(len(plan.train))
    points = _kept(ws)
    for share in SHARES:
        chosen = sorted(order[: round(share * len(order))].tolist())
        if any(point["recordings"] == len(chosen) for point in points):
            continue
        say(f"learning curve: {len(chosen)} of {len(order)} recordings")
        name = f"curve-{len(chosen)}"
        part = replace(
            plan,
            train=[plan.train[index] for index in chosen],
            checkpoints=ws.checkpoints / name,
            features=ws.build / "features" / name,
            logs=ws.logs / name,
        )
        error = judge(Trainer(part).run(_Silent()).layers)
        points.append(asdict(Point(len(chosen), error, words)))
        write_json(_path(ws), {"data": data_fingerprint(ws), "train": asdict(ws.settings.train), "points": points})
        for folder in (part.checkpoints, part.features):
            shutil.rmtree(folder, ignore_errors=True)
    law = read_curve(ws)
    return law if law is not None else fit([Point(**point) for point in points])


def read_curve(ws: Workspace) -> PowerLaw | None:
    """Return what was measured of the data and settings as they are now; None where nothing was."""
    from asr.ctc.learning import Point, fit

    points = _kept(ws)
    return fit([Point(**point) for point in points]) if len(points) > 1 else None


def _path(ws: Workspace) -> Path:
    return ws.reports / "learning.json"


def _kept(ws: Workspace) -> list[dict[str, Any]]:
    try:
        kept = json.loads(_path(ws).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    try:
        train = from_dict({"train": kept["train"]}, _path(ws)).train
        return list(kept["points"]) if kept["data"] == data_fingerprint(ws) and train == ws.settings.train else []
    except (LookupError, TypeError, AttributeError, WorkspaceError):
        return []
