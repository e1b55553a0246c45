"""Synthetic voices for single words: who says what, and that nobody is judged by them."""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path

import numpy as np

from asr.core import audio
from asr.settings.values import with_values
from asr.settings.workspace import Workspace
from datasets.keyword_voices import keyword_prompts, near_miss
from tests.keyword_words import make_workspace
from tools.commands.steps.inputs import sample_sentences
from tools.commands.steps.keyword import find_recordings


def workspace(root: Path, **voices: object) -> Workspace:
    ws = make_workspace(root, synthetic_speakers=5)
    return dataclasses.replace(ws, settings=with_values(ws.settings, voices={"use": "mix", **voices}))


def test_every_speaker_says_every_word_and_other_things(tmp_path: Path) -> None:
    ws = workspace(tmp_path / "ws")
    (ws.root / "sentences.txt").write_text("up\nturn it (up|down) please\nquiet please\n")
    lines = keyword_prompts(ws, partial(sample_sentences, ws))
    for word in ("up", "down"):
        assert len({line.speaker.name for said, line in lines if said == word}) == 5
        assert {line.transcript for said, line in lines if said == word} == {word}
    others = [line.transcript for said, line in lines if not said]
    # No speaker says the same twice for one word.
    assert 20 <= len(others) <= 30
    # A sentence that holds a word is no example of what holds none.
    assert "quiet please" in others
    assert not any({"up", "down"} & set(text.split()) for text in others)
    assert lines == keyword_prompts(ws, partial(sample_sentences, ws))


def test_no_sentences_are_needed(tmp_path: Path) -> None:
    ws = workspace(tmp_path / "ws")
    for content in (None, "broken (\n"):
        (ws.root / "sentences.txt").unlink(missing_ok=True)
        if content is not None:
            (ws.root / "sentences.txt").write_text(content)
        others = [line.transcript for said, line in keyword_prompts(ws, partial(sample_sentences, ws)) if not said]
        assert len(others) == 30 and len(set(others)) > 15


def test_nobody_is_judged_by_them(tmp_path: Path) -> None:
    ws = workspace(tmp_path / "ws")
    found = find_recordings(ws)
    synthetic = [utterance for utterance in found.utterances if utterance.synthetic]
    assert len(synthetic) > 20
    assert {utterance.split for utterance in synthetic} == {"train"}
    assert all(audio.load(utterance.name).any() for utterance in synthetic)
    assert any(f"train has {len(synthetic)} synthetic recordings" in remark for remark in found.remarks)
    assert find_recordings(ws) == found


def test_voices_that_are_not_wanted_say_nothing(tmp_path: Path) -> None:
    ws = workspace(tmp_path / "ws", use="never")
    assert keyword_prompts(ws, partial(sample_sentences, ws)) == []
    assert not any(utterance.synthetic for utterance in find_recordings(ws).utterances)


def test_a_near_miss_shares_a_part_with_the_word() -> None:
    rng = np.random.default_rng(1)
    made = [near_miss("smart mirror", rng) for _ in range(100)]
    assert len(set(made)) > 90
    assert all(text.isalpha() and "smartmirror" not in text for text in made)
    assert all(text.startswith("sma") or text.endswith("ror") or "sma" in text or "ror" in text for text in made)
