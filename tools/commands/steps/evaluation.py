"""Evaluation through the client: of candidates on dev, of the result on test."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from asr.core import tables
from asr.core.errors import ModelError
from asr.core.progress import say
from asr.ctc import weights
from asr.settings.workspace import SPLITS, Workspace
from tools.commands.steps.exporting import write_card, write_graph
from tools.commands.steps.inputs import read_templates
from tools.commands.steps.learning_curve import read_curve
from tools.commands.steps.lineage import best_checkpoint, note_evaluation
from tools.commands.steps.noise import evaluation_noise_folder
from tools.commands.steps.rejection import evaluate_client_confidence, evaluate_rejection

if TYPE_CHECKING:
    from asr.augment.evaluation_noise import Noise
    from asr.evaluation.conditions import Condition
    from asr.evaluation.recognition import Client, Utterance
    from asr.evaluation.side_by_side import Answer
    from asr.evaluation.transcriptions import Transcription
    from asr.runs.record import Run
    from asr.runtime.grammar import Meaning
    from datasets.corpus import Dataset


ANSWERS = "answers.csv"  # in a run's folder: what client and runtime said to the test clips
MOST_DECIDING = 300  # dev utterances that decide between candidates
# Beside clean clips, dB of speech over noise: candidates that are equal in quiet often differ by points in noise.
DECIDING_LEVELS = (15.0, 6.0)


def make_evaluator(ws: Workspace, dataset: Dataset, noise: Noise | None = None) -> Callable[[Any], float]:
    """Return a function from a network's layers to the client's WER on dev, with the scorer; see `word_errors`."""
    chosen = deciding(ws, dataset)

    def evaluate_layers(layers: Any) -> float:
        trial = ws.checkpoints / "candidate.pbmm"
        trial.parent.mkdir(parents=True, exist_ok=True)
        write_graph(ws, layers, ws.alphabet, None, trial)
        try:
            return word_errors(client_of(ws, trial), chosen, noise)
        finally:
            trial.unlink(missing_ok=True)

    return evaluate_layers


def deciding(ws: Workspace, dataset: Dataset) -> list[Utterance]:
    """Return the dev utterances that decide between candidates: all, or a random sample of many."""
    everyone = utterances_of(dataset, "dev")
    order = np.random.default_rng(ws.settings.train.seed).permutation(len(everyone))[:MOST_DECIDING]
    return [everyone[int(index)] for index in sorted(order)]


def deciding_noise(ws: Workspace) -> Noise | None:
    """Return the noise in which candidates are compared, None if training uses none.

    It is of a kind that training uses: the other kinds are kept for testing the result.
    """
    from asr.augment.evaluation_noise import HARDEST_FIRST, Noise

    chosen = ws.settings
    trained = chosen.augment.noise_kinds if chosen.augment.enabled and chosen.augment.noise_probability else ()
    kind = next((kind for kind in HARDEST_FIRST if kind in trained), None)
    return None if kind is None else Noise(kind, (), chosen.train.seed, trained)


def say_what_decides(noise: Noise | None, between: str) -> None:
    """Print in which conditions dev chooses between candidates."""
    levels = " and ".join(f"{level:g}" for level in DECIDING_LEVELS)
    say(f"dev chooses among {between}: clean{f', and in {noise.kind} at {levels} dB' if noise else ' clips alone'}")


def word_errors(client: Client, utterances: Sequence[Utterance], noise: Noise | None = None) -> float:
    """Return the client's WER on clean clips and, if there is noise, in noise; conditions have equal weight."""
    import jiwer

    from asr.evaluation.conditions import conditions
    from asr.evaluation.recognition import recognise

    results = recognise(client, utterances, conditions(noise, DECIDING_LEVELS), noise)
    return float(jiwer.wer([one.transcript for one in results], [one.hypothesis for one in results]))


def client_of(ws: Workspace, model: Path) -> Client:
    """Return the client with the workspace's scorer and beam width."""
    from asr.evaluation.recognition import Client

    return Client(model, ws.scorer, ws.settings.evaluate.beam_width)


def check_alphabet(ws: Workspace) -> None:
    """Check that the exported model has the alphabet of asr.toml and of the scorer; ModelError otherwise."""
    from export.model_file import read_metadata

    if read_metadata(ws.model).alphabet != ws.alphabet:
        what = f"this model was trained with another alphabet than alphabet.labels in {ws.toml} says"
        raise ModelError(what, path=ws.model, fix="Run: asr train")


def utterances_of(dataset: Dataset, split: str) -> list[Utterance]:
    """Return a split's clips as test utterances; synthetic ones have no raw recording."""
    from asr.evaluation.recognition import Utterance

    return [
        Utterance(
            Path(clip.clip).stem,
            dataset.folder / clip.clip,
            clip.transcript,
            clip.speaker,
            clip.seconds,
            clip.synthetic,
            None if clip.synthetic else Path(clip.source),
        )
        for clip in dataset.of(split)
    ]


