"""Evidence about an answer, and the verifier's file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from rapidfuzz.distance import Levenshtein

from asr.runtime.alignment import align
from asr.runtime.confidence import NAMES, Verifier, VerifierError, distance, evidence, greedy
from asr.runtime.recogniser import GRAMMAR, NETWORK, VERIFIER, DeviceError, Recogniser, checksums
from tests.asr.runtime.tone_device import tone_device, write_device

LABELS = tuple(" abcdefghijklmnopqrstuvwxyz'")


def written(text: str, certain: float = 0.95) -> np.ndarray:
    """Return log-probabilities of a network that writes a text, each letter for two frames with a blank after it."""
    frames = []
    for letter in text:
        for label in (LABELS.index(letter), LABELS.index(letter), len(LABELS)):
            row = np.full(len(LABELS) + 1, (1 - certain) / len(LABELS))
            row[label] = certain
            frames.append(row)
    return np.log(np.array(frames)).astype(np.float32)


def found(heard: str, answer: str) -> dict[str, float]:
    frames = written(heard)
    spans = align(frames, answer.split(), LABELS)
    lost = sum(span.lost for span in spans)
    return dict(zip(NAMES, evidence(frames, LABELS, spans, lost, 5.0), strict=True))


def test_distance_is_that_of_an_independent_library() -> None:
    rng = np.random.default_rng(3)
    for _ in range(300):
        one, other = ("".join(rng.choice(list("abc "), rng.integers(0, 9))) for _ in range(2))
        assert distance(one, other) == Levenshtein.distance(one, other)


def test_greedy_text_has_neither_repeats_nor_blanks() -> None:
    letter, blank = LABELS.index("l"), len(LABELS)
    assert greedy(np.array([blank, letter, blank, letter, letter, LABELS.index("a")]), LABELS) == "lla"


def test_a_sentence_that_the_network_writes_has_nothing_against_it() -> None:
    values = found("turn on the light", "turn on the light")
    assert values["spelling"] == values["errors"] == values["worst_errors"] == 0
    assert values["free_path"] == pytest.approx(0, abs=1e-4)


def test_one_foreign_word_shows_in_the_worst_word_most() -> None:
    right, wrong = found("turn on the light", "turn on the light"), found("turn on the tiger", "turn on the light")
    # "tiger" for "light": all five letters, of fourteen.
    assert wrong["worst_errors"] == pytest.approx(np.log1p(Levenshtein.distance("tiger", "light")))
    assert wrong["spelling"] == pytest.approx(Levenshtein.distance("tiger", "light") / 14)
    assert wrong["worst_word"] > right["worst_word"] + 0.5


def test_a_verifier_is_read_as_it_was_written(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    made = Verifier(rng.normal(size=len(NAMES)), rng.uniform(1, 2, len(NAMES)), rng.normal(size=len(NAMES)), 0.3, 0.7)
    path = tmp_path / "verifier.json"
    path.write_text(made.to_text({"hours": 1}), encoding="utf-8")
    read = Verifier.read(path)
    value = rng.normal(size=len(NAMES))
    logit = 0.3 + ((value - made.mean) / made.scale) @ made.weights
    assert read.threshold == 0.7
    assert read.confidence(value) == pytest.approx(1 / (1 + np.exp(-logit)))


@pytest.mark.parametrize(
    "damage",
    [
        lambda record: record.update(version=99),
        lambda record: record["evidence"].pop("margin"),
        lambda record: record["evidence"]["margin"].update(scale=0),
        lambda record: record["evidence"]["margin"].update(weight=float("nan")),
        lambda record: record.pop("threshold"),
        lambda record: record.update(evidence=[1]),
    ],
)
def test_a_damaged_verifier_is_refused_in_one_line(tmp_path: Path, damage: object) -> None:
    ones = np.ones(len(NAMES))
    record = json.loads(Verifier(ones, ones, ones, 0.0, 0.5).to_text())
    damage(record)  # type: ignore[operator]
    path = tmp_path / "verifier.json"
    path.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(VerifierError) as told:
        Verifier.read(path)
    assert "\n" not in str(told.value)


def test_a_verifier_of_another_grammar_is_refused(tmp_path: Path) -> None:
    made = write_device(tmp_path / "device")
    ones = np.ones(len(NAMES))
    Recogniser.open(made)
    path = made / VERIFIER
    path.write_text(Verifier(ones, ones, ones, 0.0, 0.5, checksums(made)).to_text(), encoding="utf-8")
    assert Recogniser.open(made).verifier is not None
    grammar = made / GRAMMAR
    grammar.write_bytes(tone_device("bad").grammar.to_bytes())
    assert (made / NETWORK).is_file()
    with pytest.raises(DeviceError, match="another network or grammar"):
        Recogniser.open(made)
