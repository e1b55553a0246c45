"""The learning curve: dev WER after training on parts of the recordings, and what more recordings would bring.

More recordings of the same speakers bring less than new speakers. With enough speakers a part is therefore made of
some speakers and all their recordings, otherwise of some recordings of each.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from asr.core.errors import ModelError
from asr.core.files import fingerprint, write_json
from asr.core.progress import say
from asr.settings.declaration import Product
from asr.settings.values import affecting
from asr.settings.workspace import Workspace
from tools.commands.steps.lineage import data_fingerprint, sentences_fingerprint
from tools.commands.steps.training import make_plan

if TYPE_CHECKING:
    from asr.evaluation.learning import PowerLaw
    from datasets.corpus import Dataset

SHARES = (0.25, 0.5, 1.0)  # of the training recordings; each part contains the one before
FEWEST = 8  # recordings in the smallest part
SPEAKERS = 8  # with fewer, a quarter could be a single speaker


class _Silent:
    """Drops the figures of each epoch: these trainings are measurements, not runs."""

    def epoch(self, row: Mapping[str, Any]) -> None:
        """Take a row."""


def measure(ws: Workspace, dataset: Dataset, evaluate: Callable[[Any], float]) -> PowerLaw:
    """Train on parts of the recordings and measure each on dev, through the client with the scorer.

    A stopped measurement resumes with the part it was at.

    Parameters
    ----------
    evaluate : gives the dev WER of a network's layers, on clean clips.

    Raises
    ------
    ModelError : there are too few recordings.
    """
    from asr.ctc.train import Trainer
    from asr.evaluation.learning import Point, fit

    plan, _ = make_plan(ws, dataset)
    if len(plan.train) * SHARES[0] < FEWEST:
        raise ModelError(
            f"{len(plan.train)} training recordings are too few for a learning curve",
            fix=f"Record {round(FEWEST / SHARES[0])} or more",
        )
    words = sum(len(clip.transcript.split()) for clip in dataset.of("dev"))
    speakers = [clip.speaker for clip in dataset.of("train")]
    by, taken = take_parts(speakers, ws.settings.train.seed)
    conditions = _conditions(ws, dataset, by)
    points, stamp = _kept(ws, conditions), fingerprint(conditions)[:8]
    measured = {point["recordings"] for point in points}
    parts = {len(part): part for part in taken if len(part) not in measured}
    # Only a stopped part of the same data and settings is resumed.
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
        error = evaluate(Trainer(part).run(_Silent()).layers)
        points.append(asdict(Point(count, error, words)))
        write_json(ws.learning_curve, {**conditions, "points": points})
        for folder in (part.checkpoints, part.features):
            shutil.rmtree(folder, ignore_errors=True)
    return fit([Point(**point) for point in points], by)


def take_parts(speakers: Sequence[str], seed: int) -> tuple[str, list[list[int]]]:
    """Return what was divided, "speakers" or "recordings", and the indices of the recordings in each part.

    Each part contains the one before; the last has all recordings.

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
        # The speaker whose recording makes the part large enough is in it with all recordings.
        last = [np.sort(turns)[size - 1] for size in sizes]
        parts = [np.flatnonzero(turns <= turn).tolist() for turn in last]
        # A speaker with most of the recordings would make two parts the same.
        if len({len(part) for part in parts}) == len(SHARES):
            return "speakers", parts
    order = np.random.default_rng(seed).permutation(len(speakers))
    return "recordings", [sorted(order[:size].tolist()) for size in sizes]


def read_curve(ws: Workspace, dataset: Dataset) -> PowerLaw | None:
    """Return the curve of the data and settings as they are now; None if it has not been measured."""
    from asr.evaluation.learning import Point, fit

    by, _ = take_parts([clip.speaker for clip in dataset.of("train")], ws.settings.train.seed)
    points = _kept(ws, _conditions(ws, dataset, by))
    return fit([Point(**point) for point in points], by) if len(points) > 1 else None


def _conditions(ws: Workspace, dataset: Dataset, by: str) -> dict[str, Any]:
    """Return all that a point depends on."""
    return {
        "by": by,
        "data": data_fingerprint(ws, dataset),
        "sentences": sentences_fingerprint(ws),
        "settings": affecting(ws.settings.as_dict(), Product.WEIGHTS | Product.SCORER | Product.LEARNING_CURVE),
    }


def _kept(ws: Workspace, conditions: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the points measured under these conditions."""
    try:
        kept = json.loads(ws.learning_curve.read_text(encoding="utf-8"))
        return list(kept["points"]) if {name: kept[name] for name in conditions} == conditions else []
    except (OSError, ValueError, LookupError, TypeError):
        return []
