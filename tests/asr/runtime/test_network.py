"""The NumPy network against the exported graph in TensorFlow, in any chunk size."""

from __future__ import annotations

import numpy as np
import pytest

from asr.core.alphabet import Alphabet
from asr.runtime.features import context_windows
from asr.runtime.network import NetworkError, NetworkFile, Stream, log_probabilities
from export.device import network_file
from export.graph import graph_def
from tests.small_networks import GraphRunner, small_network


@pytest.mark.parametrize("convolutions", [False, True])
def test_probabilities_are_the_exported_graphs(convolutions: bool) -> None:
    layers, alphabet = small_network(3, convolutions=convolutions), Alphabet()
    features = (10 * np.random.default_rng(1).standard_normal((75, 26))).astype(np.float32)
    expected = GraphRunner(graph_def(layers, alphabet)).probabilities(context_windows(features))
    file = network_file(layers, alphabet)
    found = np.exp(log_probabilities(file, features))
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-5)
    stream = Stream(file)
    for size in (1, 2, 7, 16, 40):
        stream.reset()
        parts = [stream.accept(features[first : first + size]) for first in range(0, len(features), size)]
        parts.append(stream.finish())
        np.testing.assert_allclose(np.exp(np.concatenate(parts)), expected, atol=1e-5)


def test_a_copy_of_a_stream_goes_its_own_way() -> None:
    file = network_file(small_network(6, convolutions=True), Alphabet())
    features = np.random.default_rng(3).standard_normal((60, 26)).astype(np.float32)
    stream = Stream(file)
    first = stream.accept(features[:30])
    copied = stream.copy()
    ended = np.concatenate((first, copied.finish()))
    np.testing.assert_allclose(ended, log_probabilities(file, features[:30]), atol=1e-5)
    found = np.concatenate((first, stream.accept(features[30:]), stream.finish()))
    np.testing.assert_allclose(found, log_probabilities(file, features), atol=1e-5)


def test_a_network_survives_its_file(tmp_path) -> None:
    file = network_file(small_network(5, convolutions=True), Alphabet())
    features = np.random.default_rng(2).standard_normal((30, 26)).astype(np.float32)
    expected = log_probabilities(file, features)
    path = tmp_path / "network.npz"
    path.write_bytes(file.to_bytes())
    np.testing.assert_array_equal(log_probabilities(NetworkFile.read(path), features), expected)
    path.write_bytes(file.to_bytes(half=True))
    assert path.stat().st_size < 0.6 * len(file.to_bytes())
    np.testing.assert_allclose(np.exp(log_probabilities(NetworkFile.read(path), features)), np.exp(expected), atol=1e-2)


def test_damaged_files_are_refused(tmp_path) -> None:
    content = network_file(small_network(5), Alphabet()).to_bytes()
    path = tmp_path / "network.npz"
    generator = np.random.default_rng(4)
    refused = 0
    for _ in range(60):
        damaged = bytearray(content)
        for place in generator.integers(0, len(damaged), 4):
            damaged[place] = int(generator.integers(256))
        path.write_bytes(bytes(damaged[: generator.integers(1, len(damaged) + 1)]))
        try:
            NetworkFile.read(path)
        except NetworkError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 40
    path.write_bytes(content)
    file = NetworkFile.read(path)
    broken = NetworkFile(file.labels[:-1], file.context, file.sample_rate, file.layers)
    path.write_bytes(broken.to_bytes())
    with pytest.raises(NetworkError, match="29 outputs for 27 labels"):
        NetworkFile.read(path)
