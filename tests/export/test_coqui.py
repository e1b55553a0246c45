"""model.tflite against Keras's own layers, our features, and the real `stt` 1.4.0 beside the real client."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from asr.client.libdeepspeech import Model
from asr.core import audio, parts
from asr.core.alphabet import Alphabet
from asr.core.errors import SetupError
from asr.layers.sentence import Layer
from asr.runtime import features
from asr.settings.sections import Scorer
from export.coqui import tflite
from export.graph import graph_def
from lm.scorer import build
from tests.lm.tone_speech import network as tone_network
from tests.lm.tone_speech import say
from tests.small_networks import keras_probabilities, small_network

NETWORKS = {
    "dense layers": {},
    "a wide state": {"state": 40},
    "convolutions": {"convolutions": True},
    "convolutions over a wide window": {"convolutions": True, "context": 12},
}
STEPS = 16

# Hears WAV files with Coqui's client; Python 3.7.
HEAR = """
import json, sys, wave
import numpy as np, stt
model, scorer, *files = sys.argv[1:]
loaded = stt.Model(model)
if scorer:
    loaded.enableExternalScorer(scorer)
def hear(path):
    with wave.open(path) as file:
        return loaded.stt(np.frombuffer(file.readframes(file.getnframes()), np.int16))
print(json.dumps({"version": stt.version(), "rate": loaded.sampleRate(), "beam": loaded.beamWidth(),
                  "texts": [hear(path) for path in files]}))
