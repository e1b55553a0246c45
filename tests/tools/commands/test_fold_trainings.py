"""Folds: everybody is tested on once, by a network that did not hear them, on the user's own files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from asr.core import tables
from asr.core.errors import ModelError, WorkspaceError
from asr.core.files import write_json, write_text
from asr.evaluation.conditions import Condition
from asr.evaluation.side_by_side import CLIENT, Answer
from asr.settings.template import render
from asr.settings.values import Settings, with_values
from asr.settings.workspace import Workspace
from tools.commands.steps.evaluation import ANSWERS
from tools.commands.steps.fold_trainings import Fold, describe, draw_folds, make_fold, read_answers
from tools.commands.steps.inputs import read_templates

CLIPS = Counter({"ada": 30, "bo": 10, "cy": 10, "di": 10, "eve": 9, "fay": 1})


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    root = tmp_path / "lamp"
    (root / "recordings").mkdir(parents=True)
    (root / "background_noise").mkdir()
    lines = ("[Switch]", "turn the {thing} {state}", "{state} = (on|off)", "{thing} = file:things.txt")
    (root / "sentences.txt").write_text("".join(f"{line}\n" for line in lines))
    (root / "things.txt").write_text("light\nradio\n")
    settings = with_values(Settings(), split={"train_speakers": ("eve",)}, train={"start_from": "first.pbmm"})
    write_text(root / "asr.toml", render(settings))
    return Workspace.open(root)


@pytest.mark.parametrize("count", [3, 4, 6])
def test_everybody_is_tested_on_once_and_never_trained_on_then(count: int) -> None:
    folds = draw_folds(CLIPS, count, 1)
    assert sorted(name for fold in folds for name in fold.test) == sorted(CLIPS)
    assert sorted(name for fold in folds for name in fold.dev) == sorted(CLIPS)
    assert all(fold.dev and fold.test and not set(fold.dev) & set(fold.test) for fold in folds)
    sizes = sorted(sum(CLIPS[name] for name in fold.test) for fold in folds)
    assert sizes[-1] == 30  # the largest speaker is alone
    assert draw_folds(CLIPS, count, 1) == folds


@pytest.mark.parametrize(
    ("count", "clips", "fix"),
    [(2, CLIPS, "3 or more"), (7, CLIPS, "6 or fewer"), (3, Counter({"ada": 9}), "name them")],
)
def test_too_few_are_one_error(count: int, clips: Counter[str], fix: str) -> None:
    with pytest.raises(WorkspaceError, match=fix):
        draw_folds(clips, count, 1)


def test_a_fold_has_the_users_files_and_its_own_speakers(ws: Workspace) -> None:
    fold = Workspace.open(make_fold(ws, Fold(2, ("ada",), ("bo", "cy")), 3))
    assert fold.root == ws.build / "folds" / "2-of-3"
    assert read_templates(fold).count() == 4  # with the list in a file of its own
    assert fold.recordings == ws.recordings and (fold.root / "background_noise").samefile(ws.root / "background_noise")
    split = fold.settings.split
    assert (split.train_speakers, split.dev_speakers, split.test_speakers) == ((), ("ada",), ("bo", "cy"))
    assert fold.settings.train.start_from == str(ws.root / "first.pbmm")
    written = fold.toml.stat().st_mtime_ns
    (ws.root / "things.txt").rename(ws.root / "items.txt")
    make_fold(ws, Fold(2, ("ada",), ("bo", "cy")), 3)
    assert fold.toml.stat().st_mtime_ns == written
    assert (fold.root / "items.txt").is_file() and not (fold.root / "things.txt").is_symlink()


def test_figures_are_over_the_speakers_of_all_folds(ws: Workspace) -> None:
    meaning = read_templates(ws).meaning
    said = "turn the light on"
    every: list[Answer] = []
    for number, speakers in enumerate((("ada",), ("bo", "cy"), ("di",)), 1):
        folder = make_fold(ws, Fold(number, (), speakers), 3)
        with pytest.raises(ModelError, match="no figures"):
            read_answers(folder, meaning)
        answers = [
            Answer(CLIENT, name, said, text, condition, False, meaning(said), meaning(text), None)
            for name in speakers
            for condition in (Condition(), Condition("kitchen", 6.0, draw=2))
            for text in (said, "turn the radio on" if name == "ada" else said)
        ]
        rows = [one.row() for one in (*answers, Answer(CLIENT, "robot", said, "", synthetic=True))]
        run = folder / "build" / "runs" / "r1"
        run.mkdir(parents=True)
        tables.write(run / ANSWERS, list(rows[0]), [list(row.values()) for row in rows])
        write_json(folder / "build" / "export" / "run.json", {"run": "r1"})
        assert read_answers(folder, meaning) == answers
        every += answers
    told = describe(every, 3, 1).replace("\N{NO-BREAK SPACE}", " ")
    assert "3 folds, 4 speakers" in told and "clean, client, n-gram scorer: 8 utterances" in told
    # One of eight slots is wrong, in either condition.
    assert told.count("Every slot right: 87.5 %") == 2 and "Word error rate (WER): 3.1 %" in told
