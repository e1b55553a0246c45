"""Training's features against the client's graph, run by TensorFlow window by window: bit by bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from asr.core.alphabet import Alphabet
from asr.ctc.features import exact_mfcc
from asr.runtime.features import frame_count, step_samples
from export.graph import graph_def
from tests.feature_sounds import RATES, SOUNDS, Int16, speech, voice
from tests.small_networks import GraphRunner, small_network

_runners: dict[int, GraphRunner] = {}


def graph_features(samples: Int16, rate: int) -> npt.NDArray[np.float32]:
    if rate not in _runners:
        _runners[rate] = GraphRunner(graph_def(small_network(1), Alphabet(), sample_rate=rate))
    return _runners[rate].features(samples, step_samples(rate))


@pytest.mark.parametrize("rate", [*RATES, 48000])
@pytest.mark.parametrize("sound", SOUNDS)
def test_bit_identical_with_the_graph(sound, rate) -> None:
    samples = sound(rate, 2.5)
    np.testing.assert_array_equal(exact_mfcc(samples, rate), graph_features(samples, rate))


@pytest.mark.parametrize("rate", RATES)
def test_bit_identical_with_the_graph_on_speech(rate, shared_data: Path) -> None:
    for samples in speech(shared_data, rate):
        np.testing.assert_array_equal(exact_mfcc(samples, rate), graph_features(samples, rate))


@pytest.mark.parametrize("extra", [-513, -512, -1, 0, 1, 319, 320, 321])
def test_frames_and_tail_are_those_of_the_graph(extra) -> None:
    samples = voice(16000, 0.4)[: 512 + extra] if extra < 0 else voice(16000, 1.0)[: 512 + 320 * 4 + extra]
    found = exact_mfcc(samples)
    assert len(found) == frame_count(len(samples))
    np.testing.assert_array_equal(found, graph_features(samples, 16000))


def test_frames_do_not_depend_on_the_frames_around_them() -> None:
    samples = voice(16000, 12.0)
    whole = exact_mfcc(samples)
    np.testing.assert_array_equal(whole[300:310], exact_mfcc(samples[300 * 320 :])[:10])
