"""The real client's library: what it hears is what the NumPy features and Keras's network say it should."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asr.client.scorer_file import check_scorer
from asr.core.alphabet import Alphabet
from asr.core.errors import ModelError, ScorerError, SetupError
from asr.core.third_party import part
from asr.layers.sentence import Dense
from asr.runtime import features
from export.graph import graph_def, write_pb
from export.pbmm import write_pbmm
from tests.small_networks import LABELS, keras_probabilities, small_network

try:
    part("lib/libdeepspeech.so")
except SetupError as error:
    pytest.skip(str(error), allow_module_level=True)
from asr.client.libdeepspeech import Model, version


def sound(samples: int, seed: int = 5) -> np.ndarray:
    generator = np.random.default_rng(seed)
    time = np.arange(samples) / 16000
    tones = np.sin(2 * np.pi * 300 * time * (1 + 0.3 * np.sin(5 * time))) * 8000
    return (tones + generator.normal(0, 800, samples)).astype(np.int16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def babbler(folder: Path) -> Path:
    """A model that writes gibberish."""
    path = folder / "babbler.pbmm"
    write_pbmm(graph_def(small_network(11), Alphabet()), path)
    return path


def shy_network(seed: int, **form: Any) -> list:
    """Return a network whose blank outweighs all labels together, by a margin that varies."""
    layers = small_network(seed, **form)
    last = layers[-1]
    bias = np.zeros_like(last.bias)
    bias[LABELS - 1 :: LABELS] = 9.0
    return [*layers[:-1], Dense(last.name, last.kernel / 6, bias, clip=None)]


@pytest.mark.parametrize("length", [0, 100, 511, 512, 831, 832, 833, 16000, 40001])
@pytest.mark.parametrize("form", [{}, {"context": 13}, {"context": 2}, {"convolutions": True}])
def test_client_hears_the_numpy_features(length, form, tmp_path) -> None:
    """The empty transcript has one path, all blanks: its confidence is the sum of their log probabilities."""
    layers = shy_network(21, **form)
    path = tmp_path / "shy.pb"
    write_pb(graph_def(layers, Alphabet()), path)
    samples = sound(length)
    frames = features.context_windows(features.mfcc(samples), form.get("context", 9))
    probabilities = keras_probabilities(layers, frames)
    blanks = np.log(probabilities[:, LABELS - 1].astype(np.float64))
    assert length < 16000 or blanks.std() > 0.01 * abs(blanks.mean()), "its blanks should tell frames apart"
    with Model(path) as model:
        candidates = model.stt_with_metadata(samples, 20)
    (empty,) = (candidate for candidate in candidates if candidate.text == "")
    assert empty.confidence == pytest.approx(blanks.sum(), rel=1e-4)


def test_stream_and_whole_give_the_same(babbler) -> None:
    samples = sound(30000)
    with Model(babbler) as model:
        whole = model.stt_with_metadata(samples, 3)
        assert whole[0].text == model.stt(samples)
        assert len(whole[0].text) > 3
        assert len(whole) == 3
        assert whole[0].confidence >= whole[1].confidence >= whole[2].confidence
        times = [token.start_time for token in whole[0].tokens]
        assert times == sorted(times)
        assert whole[0].tokens[-1].start_time == pytest.approx(whole[0].tokens[-1].timestep * 0.02)
        for piece in (1, 333, 512, 30000):
            stream = model.create_stream()
            for first in range(0, 3000 if piece == 1 else len(samples), piece):
                stream.feed(samples[first : first + piece])
            if piece == 1:
                stream.feed(samples[3000:])
            assert stream.finish_with_metadata(3) == whole
        stream = model.create_stream()
        stream.feed(samples)
        assert whole[0].text.startswith(stream.decode()[:2])
        assert stream.finish() == whole[0].text
        with pytest.raises(ValueError, match="ended"):
            stream.finish()


def test_settings(babbler) -> None:
    with Model(babbler) as model:
        assert (model.sample_rate, model.beam_width) == (16000, 500)
        model.beam_width = 7
        assert model.beam_width == 7
        with pytest.raises(ModelError, match="beam width"):
            model.beam_width = 0
        with pytest.raises(ModelError, match="0x2004"):
            model.set_scorer_alpha_beta(1.0, 1.0)
        with pytest.raises(ModelError, match="0x2004"):
            model.add_hot_word("light", 2.0)
    assert version() == "0.9.3"


def test_closed_models_are_refused_and_their_streams_end(babbler) -> None:
    model = Model(babbler)
    stream = model.create_stream()
    model.close()
    with pytest.raises(ValueError, match="closed"):
        model.stt(sound(1000))
    with pytest.raises(ValueError, match="ended"):
        stream.feed(sound(1000))


@pytest.mark.parametrize("samples", [np.zeros(9, np.float32), np.zeros((9, 1), np.int16)])
def test_other_samples_are_refused(babbler, samples) -> None:
    with Model(babbler) as model, pytest.raises(ValueError, match="int16"):
        model.stt(samples)


def broken_session(path: Path) -> None:
    """Write a model that loads, and whose matrices do not fit when it runs."""
    graph = graph_def(small_network(11), Alphabet()).SerializeToString(deterministic=True)
    before, name, after = graph.rpartition(b"layer_5/weights")
    path.write_bytes(before + name.replace(b"5", b"3") + after)


def test_failed_session_is_an_error(folder, capfd) -> None:
    # The library itself calls this success and hands back an empty transcript.
    path = folder / "broken.pb"
    broken_session(path)
    with Model(path) as model:
        for hear in (model.stt, lambda samples: model.stt_with_metadata(samples, 1)):
            with pytest.raises(ModelError, match="Error running session"):
                hear(sound(16000))
        stream = model.create_stream()
        with pytest.raises(ModelError, match="Error running session"):
            stream.feed(sound(16000))
            stream.finish()
    assert capfd.readouterr().err == ""


def test_banner_is_kept_and_other_lines_are_not(babbler, capfd) -> None:
    done = threading.Event()

    def chatter() -> None:
        while not done.wait(0.002):
            os.write(2, b"another thread\n")

    thread = threading.Thread(target=chatter)
    thread.start()
    with Model(babbler) as model:
        model.stt(sound(30000))
    done.set()
    thread.join()
    heard = capfd.readouterr().err
    assert set(heard.replace("another thread", "").split()) == set()
    assert "another thread" in heard


def test_works_without_standard_error(babbler) -> None:
    code = (
        "import os, sys, numpy as np\n"
        "from asr.client.libdeepspeech import Model\n"
        "os.close(2)\n"
        f"print(Model({str(babbler)!r}).stt(np.zeros(16000, np.int16)) is not None)"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, "True")


@pytest.mark.parametrize("name", ["missing.pbmm", "empty.pb", "text.pb", "text.pbmm"])
def test_files_that_are_no_models(name, folder) -> None:
    path = folder / name
    if not name.startswith("missing"):
        path.write_text("" if name.startswith("empty") else "hello " * 100)
    with pytest.raises(ModelError, match=name):
        Model(path)


KENLM = b"mmap lm http://kheafield.com/code format version 5\n\0"


@pytest.mark.parametrize("content", [None, b"", b"hello " * 100, KENLM])
def test_files_that_are_no_scorers(content, babbler, tmp_path) -> None:
    path = tmp_path / "kenlm.scorer"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ScorerError, match=r"kenlm\.scorer"):
        check_scorer(path)
    with Model(babbler) as model, pytest.raises(ScorerError, match=r"kenlm\.scorer"):
        model.enable_scorer(path)
