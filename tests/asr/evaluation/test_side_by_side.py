"""Client and runtime side by side: counts by hand, and answers against one recogniser in this process."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from asr.augment.evaluation_noise import Noise
from asr.core import audio
from asr.core.alphabet import Alphabet
from asr.evaluation.conditions import Condition, conditions
from asr.evaluation.grammar_recognition import answer
from asr.evaluation.recognition import Utterance, samples_of
from asr.evaluation.report import Report, summary, write_report
from asr.evaluation.results import ALL_NOISE, evaluate
from asr.evaluation.side_by_side import CLIENT, RUNTIME, Answer, client_answers, measure
from asr.evaluation.transcriptions import Transcription
from asr.runtime.grammar import Meaning
from asr.runtime.recogniser import GRAMMAR, NETWORK, Recogniser
from export.device import network_file
from lm.grammar import compile_grammar
from lm.sentences import Templates
from tests.small_networks import small_network
from tools.commands.steps.evaluation import answers_of_both
from tools.commands.steps.new_workspace import make_workspace
from tools.commands.verbs import open_workspace

TEMPLATES = Templates.parse(
    "hello there\n[SetLight]\n[please] turn {state} the {room} light\nlights out\n"
    "{room} = (kitchen|hall)\n{state} = (on|off)",
    Alphabet(),
)


def answered(said: str, text: str, speaker: str = "anna", *, accepted: bool | None = True) -> Answer:
    return Answer(
        RUNTIME, speaker, said, text, meant=TEMPLATES.meaning(said), understood=TEMPLATES.meaning(text),
        accepted=accepted,
    )  # fmt: skip


ANSWERS = [
    answered("turn on the kitchen light", "turn on the kitchen light"),
    answered("turn on the hall light", "please turn on the hall light", "ben"),  # a word too many, the meaning right
    answered("turn on the hall light", "turn on the kitchen light", "cleo"),  # a slot wrong, and acted on
    answered("turn on the hall light", "lights out", "cleo", accepted=False),
    answered("lights out", "lights out", "ben", accepted=False),  # right, and refused
    answered("hello there", "lights out", "anna"),  # neither intent nor slots: the words count
]


def test_counts_are_those_by_hand() -> None:
    found = measure(ANSWERS, resamples=0)
    assert (found.utterances, found.speakers) == (6, 3)
    assert (found.sentence_accuracy.part, found.sentence_accuracy.whole) == (2, 6)
    # 5 + 5 + 5 + 5 + 2 + 2 words; "please" added, "hall" for "kitchen", five for "lights out", two for two.
    assert (found.wer.part, found.wer.whole) == (1 + 1 + 5 + 2, 24)
    assert (found.understanding.part, found.understanding.whole) == (3, 5)
    parts = (found.accepted_right.part, found.accepted_wrong.part, found.refused.part)
    assert parts == (2, 2, 2) and found.refused.whole == 6


def test_an_intent_counts_as_a_slot_does() -> None:
    slots = {"state": "on", "room": "kitchen"}
    assert ANSWERS[0].understood == Meaning("turn on the kitchen light", "SetLight", slots)
    wrong = replace(ANSWERS[0], understood=Meaning("turn on the kitchen light", "Other", slots))
    assert (ANSWERS[0].same_meaning, wrong.same_meaning) == (True, False)


def test_the_client_refuses_nothing() -> None:
    items = [Transcription("a", "anna", one.transcript, one.text, 1.0, False) for one in ANSWERS]
    found = measure(client_answers(items, TEMPLATES.meaning))
    assert found.refused.value is None and found.accepted_wrong.value is None
    assert found.understanding.value == pytest.approx(3 / 5)


def both(noisy: bool = True) -> tuple[list[Transcription], list[Answer]]:
    said = [Condition(), *([Condition("kitchen", 12), Condition("kitchen", 6)] if noisy else [])]
    items = [
        Transcription(f"{number}", one.speaker, one.transcript, one.transcript, 1.0, False, condition)
        for condition in said
        for number, one in enumerate(ANSWERS)
    ]
    runtime = [replace(one, condition=condition) for condition in said for one in ANSWERS]
    return items, [*client_answers(items, TEMPLATES.meaning), *runtime]


def test_both_ways_stand_beside_each_other_in_every_condition(tmp_path: Path) -> None:
    items, answers = both()
    (evaluation,) = evaluate(items, answers=answers)
    assert list(evaluation.ways) == ["clean", "kitchen 12 dB", "kitchen 6 dB", ALL_NOISE]
    for ways in evaluation.ways.values():
        assert list(ways) == [CLIENT, RUNTIME]
        assert (ways[CLIENT].understanding.value, ways[RUNTIME].understanding.value) == (1.0, pytest.approx(3 / 5))
    assert evaluation.ways[ALL_NOISE][RUNTIME].utterances == 12
    interval = evaluation.ways["clean"][RUNTIME].understanding.interval
    assert interval is not None and interval[0] < 3 / 5 < interval[1]
    # What was measured before stays as it was.
    (alone,) = evaluate(items)
    assert alone.ways == {} and replace(evaluation, ways={}) == alone
    console = Console(file=io.StringIO(), width=80)
    console.print(summary([evaluation]))
    shown = console.file.getvalue().replace("\N{NO-BREAK SPACE}", " ")  # type: ignore[attr-defined]
    page = write_report(tmp_path, Report("lamp", [evaluation])).read_text().replace("\N{NO-BREAK SPACE}", " ")
    for text in (shown, page):
        assert "runtime" in text and text.count("60.0") >= 3
    assert "…" not in shown


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("device")
    (folder / NETWORK).write_bytes(network_file(small_network(1), Alphabet()).to_bytes())
    (folder / GRAMMAR).write_bytes(compile_grammar(TEMPLATES, Alphabet()).to_bytes())
    return folder


def test_answers_are_those_of_one_recogniser(tmp_path: Path, device: Path) -> None:
    generator = np.random.default_rng(2)
    utterances = []
    for number in range(3):
        clip = tmp_path / f"{number}.wav"
        audio.write_wav(clip, generator.integers(-9000, 9000, 24000 + 4000 * number).astype(np.int16))
        utterances.append(Utterance(clip.name, clip, "lights out", "anna", 1.5))
    noise = Noise("white")
    chosen = conditions(noise, (6,), raw=True)
    found = answer(device, utterances, chosen, noise, TEMPLATES.meaning, workers=2)
    recogniser = Recogniser.open(device)
    expected = [
        recogniser.recognise(samples_of(utterance, condition, noise)).text
        for condition in chosen
        for utterance in utterances
        if not condition.raw  # none has a source
    ]
    assert [one.text for one in found] == expected and len(expected) == 6
    assert [one.condition.name for one in found] == ["clean"] * 3 + ["white 6 dB"] * 3
    assert all(TEMPLATES.accepts(one.text) for one in found)
    with pytest.raises(OSError, match=NETWORK):
        answer(tmp_path, utterances, chosen, noise, TEMPLATES.meaning)


def test_the_client_alone_is_evaluated_where_the_runtime_has_no_grammar(
    tmp_path: Path, device: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "list.txt").write_text("lights out\n")
    make_workspace(tmp_path / "ws", tmp_path / "list.txt")
    ws = open_workspace(tmp_path / "ws")
    items, _ = both()
    assert answers_of_both(ws, items, [], [], None, TEMPLATES.meaning) == []
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "client alone" in told and GRAMMAR in told
    ws.device.mkdir(parents=True)
    for name in (GRAMMAR, NETWORK):
        (ws.device / name).write_bytes((device / name).read_bytes()[:-100])
    assert answers_of_both(ws, items, [], [], None, TEMPLATES.meaning) == []
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "client alone" in told and "no network" in told
