"""Reading a .tflite file for the runner, and the C tables: what is refused, and what the two files say."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asr.core.errors import ModelError
from asr.keyword.detect import Rule
from export.c_source import c_source
from export.tflite_network import read_network
from tests import int8_networks

WORDS = ["silence", "unknown", "yes", "no"]
RULE = Rule((256, 256, 128, 128))


@pytest.fixture(scope="module")
def tiny_conv() -> bytes:
    return int8_networks.int8_network("tiny_conv")


# ------------------------------------------------------------------------------------------------ reading


def test_it_reads_what_the_interpreter_knows() -> None:
    from ai_edge_litert.interpreter import Interpreter

    tflite = int8_networks.int8_network("separable")
    network = read_network(tflite)
    interpreter = Interpreter(model_content=tflite)
    interpreter.allocate_tensors()
    details: list[dict[str, Any]] = interpreter.get_tensor_details()
    operations = [
        operation for operation in interpreter._get_ops_details()
        if operation["op_name"] not in ("RESHAPE", "DELEGATE")
    ]  # fmt: skip
    assert len(operations) == len(network.layers)
    for operation, layer in zip(operations, network.layers, strict=True):
        source, target = (details[operation[side][0]] for side in ("inputs", "outputs"))
        assert np.prod(layer.input) == np.prod(source["shape"])
        assert np.prod(layer.output) == np.prod(target["shape"])
        if layer.weights.size:
            assert (layer.input_zero_point, layer.output_zero_point) == (
                source["quantization"][1], target["quantization"][1]
            )  # fmt: skip
            weights = interpreter.get_tensor(operation["inputs"][1])
            assert np.array_equal(layer.weights.ravel(), weights.ravel())
            scales = details[operation["inputs"][1]]["quantization_parameters"]["scales"].astype(float)
            real = source["quantization"][0] * scales / target["quantization"][0]
            mine = layer.multipliers / 2.0**31 * 2.0**layer.shifts
            assert mine == pytest.approx(np.broadcast_to(real, mine.shape), rel=1e-7)
    assert network.input_scale == interpreter.get_input_details()[0]["quantization"][0]


def test_damaged_files_end_in_a_refusal(tiny_conv: bytes) -> None:
    rng = np.random.default_rng(3)
    refused = 0
    for length in [*range(0, 200, 7), *rng.integers(0, len(tiny_conv), 100).tolist()]:
        with pytest.raises(ModelError):
            read_network(tiny_conv[:length])
    for _ in range(1500):
        damaged = bytearray(tiny_conv)
        for place in rng.integers(0, len(damaged), rng.integers(1, 6)):
            damaged[place] = rng.integers(256)
        # Most bytes are weights, and a changed weight is no damage.
        if rng.integers(2):
            damaged[int(rng.integers(0, 400))] = int(rng.integers(256))
        try:
            network = read_network(bytes(damaged))
        except ModelError:
            refused += 1
        else:
            assert 0 < network.arena_bytes < 1 << 26
    assert refused > 50


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model.tflite: not a .tflite file"):
        read_network(b"RIFF....WAVEfmt ", tmp_path / "model.tflite")


def converted(*layers: Any, integer: bool = True, batch: int | None = 1) -> bytes:
    """Return a network of these layers on 6 x 4 inputs as .tflite bytes."""
    import keras
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Sequential([
        keras.Input((6, 4, 1), batch_size=batch), *layers
    ]))  # fmt: skip
    if integer:
        rng = np.random.default_rng(0)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: (
            [rng.normal(size=(1, 6, 4, 1)).astype(np.float32)] for _ in range(5)
        )
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    content = converter.convert()
    assert isinstance(content, bytes)
    return content


def test_what_the_runner_has_not_is_refused_by_name() -> None:
    from keras import layers

    cases = [
        (converted(layers.Flatten(), layers.Dense(2), integer=False), "is float32, not int8"),
        (converted(layers.Conv2D(2, 2, dilation_rate=2)), r"dilation of 2 x 2|operation \w+ is not supported"),
        (converted(layers.Dense(2), layers.Activation("tanh")), r"operation (TANH|MUL) is not supported"),
        (converted(layers.Conv2D(2, 1), layers.DepthwiseConv2D(3, depth_multiplier=2)), "4 kernels for 2 channels"),
        (converted(layers.Reshape((4, 6)), layers.Flatten(), batch=None), "operation SHAPE.*fixed batch size of 1"),
    ]
    for tflite, message in cases:
        with pytest.raises(ModelError, match=message):
            read_network(tflite)


# ------------------------------------------------------------------------------------------------ the tables


def test_both_files_carry_the_same_fingerprint(tiny_conv: bytes) -> None:
    source, header = c_source(tiny_conv, WORDS, RULE)
    marks = re.findall(r"FINGERPRINT (?:!= )?(0x[0-9a-f]{8})", source + header)
    assert len(marks) == 2 and len(set(marks)) == 1
    other = bytearray(tiny_conv)
    other[-1] ^= 1
    changed = [
        c_source(tiny_conv, ["silence", "unknown", "yes", "on"], RULE)[1],
        c_source(tiny_conv, WORDS, replace(RULE, window=4))[1],
        c_source(tiny_conv, WORDS, replace(RULE, thresholds=(256, 256, 128, 129)))[1],
    ]
    assert all(marks[0] not in text for text in changed)


def test_words_and_settings_that_do_not_fit_are_refused(tiny_conv: bytes) -> None:
    with pytest.raises(ModelError, match="3 words for a model with 4 outputs"):
        c_source(tiny_conv, WORDS[:3], RULE)
    with pytest.raises(ModelError, match="given twice"):
        c_source(tiny_conv, ["silence", "unknown", "yes", "yes"], RULE)
    from keras import layers

    with pytest.raises(ModelError, match="takes 24 values, but 49 slices of 40 are 1960"):
        c_source(converted(layers.Flatten(), layers.Dense(4)), WORDS, RULE)
    with pytest.raises(ModelError, match="thresholds"):
        c_source(tiny_conv, WORDS, Rule((1, 2, 3, 257)))


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc")
def test_words_of_any_script_survive_the_compiler(tiny_conv: bytes, tmp_path: Path) -> None:
    words = ["silence", 'say "hi"', "grüße 1", "back\\slash??/*"]
    source, header = c_source(tiny_conv, words, RULE)
    names = re.findall(r"keyword_model_words\[KEYWORD_MODEL_CLASSES\] = \{.*\};", source)
    (tmp_path / "words.c").write_text(
        f"#include <stdio.h>\n#define KEYWORD_MODEL_CLASSES 4\nconst char *const {names[0]}\n"
        'int main(void) { for (int i = 0; i < 4; i++) printf("%s\\n", keyword_model_words[i]); return 0; }\n'
    )
    program = tmp_path / "words"
    subprocess.run(["gcc", "-std=c99", "-trigraphs", tmp_path / "words.c", "-o", program], check=True)
    assert subprocess.run([program], capture_output=True, text=True, check=True).stdout.splitlines() == words
    assert "/*" not in header[4:].split("*/", 1)[0]
