"""The weights that come with the project: whole, known by name, and of use to the real client."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rapidfuzz.distance import Levenshtein

from asr.client.libdeepspeech import Model
from asr.core import audio
from asr.core.alphabet import Alphabet
from asr.core.errors import ModelError, SetupError
from asr.ctc import weights
from asr.ctc.network import network_of
from asr.settings.asr_toml import read
from asr.settings.presets import PRESETS, combine
from asr.settings.template import render
from asr.settings.values import with_values
from asr.settings.workspace import Workspace
from datasets.speech import draw_speakers, speak
from export.weights import read_layers
from lm.general import general_sentences
from lm.sentences import Templates
from tools.commands.steps.new_workspace import make_workspace
from tools.commands.steps.pretrained import start_weights
from tools.commands.verbs import open_workspace

ROOT = Path(weights.__file__).parents[3]
EXAMPLE = ROOT / "examples" / "english"


def test_they_are_what_a_new_workspace_asks_for() -> None:
    assert weights.names() == ("english",)
    assert weights.find("") is None and weights.find("../weights/english") is None
    path = weights.find("english")
    assert path is not None and path.is_file()
    graph = read_layers(path)
    assert graph.metadata.alphabet == Alphabet()
    settings = read(EXAMPLE / "asr.toml").settings()
    made_as = settings.train
    # They must be evaluated in other kinds of noise than they were trained in.
    assert weights.noise_heard("english") == settings.augment.noise_kinds and weights.noise_heard("") == ()
    for preset in PRESETS:
        train = combine({}, preset).train
        assert train.start_from in ("", "english")
        if train.start_from:
            assert network_of(graph.layers) == (train.network, train.n_hidden) == (made_as.network, made_as.n_hidden)


def test_a_workspace_starts_from_them_by_name(tmp_path: Path) -> None:
    make_workspace(tmp_path / "lamp")
    start, parent = start_weights(open_workspace(tmp_path / "lamp"))
    assert parent == "english" and start.normalises
    # Whose own file or run is called so must name its path.
    toml = tmp_path / "lamp" / "asr.toml"
    toml.write_text(render(with_values(read(toml).settings(), train={"start_from": "./english.pbmm"})))
    complaint = r'asr\.toml:\d+: train\.start_from = "\./english\.pbmm": no such model\. Did you mean .english'
    with pytest.raises(ModelError, match=complaint):
        start_weights(Workspace.open(tmp_path / "lamp"))


def test_a_mistyped_name_is_told_what_there_is(tmp_path: Path) -> None:
    make_workspace(tmp_path / "lamp")
    toml = tmp_path / "lamp" / "asr.toml"
    toml.write_text(render(with_values(read(toml).settings(), train={"start_from": "englisch"})))
    complaint = r"asr\.toml:\d+: train\.start_from = .* no run matches 'englisch'\. Did you mean 'english'\?$"
    with pytest.raises(ModelError, match=complaint):
        start_weights(Workspace.open(tmp_path / "lamp"))


def test_the_client_hears_new_sentences_with_them() -> None:
    """Without a scorer, from voices at speeds and pitches drawn anew: most letters are right."""
    pytest.importorskip("espeakng_loader", reason="the synthetic voices' package is not installed: run `make setup`")
    settings = with_values(read(EXAMPLE / "asr.toml").settings(), voices={"seed": 99, "flite_share": 0.0})
    path = weights.find("english")
    assert path is not None
    try:
        model = Model(path)
    except SetupError as error:
        pytest.skip(str(error))
    lines = Templates.read(general_sentences("en"), Alphabet()).sample(24, np.random.default_rng(99))
    speakers = draw_speakers(settings.voices, "en", len(lines))
    wrong = 0
    for text, speaker in zip(lines, speakers, strict=True):
        wrong += Levenshtein.distance(text, model.stt(audio.to_int16(speak(text, speaker))))
    model.close()
    assert wrong / sum(map(len, lines)) < 0.25
