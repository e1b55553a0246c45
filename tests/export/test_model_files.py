"""Models read back from disk, whole and damaged; .pb against .pbmm through the real client."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from asr.core.alphabet import Alphabet
from asr.core.errors import ModelError, SetupError
from asr.core.third_party import part
from asr.layers.sentence import LSTM_NAME, Layer, Lstm
from export.graph import graph_def, read_pb, write_pb
from export.model_file import read_metadata
from export.pbmm import ALIGNMENT, write_pbmm
from export.weights import read_layers
from tests.small_networks import keras_probabilities, small_network

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = Path(os.environ.get("ASR_DEPS", ROOT / ".deps")) / "reference/bin/python"

# A DeepSpeech 0.9 network as its trainer builds, freezes and exports it: variables, TensorFlow 1's fused LSTM
# with sequence lengths, batch and time axes swapped. Weights are random; they are saved for comparison.
TRAINER = """
import sys, numpy as np, tensorflow as tf
v1 = tf.compat.v1
path, weights = sys.argv[1:]
v1.disable_eager_execution()
v1.set_random_seed(3)
def variable(name, shape):
    return v1.get_variable(name, shape, initializer=v1.random_normal_initializer(stddev=0.3))
def dense(name, x, columns, clip=20.0):
    with v1.variable_scope(name):
        product = tf.matmul(x, variable("weights", [int(x.shape[-1]), columns]))
        y = tf.nn.bias_add(product, variable("bias", [columns]))
    return tf.minimum(tf.nn.relu(y), clip) if clip else y
windows = v1.placeholder(tf.float32, [1, 16, 19, 26], "input_node")
lengths = v1.placeholder(tf.int32, [1], "input_lengths")
c = v1.placeholder(tf.float32, [1, 40], "previous_state_c")
h = v1.placeholder(tf.float32, [1, 40], "previous_state_h")
x = tf.reshape(tf.transpose(windows, [1, 0, 2, 3]), [-1, 494])
x = dense("layer_3", dense("layer_2", dense("layer_1", x, 40), 40), 40)
x = tf.reshape(x, [16, 1, 40])
with v1.variable_scope("cudnn_lstm/rnn/multi_rnn_cell/cell_0"):
    cell = tf.contrib.rnn.LSTMBlockFusedCell(40, forget_bias=0, name="cudnn_compatible_lstm_cell")
    x, state = cell(x, initial_state=(c, h), sequence_length=lengths, dtype=tf.float32)
x = dense("layer_6", dense("layer_5", tf.reshape(x, [-1, 40]), 40), 29, None)
tf.identity(tf.nn.softmax(tf.reshape(x, [16, -1, 29])), name="logits")
tf.identity(state[0], name="new_state_c")
tf.identity(state[1], name="new_state_h")
samples = v1.placeholder(tf.float32, [512], "input_samples")
tf.reshape(samples, [1, -1], name="mfccs")
for name, value in (("version", 6), ("sample_rate", 16000), ("feature_win_len", 32), ("feature_win_step", 20),
                    ("beam_width", 500)):
    tf.constant([value], name="metadata_" + name)
labels = " abcdefghijklmnopqrstuvwxyz'"
packed = np.uint16(len(labels)).tobytes()
packed += b"".join(np.array([i, 1], np.uint16).tobytes() + label.encode() for i, label in enumerate(labels))
tf.constant([packed], name="metadata_alphabet")
tf.constant([b"en"], name="metadata_language")
outputs = ["logits", "new_state_c", "new_state_h", "mfccs", "metadata_language", "metadata_alphabet"]
outputs += ["metadata_version", "metadata_sample_rate", "metadata_beam_width"]
outputs += ["metadata_feature_win_len", "metadata_feature_win_step"]
with v1.Session() as session:
    session.run(v1.global_variables_initializer())
    graph = v1.get_default_graph().as_graph_def()
    frozen = v1.graph_util.convert_variables_to_constants(session, graph, outputs)
    given = np.random.RandomState(0).normal(size=(1, 16, 19, 26)).astype(np.float32)
    zeros = np.zeros((1, 40), np.float32)
    logits = session.run("logits:0", {windows: given, lengths: [16], c: zeros, h: zeros})
    values = {v.op.name: session.run(v) for v in v1.global_variables()}