"""


class Runner:
    """model.tflite in TensorFlow Lite's interpreter, driven as Coqui's client drives it: by the tensors' names."""

    def __init__(self, model: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        self._interpreter = Interpreter(model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
        self._interpreter.allocate_tensors()
        self.inputs = {one["name"]: one for one in self._interpreter.get_input_details()}
        self.outputs = {one["name"]: one for one in self._interpreter.get_output_details()}

    def run(self, **values: np.ndarray) -> dict[str, np.ndarray]:
        for name, details in self.inputs.items():
            value = values.get(name, np.zeros(details["shape"], np.float32))
            self._interpreter.set_tensor(details["index"], value)
        self._interpreter.invoke()
        return {
            name: self._interpreter.get_tensor(details["index"])
            for name, details in self.outputs.items()
            if details["dtype"] != np.bytes_
        }

    def text(self, name: str) -> bytes:
        self._interpreter.invoke()
        (value,) = self._interpreter.get_tensor(self.outputs[name]["index"])
        return bytes(value)

    def probabilities(self, windows: np.ndarray) -> np.ndarray:
        width = self.inputs["previous_state_c"]["shape"][1]
        state = {f"previous_state_{kind}": np.zeros((1, width), np.float32) for kind in "ch"}
        found = []
        for first in range(0, len(windows), STEPS):
            piece = windows[first : first + STEPS]
            batch = np.zeros(self.inputs["input_node"]["shape"], np.float32)
            batch[0, : len(piece)] = piece.reshape(len(piece), -1, 26)
            answers = self.run(input_node=batch, **state)
            found.append(answers["logits"][: len(piece)])
            state = {f"previous_state_{kind}": answers[f"new_state_{kind}"] for kind in "ch"}
        return np.concatenate(found)


@pytest.mark.parametrize("network", NETWORKS)
def test_the_model_is_the_trained_network(network: str) -> None:
    layers = small_network(3, sharpness=20.0, **NETWORKS[network])
    width = (2 * NETWORKS[network].get("context", 9) + 1) * 26
    windows = np.random.default_rng(70).normal(0, 1.5, (70, width)).astype(np.float32)
    found = Runner(tflite(layers, Alphabet())).probabilities(windows)
    expected = keras_probabilities(layers, windows)
    assert np.abs(found - expected).max() <= 1e-5
    # A difference that small means something only where probabilities are neither all equal nor all certain.
    assert 0.2 < np.median(expected.max(axis=1)) < 0.9999
    assert expected.std(axis=0).max() > 0.05


def test_the_model_says_what_it_is() -> None:
    alphabet = Alphabet(" abcäöüß'")
    layers = small_network(1)
    layers[-1] = type(layers[-1])("layer_6", layers[-1].kernel[:, :10], layers[-1].bias[:10], clip=None)
    runner = Runner(tflite(layers, alphabet, beam_width=77, language="de-DE"))
    told = runner.run()
    numbers = {"version": 6, "sample_rate": 16000, "feature_win_len": 32, "feature_win_step": 20, "beam_width": 77}
    assert {name: told[f"metadata_{name}"].tolist() for name in numbers} == {
        name: [value] for name, value in numbers.items()
    }
    assert runner.text("metadata_alphabet") == alphabet.serialised()
    assert runner.text("metadata_language") == b"de-DE"
    assert [list(runner.inputs[name]["shape"]) for name in ("input_node", "input_samples")] == [
        [1, 16, 19, 26],
        [512],
    ]


def test_the_features_are_ours() -> None:
    runner = Runner(tflite(small_network(1), Alphabet()))
    noise = np.random.default_rng(0).integers(-9000, 9000, (4, 512)).astype(np.int16)
    for window in noise:
        found = runner.run(input_samples=window.astype(np.float32) / 32768)["mfccs"]
        np.testing.assert_allclose(found, features.mfcc(window)[:1], rtol=0, atol=2e-4)


@pytest.fixture(scope="module")
def stt_python() -> Path:
    """The Python 3.7 that has stt 1.4.0."""
    python = parts.folder() / "reference" / "bin" / "python"
    for name in ("lib/libdeepspeech.so", "bin/lmplz", "bin/build_binary"):
        try:
            parts.part(name)
        except SetupError as error:
            pytest.skip(str(error))
    if not python.is_file():
        pytest.skip("no stt to ask; `make reference` installs it where a Python 3.7 is found")
    return python


def babble(seed: int) -> np.ndarray:
    """Return what a network of random weights makes letters of: noise that comes and goes, each of its length."""
    rng = np.random.default_rng(seed)
    count = 5000 + 4321 * seed
    swell = np.abs(np.sin(np.arange(count) / rng.uniform(500, 3000)))
    return np.round(rng.normal(0, 6000, count) * swell).clip(-32768, 32767).astype(np.int16)


@pytest.mark.parametrize(
    "network",
    ["tones", "dense layers", "a wide state", "convolutions", "convolutions over a wide window"],
)
def test_stt_writes_what_the_deepspeech_client_writes(network: str, stt_python: Path, tmp_path: Path) -> None:
    alphabet = Alphabet()
    texts = ("turn on the light", "turn of the lite", "light the off", "qzx")
    layers: list[Layer] = tone_network(alphabet) if network == "tones" else small_network(5, **NETWORKS[network])
    sounds = [say(text, alphabet) for text in texts] if network == "tones" else [babble(n) for n in range(6)]
    (tmp_path / "sentences.txt").write_text("turn (on|off) the light\n")
    scorer = build(tmp_path / "sentences.txt", alphabet, tmp_path, Scorer(), limit=100, seed=1).scorer
    (tmp_path / "model.tflite").write_bytes(tflite(layers, alphabet, beam_width=321))
    (tmp_path / "model.pb").write_bytes(graph_def(layers, alphabet, beam_width=321))
    files = []
    for number, samples in enumerate(sounds):
        files.append(tmp_path / f"{number}.wav")
        audio.write_wav(files[-1], samples)
    for chosen in ("", str(scorer)):
        done = subprocess.run(
            [str(stt_python), "-c", HEAR, str(tmp_path / "model.tflite"), chosen, *map(str, files)],
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        answer = json.loads(done.stdout.splitlines()[-1])
        assert (answer["version"], answer["rate"], answer["beam"]) == ("1.4.0", 16000, 321)
        with Model(tmp_path / "model.pb") as model:
            if chosen:
                model.enable_scorer(Path(chosen))
            expected = [model.stt(samples) for samples in sounds]
        assert answer["texts"] == expected
        # Nothing would be shown by two clients that are silent alike; the scorer makes one word of any babble.
        if network == "tones" or not chosen:
            assert len(set(expected)) > 2 and any(len(text) > 3 for text in expected)
    if network == "tones":
        assert expected[0].strip() == expected[1].replace("off", "on").strip() == texts[0]
