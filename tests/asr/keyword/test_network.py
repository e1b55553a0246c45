"""The keyword networks: the same numbers from Keras, from plain layers, and from what is exported."""

from __future__ import annotations

import numpy as np
import pytest

from asr.core.stderr import load_tensorflow
from asr.keyword import network
from asr.layers.keyword import Dense, Depthwise, Reshape, multiplications, output_shape
from tests.keyword_reference import forward

load_tensorflow()


def awake(name: str, outputs: int = 4, width: int = 16) -> object:
    """Return a network whose normalisations and biases are not those of the start."""
    model = network.build(name, 40, outputs, width=width, seed=2)
    rng = np.random.default_rng(3)
    weights = [
        np.abs(rng.normal(1, 0.3, array.shape)) if "variance" in variable.path or "gamma" in variable.path
        else array + rng.normal(0, 0.2, array.shape)
        for array, variable in zip(model.get_weights(), model.weights, strict=True)
    ]  # fmt: skip
    model.set_weights(weights)
    return model


@pytest.mark.parametrize("name", ["separable", "tiny_conv"])
def test_plain_layers_give_what_keras_gives(name: str) -> None:
    model = awake(name)
    rows = np.random.default_rng(1).uniform(0, 26, (6, 1960)).astype(np.float32)
    scale = 0.125
    layers = network.as_layers(model, scale)
    assert not any(isinstance(layer, (Dense, Depthwise)) and layer.bias.ndim != 1 for layer in layers)
    expected = np.asarray(model(rows * scale, training=False))  # type: ignore[operator]
    assert output_shape(layers, 1960) == (1, 1, 4)
    assert np.allclose(forward(layers, rows), expected, rtol=1e-4, atol=1e-3 * np.abs(expected).max())


def test_tiny_conv_is_tensorflows() -> None:
    # speech_commands/models.py, create_tiny_conv_model: 8 filters of 10 x 8, stride 2, then one dense layer.
    convolution, _, dense = network.as_layers(network.build("tiny_conv", 40, 4))[1:]
    assert isinstance(convolution, Depthwise) and isinstance(dense, Dense)
    assert convolution.kernel.shape == (10, 8, 1, 8)
    assert (convolution.stride, convolution.padding, convolution.relu) == (2, "SAME", True)
    assert dense.kernel.shape == (25 * 20 * 8, 4)


def test_the_small_network_multiplies_less_than_tiny_conv() -> None:
    small = network.as_layers(network.build("separable", 40, 8, width=32))
    tiny = network.as_layers(network.build("tiny_conv", 40, 8))
    # By hand: 25 x 20 places of 8 filters of 80, and 4,000 values into 8.
    assert multiplications(tiny, 1960) == 25 * 20 * 8 * 80 + 4000 * 8
    # 49 slices of 40 into 32; four times 25 places of 32 filters of 7, and of 32 into 32; 25 into one; 32 into 8.
    assert multiplications(small, 1960) == 49 * 40 * 32 + 4 * 25 * (32 * 7 + 32 * 32) + 25 * 32 + 32 * 8
    assert multiplications(small, 1960) < 0.6 * multiplications(tiny, 1960)


def test_feature_bytes_are_micro_speechs_values() -> None:
    # micro_speech's quantisation of 0 to 26: -128 is 0, and a step is 26/256.
    assert network.real(np.array([-128, -127, 127], np.int8), "micro").tolist() == pytest.approx(
        [0.0, 26 / 256, 255 * 26 / 256]
    )
    # 255 is a power of 127.5.
    assert network.real(np.array([127], np.int8), "average").tolist() == [127.5]


def test_layers_that_do_not_fit_are_refused() -> None:
    dense = Dense("d", np.zeros((5, 2), np.float32), np.zeros(2, np.float32))
    with pytest.raises(ValueError, match="d takes 5 channels and gets 4"):
        output_shape([dense], 4)
    with pytest.raises(ValueError, match="cannot be reshaped to"):
        output_shape([Reshape((2, 2, 2))], 4)
    long = Depthwise("f", np.zeros((9, 1, 1, 1), np.float32), np.zeros(1, np.float32))
    with pytest.raises(ValueError, match="f is larger than its input"):
        output_shape([Reshape((4, 1, 1)), long], 4)