open(path, "wb").write(frozen.SerializeToString())
np.savez(weights, given=given, logits=logits, **values)
"""


def same(found: Layer, expected: Layer) -> None:
    assert type(found) is type(expected)
    assert found.name == expected.name
    np.testing.assert_array_equal(found.kernel, expected.kernel)
    np.testing.assert_array_equal(found.bias, expected.bias)
    for name in ("clip", "taps", "pool", "step"):
        assert getattr(found, name, None) == getattr(expected, name, None)


@pytest.mark.parametrize("suffix", [".pb", ".pbmm"])
@pytest.mark.parametrize(
    "form",
    [
        {"state": 64},
        {"state": 64, "convolutions": True},
        {"state": 64, "context": 13},
    ],
)
def test_layers_come_back(suffix, form, tmp_path) -> None:
    layers = small_network(4, width=80, **form)
    labels = Alphabet("\u00e4bcdefghijklmnopqrstuvwxyz' ")
    graph = graph_def(layers, labels, 22050, beam_width=31, language="de")
    path = tmp_path / f"output_graph{suffix}"
    (write_pb if suffix == ".pb" else write_pbmm)(graph, path)
    network = read_layers(path)
    assert len(network.layers) == len(layers)
    for found, expected in zip(network.layers, layers, strict=True):
        same(found, expected)
    metadata = network.metadata
    assert metadata == read_metadata(path)
    assert metadata.alphabet == labels
    assert (metadata.sample_rate, metadata.window_ms, metadata.step_ms) == (22050, 32, 20)
    assert (metadata.n_steps, metadata.n_context, metadata.n_features) == (16, form.get("context", 9), 26)
    assert (metadata.state, metadata.beam_width, metadata.language) == (form["state"], 31, "de")


@pytest.mark.skipif(not REFERENCE.is_file(), reason=f"no Python 3.7 with TensorFlow 1.15.4 at {REFERENCE}")
def test_a_graph_that_tensorflow_1_froze_is_read(tmp_path) -> None:
    graph, weights = tmp_path / "output_graph.pb", tmp_path / "weights.npz"
    done = subprocess.run(
        [str(REFERENCE), "-c", TRAINER, str(graph), str(weights)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    values = np.load(weights)
    write_pbmm(read_pb(graph), tmp_path / "output_graph.pbmm")
    for path in (graph, tmp_path / "output_graph.pbmm"):
        network = read_layers(path)
        names = ["layer_1", "layer_2", "layer_3", LSTM_NAME, "layer_5", "layer_6"]
        assert [layer.name for layer in network.layers] == names
        for layer in network.layers:
            variable = f"{layer.name}/{'kernel' if isinstance(layer, Lstm) else 'weights'}"
            np.testing.assert_array_equal(layer.kernel, values[variable])
            np.testing.assert_array_equal(layer.bias, values[f"{layer.name}/bias"])
        assert [getattr(layer, "clip", "none") for layer in network.layers] == [20, 20, 20, "none", 20, None]
        found = keras_probabilities(network.layers, values["given"].reshape(16, 494))
        assert np.abs(found - values["logits"][:, 0]).max() <= 1e-5


def test_pbmm_holds_its_tensors_outside_the_graph(tmp_path) -> None:
    from tensorflow.core.framework.graph_pb2 import GraphDef
    from tensorflow.core.util.memmapped_file_system_pb2 import MemmappedFileSystemDirectory

    layers = small_network(4, width=80, state=64)
    graph = graph_def(layers, Alphabet())
    path = tmp_path / "output_graph.pbmm"
    write_pbmm(graph, path)
    data = path.read_bytes()
    (start,) = struct.unpack("<Q", data[-8:])
    *entries, last = MemmappedFileSystemDirectory.FromString(data[start:-8]).element
    big = [layer.kernel for layer in layers if layer.kernel.nbytes >= 10_000]
    assert len(entries) == len(big) == 5
    for entry, kernel in zip(entries, big, strict=True):
        assert entry.offset % ALIGNMENT == 0
        assert data[entry.offset : entry.offset + entry.length] == kernel.tobytes()
        # The characters that TensorFlow allows.
        assert re.fullmatch(r"memmapped_package://[A-Za-z0-9_.]+", entry.name)
    assert last.name == "memmapped_package://."
    packed = GraphDef.FromString(data[last.offset : last.offset + last.length])
    # But for the weights, it is the graph that was given.
    kernels = iter(zip(entries, big, strict=True))
    for node, whole in zip(packed.node, graph.node, strict=True):
        if node.op == "ImmutableConst":
            entry, kernel = next(kernels)
            assert node.name == whole.name and node.attr["dtype"] == whole.attr["dtype"]
            assert node.attr["memory_region_name"].s.decode() == entry.name
            assert [dim.size for dim in node.attr["shape"].shape.dim] == list(kernel.shape)
        else:
            assert node == whole
    assert next(kernels, None) is None
    with pytest.raises(ModelError, match=r"\.pbmm"):
        write_pbmm(graph, tmp_path / "output_graph.pb")


def test_reading_needs_no_tensorflow(wholes, tmp_path) -> None:
    """The command `deepspeech` starts at once."""
    path = tmp_path / "output_graph.pbmm"
    path.write_bytes(wholes[1])
    code = (
        "import sys; from export.weights import read_layers; read_layers(sys.argv[1]);"
        "sys.exit(not {'tensorflow', 'google.protobuf', 'flatbuffers'}.isdisjoint(sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], cwd=ROOT, check=True)


def test_same_transcripts_from_both_forms(tmp_path) -> None:
    try:
        part("lib/libdeepspeech.so")
    except SetupError as error:
        pytest.skip(str(error))
    from asr.client.libdeepspeech import Model

    graph = graph_def(small_network(11, width=80, state=64), Alphabet())
    write_pb(graph, tmp_path / "output_graph.pb")
    write_pbmm(graph, tmp_path / "output_graph.pbmm")
    generator = np.random.default_rng(1)
    heard = []
    for name in ("output_graph.pb", "output_graph.pbmm"):
        with Model(tmp_path / name) as model:
            generator = np.random.default_rng(1)
            sounds = [generator.normal(0, 3000, size).astype(np.int16) for size in (5000, 16000, 30000)]
            heard.append([model.stt_with_metadata(sound, 2) for sound in sounds])
    assert heard[0] == heard[1]
    assert all(len(candidates[0].text) > 2 for candidates in heard[0])


@pytest.fixture(scope="module")
def wholes(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """Return the bytes of a .pb and a .pbmm."""
    graph = graph_def(small_network(4, width=40, state=40, convolutions=True), Alphabet())
    path = tmp_path_factory.mktemp("wholes") / "output_graph.pbmm"
    write_pbmm(graph, path)
    return graph.SerializeToString(), path.read_bytes()


@pytest.mark.parametrize("suffix", [".pb", ".pbmm"])
def test_files_that_are_cut_off_are_refused(suffix, wholes, tmp_path) -> None:
    whole = wholes[suffix == ".pbmm"]
    path = tmp_path / f"output_graph{suffix}"
    # A .pb without its last five bytes lacks only TensorFlow's version, and is a whole graph.
    last = len(whole) - (5 if suffix == ".pb" else 0)
    for length in [*range(0, last, 1009), *range(last - 40, last)]:
        path.write_bytes(whole[:length])
        for read in (read_metadata, read_layers):
            with pytest.raises(ModelError, match="output_graph"):
                read(path)


@pytest.mark.parametrize("suffix", [".pb", ".pbmm"])
def test_damaged_files_are_read_or_refused_but_never_more(suffix, wholes, tmp_path) -> None:
    """Whatever byte is wrong, the answer is a network or a ModelError."""
    whole = wholes[suffix == ".pbmm"]
    generator = np.random.default_rng(8)
    path = tmp_path / f"output_graph{suffix}"
    refused = 0
    # Weights may be anything; the damage goes where the graph and the directory are.
    small = [place for place in range(len(whole)) if suffix == ".pb" or place > len(whole) - 12_000]
    for _ in range(150):
        damaged = bytearray(whole)
        for place in generator.choice(small, 3):
            damaged[place] = generator.integers(256)
        path.write_bytes(damaged)
        try:
            read_layers(path)
        except ModelError:
            refused += 1
    assert refused > 10


def edited(graph: bytes, edit) -> bytes:
    from tensorflow.core.framework import graph_pb2

    message = graph_pb2.GraphDef.FromString(graph)
    nodes = {node.name: node for node in message.node}
    edit(nodes, message)
    return message.SerializeToString()


def drop(name: str):
    return lambda nodes, message: message.node.remove(nodes[name])


def set_version(nodes, message) -> None:
    tensor = nodes["metadata_version"].attr["value"].tensor
    tensor.tensor_content = struct.pack("<i", 5)


def cut_shape(nodes, message) -> None:
    del nodes["input_node"].attr["shape"]


def lengthen(nodes, message) -> None:
    nodes["layer_1/weights"].attr["value"].tensor.tensor_shape.dim[0].size = 1 << 40


def circle(nodes, message) -> None:
    nodes["layer_1/product"].input[0] = "layer_5/output"


def clip_cells(nodes, message) -> None:
    nodes[f"{LSTM_NAME}/lstm"].attr["cell_clip"].f = 3.0


def tanh(nodes, message) -> None:
    nodes["layer_2/sum"].op = "Tanh"


def jump(nodes, message) -> None:
    tensor = nodes["conv_1/frames"].attr["value"].tensor
    tensor.tensor_content = tensor.tensor_content[::-1]


def across(nodes, message) -> None:
    nodes["conv_1/parts_axis"].attr["value"].tensor.tensor_content = struct.pack("<i", 2)


def no_parts(nodes, message) -> None:
    nodes["conv_1/largest"].input[0] = "conv_1/sum"


def no_gather(nodes, message) -> None:
    nodes["conv_1/places"].input[0] = "bands/maps"


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (jump, "conv_1/gathered takes frames in an order that is not a convolution's"),
        (across, "conv_1/largest takes maxima in an unsupported way"),
        (no_parts, "conv_1/largest takes maxima in an unsupported way"),
        (no_gather, "conv_1 takes maxima but is not a convolution"),
        (drop("input_node"), "no node input_node"),
        (drop("metadata_alphabet"), "no node metadata_alphabet"),
        (drop("layer_3/bias"), "no node layer_3/bias"),
        (set_version, "version 5"),
        (cut_shape, "shape"),
        (lengthen, "layer_1/weights"),
        (circle, "circle|not part|does not depend"),
        (clip_cells, "clips its cells"),
        (tanh, "Tanh"),
    ],
)
def test_graphs_of_another_kind_are_refused(edit, complaint, wholes, tmp_path) -> None:
    path = tmp_path / "output_graph.pb"
    path.write_bytes(edited(wholes[0], edit))
    with pytest.raises(ModelError, match=complaint):
        read_layers(path)


@pytest.mark.skipif(sys.platform == "win32", reason="file-size limits are POSIX")
def test_full_disk_leaves_no_half_model(tmp_path) -> None:
    graph = tmp_path / "output_graph.pb"
    write_pb(graph_def(small_network(4, width=80, state=64), Alphabet()), graph)
    code = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from export.graph import read_pb\n"
        "from export.pbmm import write_pbmm\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "write_pbmm(read_pb(Path(sys.argv[1])), sys.argv[2])\n"
    )
    target = tmp_path / "output_graph.pbmm"
    target.write_bytes(b"as it was")
    done = subprocess.run(
        [sys.executable, "-c", code, str(graph), str(target)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    assert "File too large" in done.stderr
    assert target.read_bytes() == b"as it was"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["output_graph.pb", "output_graph.pbmm"]
