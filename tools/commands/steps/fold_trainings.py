"""Trainings over several splits of the speakers, so that everybody is tested on once and trained on otherwise.

Each fold is a workspace of its own below build/folds/, with links to the user's files, and is trained by a process of
its own; a fold that is finished is not trained again.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from asr.core import tables
from asr.core.errors import ModelError, WorkspaceError
from asr.core.files import write_text
from asr.core.progress import say
from asr.settings.template import render
from asr.settings.values import with_values
from asr.settings.workspace import Workspace
from tools.commands.steps.evaluation import ANSWERS
from tools.commands.steps.inputs import read_templates

if TYPE_CHECKING:
    from asr.evaluation.side_by_side import Answer
    from asr.runtime.grammar import Meaning
    from datasets.corpus import Dataset

FEWEST = 3  # folds: one to train on, one for dev, one to test with
_OWN = ("asr.toml", "build")  # what a fold does not share with the workspace


@dataclass(frozen=True)
class Fold:
    """One split of the speakers.

    Attributes
    ----------
    number : from 1.
    dev, test : speakers; the others are trained on.
    """

    number: int
    dev: tuple[str, ...]
    test: tuple[str, ...]


def draw_folds(clips: Counter[str], count: int, seed: int) -> list[Fold]:
    """Divide speakers into test groups with about as many clips each; dev is the next fold's test group.

    Parameters
    ----------
    clips : how many clips each speaker has.
    count : folds.
    seed : of the order in which speakers with equally many clips are dealt.

    Raises
    ------
    WorkspaceError : there are fewer speakers than folds, or fewer than three folds.
    """
    if count < FEWEST:
        raise WorkspaceError(f"{count} folds are too few", fix=f"Give --folds {FEWEST} or more")
    if len(clips) < count:
        fix = "Record more speakers, and name them" if len(clips) < FEWEST else f"Give --folds {len(clips)} or fewer"
        raise WorkspaceError(f"{len(clips)} speakers are too few for {count} folds", fix=fix)
    names = sorted(clips)
    order = [names[int(index)] for index in np.random.default_rng(seed).permutation(len(names))]
    groups: list[list[str]] = [[] for _ in range(count)]
    for name in sorted(order, key=lambda one: -clips[one]):
        min(groups, key=lambda group: sum(clips[one] for one in group)).append(name)
    held = [tuple(sorted(group)) for group in groups]
    return [Fold(number + 1, held[(number + 1) % count], held[number]) for number in range(count)]


def train_folds(ws: Workspace, dataset: Dataset, count: int) -> str:
    """Train and evaluate every fold, and return the figures over all speakers.

    Raises
    ------
    WorkspaceError : the speakers do not suffice, or a path of asr.toml would lead elsewhere from a fold.
    ModelError : the training of a fold failed; its messages are on stderr.
    """
    real = Counter(clip.speaker for clip in dataset.clips if not clip.synthetic)
    folds = draw_folds(real, count, ws.settings.split.seed)
    answers: list[Answer] = []
    for fold in folds:
        say(f"fold {fold.number} of {count}: testing with {len(fold.test)} of {len(real)} speakers")
        folder = make_fold(ws, fold, count)
        done = subprocess.run([sys.executable, "-m", "tools.commands.cli", "train", str(folder)], stdout=sys.stderr)
        if done.returncode:
            raise ModelError(f"fold {fold.number} was not trained", path=folder, fix="Run the same command again")
        answers += read_answers(folder, read_templates(ws).meaning)
    return describe(answers, count, ws.settings.evaluate.seed)


def make_fold(ws: Workspace, fold: Fold, count: int) -> Path:
    """Make the workspace of a fold unless it is there, and return its folder."""
    folder = ws.build / "folds" / f"{fold.number}-of-{count}"
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.is_symlink():
            path.unlink()
    for path in ws.root.iterdir():
        if path.name not in _OWN:
            (folder / path.name).symlink_to(path)
    chosen = ws.settings
    start = chosen.train.start_from
    moved: dict[str, dict[str, Any]] = {
        "sentences": {"file": _absolute(ws, chosen.sentences.file)},
        "recordings": {"folder": _absolute(ws, chosen.recordings.folder)},
        "split": {"dev_speakers": fold.dev, "test_speakers": fold.test, "train_speakers": ()},
        "train": {"start_from": _absolute(ws, start) if Path(start).suffix else start},
    }
    text = render(with_values(chosen, **moved))
    toml = folder / "asr.toml"
    if not toml.is_file() or toml.read_text(encoding="utf-8") != text:
        write_text(toml, text)
    return folder


def _absolute(ws: Workspace, name: str) -> str:
    """Return a path of asr.toml as one that leads to the same place from anywhere."""
    return str((ws.root / Path(name).expanduser()).resolve())


def read_answers(folder: Path, meaning: Callable[[str], Meaning | None]) -> list[Answer]:
    """Return what client and runtime said to a fold's test speakers; ModelError where there is nothing to read."""
    from asr.evaluation.side_by_side import Answer

    fix = "Run: asr train --folds with the same number again"
    try:
        name = json.loads((folder / "build" / "export" / "run.json").read_text(encoding="utf-8"))["run"]
        path = folder / "build" / "runs" / name / ANSWERS
        rows = tables.read(path, ModelError, columns=("way", "speaker", "transcript", "text"))
        found = [Answer.from_row(row, meaning) for _, row in rows]
    except (OSError, ValueError, KeyError, TypeError):
        raise ModelError("this fold has no figures", path=folder, fix=fix) from None
    return [one for one in found if not one.synthetic]


def describe(answers: Sequence[Answer], count: int, seed: int) -> str:
    """Return the figures over all speakers, with 95 % intervals over speakers."""
    from asr.evaluation.conditions import CLEAN, RAW
    from asr.evaluation.results import ALL_NOISE
    from asr.evaluation.side_by_side import pool
    from asr.evaluation.wording import SIDE_BY_SIDE, interval, value
    from asr.evaluation.wording import count as number

    groups = {name: [one for one in answers if one.condition.name == name] for name in (CLEAN, RAW)}
    groups[ALL_NOISE] = [one for one in answers if one.condition.level is not None]
    speakers = len({one.speaker for one in answers})
    lines = [f"{count} folds, {number(speakers, 'speakers')}, each tested by a network that was not trained on them"]
    for name, found in groups.items():
        for way, figures in (pool(found, seed) if found else {}).items():
            lines.append(f"{name}, {way}: {number(figures.utterances, 'utterances')}")
            for measure, (title, _, _) in SIDE_BY_SIDE.items():
                figure = getattr(figures, measure)
                if figure.value is not None:
                    lines.append(f"  {title}: {value(measure, figure)} ({interval(measure, figure)})")
    return "\n".join(lines)
