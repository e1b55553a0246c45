"""How wide the interval of the test figures is: other splits of the speakers that were not trained on."""

from __future__ import annotations

import functools

from asr.core.errors import WorkspaceError
from asr.settings.workspace import Workspace
from datasets.corpus import Dataset
from tools.commands.steps.evaluation import (
    answers_of_both,
    check_alphabet,
    client_of,
    evaluation_noise,
    slots_of,
    utterances_of,
)
from tools.commands.steps.inputs import read_templates

_MEANS = (
    "Splits of speakers who were not trained on. Dev speakers chose between checkpoints, so they count a little high."
)


def describe_folds(ws: Workspace, dataset: Dataset) -> str:
    """Return a line for each condition and way: the figure of the test speakers, and its spread over other splits.

    Raises
    ------
    ModelError : the model has another alphabet than asr.toml.
    WorkspaceError : there are too few speakers for several splits.
    """
    from asr.evaluation.conditions import CLEAN, conditions
    from asr.evaluation.recognition import recognise
    from asr.evaluation.results import ALL_NOISE
    from asr.evaluation.side_by_side import Answer, client_answers
    from asr.evaluation.splits import spread
    from asr.evaluation.wording import percent

    check_alphabet(ws)
    chosen = ws.settings.evaluate
    noise = evaluation_noise(ws)
    utterances = [one for split in ("dev", "test") for one in utterances_of(dataset, split) if not one.synthetic]
    tested = {one.speaker for one in utterances_of(dataset, "test") if not one.synthetic}
    trained = {clip.speaker for clip in dataset.of("train")}
    if len({one.speaker for one in utterances} - trained) <= len(tested) or not tested:
        fix = "Record more speakers, or a larger dev split"
        raise WorkspaceError("there are too few speakers who were not trained on", path=ws.split_record, fix=fix)
    utterances = [one for one in utterances if one.speaker not in trained]
    asked = conditions(noise, chosen.noise_levels, draws=chosen.noise_draws)
    meaning = functools.cache(read_templates(ws).meaning)
    results = recognise(client_of(ws, ws.model), utterances, asked, noise, slots=slots_of(meaning))
    answers = answers_of_both(ws, results, utterances, asked, noise, meaning) or client_answers(results, meaning)

    def right(one: Answer) -> bool:
        same = one.same_meaning
        return one.right if same is None else same

    lines = []
    for name in (CLEAN, ALL_NOISE):
        for way in dict.fromkeys(one.way for one in answers):
            own = [one for one in answers if one.way == way and (one.condition.level is None) == (name == CLEAN)]
            found = spread(own, lambda one: one.speaker, right, len(tested), chosen.seed)
            if found is None:
                continue
            of_test = [right(one) for one in own if one.speaker in tested]
            lines.append(
                f"{name}, {way}: {percent(sum(of_test) / len(of_test))} of the test speakers' commands right; "
                f"{found.splits:,} splits of {found.chosen} of {found.speakers} speakers: {percent(found.low)} to "
                f"{percent(found.high)}; lowest: {found.worst}, {percent(found.worst_share)}"
            )
    return "\n".join([*lines, _MEANS])
