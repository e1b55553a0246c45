"""The pretrained weights tell a wrong transcript from its sound, and let the right ones pass."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from asr.core import audio
from asr.runtime.network import NetworkFile
from datasets import likelihood
from datasets.espeak import espeak
from datasets.likelihood import Said, unlikely

pytest.importorskip("espeakng_loader", reason="the synthetic voices' package is not installed: run `make setup`")

SENTENCES = ("turn on the kitchen light", "close all the windows", "play some quiet music", "what time is it now")


@pytest.fixture(scope="module")
def network() -> NetworkFile:
    from asr.ctc import weights
    from export.device import network_file
    from export.weights import read_layers

    path = weights.find("english")
    assert path is not None
    graph = read_layers(path)
    return network_file(graph.layers, graph.metadata.alphabet)


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> list[Said]:
    folder = tmp_path_factory.mktemp("spoken")
    said = []
    for number, text in enumerate(SENTENCES):
        samples, rate = espeak().speak(text, "en-us", 150, 50, 50)
        path = folder / f"{number}.wav"
        audio.write_wav(path, audio.resample(audio.to_float(samples), rate, audio.SAMPLE_RATE))
        said.append(Said(path, text))
    return said


def test_a_wrong_transcript_is_told_with_the_likelier_one(
    network: NetworkFile, spoken: list[Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(likelihood, "_CHUNK", 100)
    cache = tmp_path / "transcripts.json"
    rows = [
        *spoken,
        Said(spoken[0].path, SENTENCES[1]),
        Said(spoken[1].path, " ".join(SENTENCES * 3)),
        Said(spoken[2].path, "he was reading about old elephants"),
        Said(tmp_path / "gone.wav", SENTENCES[2]),
    ]
    wrong, long, strange = told = unlikely(rows, network, cache)
    assert [(one.severity, one.file) for one in (wrong, long)] == [
        ("error", str(spoken[0].path)), ("error", str(spoken[1].path))
    ]  # fmt: skip
    assert f"{SENTENCES[1]!r} is unlikely" in wrong.what and wrong.what.endswith(f"more like {SENTENCES[0]!r}")
    assert long.what.endswith(f"more like {SENTENCES[1]!r}")
    assert strange.file == str(spoken[2].path) and "elephants' is unlikely" in strange.what
    before = cache.read_text()

    def fail(*_: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(likelihood.audio, "load", fail)
    assert unlikely(rows, network, cache) == told and cache.read_text() == before
    for damage in ("{", "[]", '{"a": 1}', json.dumps({"a": {"heard": ""}})):
        cache.write_text(damage)
        with pytest.raises(AssertionError, match="read again"):
            unlikely(spoken[:1], network, cache)