def evaluation_noise(ws: Workspace) -> Noise | None:
    """Return the noise to evaluate in; None: the settings ask for none."""
    from asr.augment.evaluation_noise import Noise

    heard_in_training = ws.settings.augment.noise_kinds if ws.settings.augment.enabled else ()
    heard_in_training += weights.noise_heard(ws.settings.train.start_from)
    chosen = ws.settings.evaluate
    if not chosen.noise:
        return None
    return Noise.of_folder(evaluation_noise_folder(ws), chosen.seed, heard_in_training=heard_in_training)


def evaluate(
    ws: Workspace, dataset: Dataset, split: str, run: Run | None, losses: dict[str, float] | None = None
) -> None:
    """Measure a split through the client; print a table, and write the report, the card and the run's figures.

    The card and the record describe the workspace's own test speakers only.

    Raises
    ------
    ModelError : the model has another alphabet than asr.toml, which the scorer is made for.
    """
    from rich.console import Console

    from asr.evaluation import report as report_
    from asr.evaluation.conditions import conditions
    from asr.evaluation.recognition import recognise, sounds, timing
    from asr.evaluation.results import evaluate as measure
    from asr.evaluation.results import record

    check_alphabet(ws)
    chosen = ws.settings.evaluate
    noise = evaluation_noise(ws)
    utterances = utterances_of(dataset, split)
    real = any(not utterance.synthetic for utterance in utterances)
    asked = conditions(noise, chosen.noise_levels, raw=real, draws=chosen.noise_draws)
    client, meaning = client_of(ws, ws.model), functools.cache(read_templates(ws).meaning)
    slots = slots_of(meaning)
    results = recognise(client, utterances, asked, noise, losses=losses, slots=slots)
    answers = answers_of_both(ws, results, utterances, asked, noise, meaning)
    evaluations = measure(results, dataset.remarks, seed=chosen.seed, answers=answers)
    refusals = evaluate_rejection(ws, dataset, split) if split in SPLITS else None
    confidence = evaluate_client_confidence(ws, dataset, client) if split == "test" else None
    tested = run if split == "test" else None
    if tested is not None:
        note_evaluation(ws, tested)
        tested.figures = record(evaluations)
    kind = "split" if split in SPLITS else "recordings"
    content = report_.Report(
        title=ws.root.name,
        evaluations=evaluations,
        run=run.record() if run is not None else {},
        facts={kind: split, "scorer": ws.scorer.name, "beam width": chosen.beam_width},
        descriptions={} if noise is None else {noise.kind: noise.description},
        learning=read_curve(ws, dataset) if split in SPLITS else None,
        refusals=refusals,
        client_confidence=confidence,
    )
    folder = ws.report(run.id if run is not None else "model", split)
    page = report_.write_report(folder, content, sounds(utterances, noise), timing(client))
    if tested is not None:
        if rows := [one.row() for one in answers]:
            tables.write(tested.folder / ANSWERS, list(rows[0]), [list(row.values()) for row in rows])
        write_card(ws, tested)
        # The record comes last: without figures, the next training or evaluation makes all of them.
        best = best_checkpoint(ws, tested).relative_to(ws.root).as_posix()
        tested.measure(tested.figures, [result.row() for result in results], {"best": best})
    Console().print(report_.summary(evaluations))
    print_worst(evaluations)
    if refusals is not None:
        print(refusals.describe())
    print(f"report: {page}", file=sys.stderr)


def slots_of(meaning: Callable[[str], Meaning | None]) -> Callable[[str], dict[str, str] | None]:
    """Return a function that gives the slots of a sentence; None where it is none of the list."""

    def slots(sentence: str) -> dict[str, str] | None:
        found = meaning(sentence)
        return None if found is None else found.slots

    return slots


def answers_of_both(
    ws: Workspace,
    results: Sequence[Transcription],
    utterances: Sequence[Utterance],
    conditions: Sequence[Condition],
    noise: Noise | None,
    meaning: Callable[[str], Meaning | None],
) -> list[Answer]:
    """Return the client's and the runtime's answers; none, and a line why, where the runtime has no grammar."""
    from asr.evaluation.grammar_recognition import answer
    from asr.evaluation.side_by_side import client_answers
    from asr.runtime.recogniser import GRAMMAR, NETWORK

    missing = [name for name in (NETWORK, GRAMMAR) if not (ws.device / name).is_file()]
    if missing:
        say(f"the client alone is evaluated: {ws.device} has no {' and no '.join(missing)}")
        return []
    try:
        found = answer(ws.device, utterances, conditions, noise, meaning)
    except (ValueError, OSError) as error:  # what `Recogniser.open` raises
        say(f"the client alone is evaluated: {ws.device}: {error}")
        return []
    return [*client_answers(results, meaning), *found]


def print_worst(evaluations: Sequence[Any]) -> None:
    """Print the worst utterances of each kind of speech."""
    from asr.evaluation.conditions import CLEAN

    for evaluation in evaluations:
        for worst, where in ((evaluation.worst, ""), (evaluation.worst_in_noise, " in noise")):
            if worst:
                print(f"the {len(worst)} worst{where}, {evaluation.kind} speech:")
            for item in worst:
                condition = "" if item.condition.name == CLEAN else f" in {item.condition.name}"
                print(f"  {item.title}{condition}  said: {item.transcript!r}  heard: {item.hypothesis!r}")
