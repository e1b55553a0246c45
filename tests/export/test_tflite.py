"""Keyword networks out: int8 from end to end, the operators of micro_speech, and the same answers everywhere."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from ai_edge_litert import schema_py_generated as schema

from asr.core.errors import ModelError
from asr.core.stderr import load_tensorflow
from asr.keyword import network
from asr.layers.keyword import Dense, Depthwise, Layer
from asr.settings.keyword import Keyword
from export import tflite
from export.c_array import micro_speech_source, words_fingerprint
from tests.keyword_reference import forward

load_tensorflow()

SCALE = 26 / 256
WORDS = ("silence", "unknown", "yes", "no")


def small(name: str = "separable") -> list[Layer]:
    return network.as_layers(network.build(name, 40, 4, width=16, seed=4), 0.125)


@pytest.fixture(scope="module")
def rows() -> npt.NDArray[np.int8]:
    rng = np.random.default_rng(1)
    return np.clip(rng.normal(-20, 50, (40, 1960)), -128, 127).astype(np.int8)


@pytest.fixture(scope="module", params=["separable", "tiny_conv"])
def model(request: pytest.FixtureRequest, rows: npt.NDArray[np.int8]) -> tuple[list[Layer], bytes]:
    layers = small(request.param)
    return layers, tflite.int8_model(layers, rows, SCALE)


def test_only_micro_speechs_operators_are_used(model: tuple[list[Layer], bytes]) -> None:
    # tensorflow/lite/micro/examples/micro_speech registers these four.
    assert set(tflite.ops(model[1])) <= {"RESHAPE", "FULLY_CONNECTED", "DEPTHWISE_CONV_2D", "SOFTMAX"}


def test_input_and_output_are_int8_of_micro_speechs_scales(model: tuple[list[Layer], bytes]) -> None:
    interpreter = tflite._interpreter(model[1])
    given, got = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    assert given["dtype"] == got["dtype"] == np.int8
    assert given["shape"].tolist() == [1, 1960] and got["shape"].tolist() == [1, 4]
    assert given["quantization"] == (pytest.approx(SCALE), -128)
    assert got["quantization"] == (1 / 256, -128)


def test_dense_layers_have_one_scale_and_filters_one_for_each_channel(model: tuple[list[Layer], bytes]) -> None:
    interpreter = tflite._interpreter(model[1])
    tensors = {item["index"]: item for item in interpreter.get_tensor_details()}
    counted = 0
    for operator in interpreter._get_ops_details():
        if operator["op_name"] in ("FULLY_CONNECTED", "DEPTHWISE_CONV_2D"):
            weights = tensors[operator["inputs"][1]]
            scales = len(weights["quantization_parameters"]["scales"])
            assert scales == (1 if operator["op_name"] == "FULLY_CONNECTED" else weights["shape"][3])
            counted += 1
    assert counted >= 2


def test_fewer_bytes_say_the_same(rows: npt.NDArray[np.int8]) -> None:
    whole = tflite.float_model(small(), 1960)
    compact = tflite._compact(whole)
    features = (rows.astype(np.float32) + 128) * np.float32(SCALE)
    assert len(compact) < len(whole) - 500
    assert np.array_equal(tflite.predict(compact, features), tflite.predict(whole, features))
    assert not any(item["name"] for item in tflite._interpreter(compact).get_tensor_details())


def test_the_default_network_of_six_words_is_below_20_000_bytes_and_aligned(rows: npt.NDArray[np.int8]) -> None:
    rng = np.random.default_rng(2)
    layers = network.as_layers(network.build("separable", 40, 8, width=Keyword().width, seed=4), 0.125)
    # A new network's biases are all 0, and equal vectors are written once: a trained one takes more bytes.
    drawn = [
        replace(layer, bias=rng.normal(0, 0.1, layer.bias.shape).astype(np.float32))
        if isinstance(layer, Dense | Depthwise)
        else layer
        for layer in layers
    ]
    data = tflite.int8_model(drawn, rows, SCALE)
    assert len(data) < 20_000
    model = schema.Model.GetRootAs(data, 0)
    whole = np.frombuffer(data, np.uint8)
    starts = set()
    for index in range(model.BuffersLength()):
        if not model.Buffers(index).DataIsNone():
            starts.add(model.Buffers(index).DataAsNumpy().ctypes.data - whole.ctypes.data)
    # The schema's force_align; kernels with vector instructions count on it.
    assert len(starts) > 15 and not any(start % 16 for start in starts)


def test_int8_says_what_float_says(model: tuple[list[Layer], bytes], rows: npt.NDArray[np.int8]) -> None:
    layers, data = model
    logits = forward(layers, (rows.astype(np.float32) + 128) * np.float32(SCALE))
    exact = np.exp(logits - logits.max(axis=1, keepdims=True))
    exact /= exact.sum(axis=1, keepdims=True)
    found = (tflite.predict(data, rows).astype(np.float32) + 128) / 256
    assert np.abs(found - exact).max() < 0.1


def test_graph_and_float_model_say_what_the_layers_say(rows: npt.NDArray[np.int8]) -> None:
    import tensorflow as tf

    layers = small()
    features = (rows[:5].astype(np.float32) + 128) * np.float32(SCALE)
    logits = forward(layers, features)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert np.allclose(tflite.predict(tflite.float_model(layers, 1960), features), expected, atol=1e-5)
    definition = tf.compat.v1.GraphDef()
    definition.ParseFromString(tflite.frozen_graph(layers, 1960))
    assert not [node.name for node in definition.node if "Variable" in node.op]
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(definition, name="")
    with tf.compat.v1.Session(graph=graph) as session:
        got = [session.run("Identity:0", {"features:0": row[np.newaxis]})[0] for row in features]
    assert np.allclose(got, expected, atol=1e-5)


def test_a_model_of_other_operators_or_scales_is_refused(rows: npt.NDArray[np.int8]) -> None:
    layers = small()
    with pytest.raises(ModelError, match="not int8"):
        tflite.check(tflite.float_model(layers, 1960), SCALE)
    with pytest.raises(ModelError, match="scale"):
        tflite.check(tflite.int8_model(layers, rows, SCALE), SCALE * 2)


# ------------------------------------------------------------------------------------------------ model.cc


def compile_with(folder: Path, main: str) -> subprocess.CompletedProcess[str]:
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    (folder / "main.cc").write_text(main)
    command = [compiler, "-std=c++11", "-Wall", "-Wextra", "-Werror", "-o", "main", "main.cc", "model.cc"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def write(folder: Path, data: bytes, words: tuple[str, ...]) -> None:
    source, header = micro_speech_source(data, words)
    (folder / "model.cc").write_text(source)
    (folder / "model.h").write_text(header)


def test_model_cc_holds_the_bytes_and_the_words(tmp_path: Path) -> None:
    words = ("silence", "unknown", 'say "hi"', "größe", "c:\\")
    data = np.random.default_rng(1).integers(0, 256, 1001).astype(np.uint8).tobytes()
    write(tmp_path, data, words)
    done = compile_with(
        tmp_path,
        '#include "model.h"\n#include <cstdio>\n#include <cstdint>\nint main() {\n'
        "  if (reinterpret_cast<std::uintptr_t>(g_model) % 16) return 1;\n"
        '  std::fwrite(g_model, 1, g_model_len, stdout);\n  for (int i = 0; i < kModelWords; i++) '
        'std::printf("%s\\n", g_model_words[i]);\n}\n',
    )
    assert done.returncode == 0, done.stderr
    told = subprocess.run([tmp_path / "main"], capture_output=True, check=True).stdout
    assert told == data + "".join(f"{word}\n" for word in words).encode()


def test_firmware_for_other_words_does_not_compile(tmp_path: Path) -> None:
    write(tmp_path, b"1234", WORDS)
    for words, fits in ((WORDS, True), ((*WORDS[:2], "no", "yes"), False)):
        expected = f"#define KEYWORD_EXPECTED_WORDS {words_fingerprint(words):#x}u\n"
        done = compile_with(tmp_path, f'{expected}#include "model.h"\nint main() {{ return g_model_len != 4; }}\n')
        assert (done.returncode == 0) == fits
        assert fits or "this model has the words silence, unknown, yes, no; the firmware expects" in done.stderr
