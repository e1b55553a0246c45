"""An LSTM whose input products are one matrix product, and whose weight gradients are another.

Step by step, an LSTM spends its time in small products that no processor does well. Only the product with the
last output has to wait for the step before: the inputs' is done at once for all steps, and on the way back the
weights' gradient is too. The arithmetic is that of TensorFlow's BlockLSTM, which the client runs: gates in the
order i, c, f, o, no peepholes, no clipping of cells, no forget bias beside the bias vector itself.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from asr.ctc import block_lstm


@ops.custom_gradient
def _recur(projected: Any, kernel: Any) -> Any:
    """Return outputs [frames, batch, n] of projected inputs [frames, batch, 4n] and a recurrent kernel [n, 4n]."""
    n = kernel.shape[0]
    zeros = ops.zeros_like(projected[0, :, :n])
    # What a step hands on and what it leaves behind are one tensor of equal shape: Keras's scan asks for that.
    start = ops.concatenate([zeros] * 6, axis=-1)

    def forward(carry: Any, inputs: Any) -> Any:
        output, cell = carry[:, :n], carry[:, n : 2 * n]
        i, c, f, o = ops.split(inputs + ops.matmul(output, kernel), 4, axis=-1)
        i, c, f, o = ops.sigmoid(i), ops.tanh(c), ops.sigmoid(f), ops.sigmoid(o)
        cell = f * cell + i * c
        carry = ops.concatenate([o * ops.tanh(cell), cell, i, c, f, o], axis=-1)
        return carry, carry

    _, trace = ops.scan(forward, start, projected)
    outputs, cells = trace[..., :n], trace[..., n : 2 * n]

    def gradient(*arguments: Any, upstream: Any = None) -> Any:
        above = arguments[0] if upstream is None else upstream
        transposed = ops.transpose(kernel)

        def backward(carry: Any, inputs: Any) -> Any:
            d_output, d_cell = carry[:, :n], carry[:, n : 2 * n]
            d_above, last, cell, i, c, f, o = ops.split(inputs, 7, axis=-1)
            d_output = d_output + d_above
            squashed = ops.tanh(cell)
            d_cell = d_cell + d_output * o * (1 - squashed * squashed)
            d_gates = [
                d_cell * c * i * (1 - i),
                d_cell * i * (1 - c * c),
                d_cell * last * f * (1 - f),
                d_output * squashed * o * (1 - o),
            ]
            joined = ops.concatenate(d_gates, axis=-1)
            carry = ops.concatenate([ops.matmul(joined, transposed), d_cell * f, joined], axis=-1)
            return carry, carry

        before = ops.concatenate([zeros[None], cells[:-1]], axis=0)
        inputs = ops.concatenate([above, before, trace[..., n:]], axis=-1)
        _, back = ops.scan(backward, start, inputs, reverse=True)
        d_projected = back[..., 2 * n :]
        earlier = ops.concatenate([zeros[None], outputs[:-1]], axis=0)
        d_kernel = ops.matmul(
            ops.transpose(ops.reshape(earlier, (-1, n))), ops.reshape(d_projected, (-1, 4 * n))
        )
        return d_projected, d_kernel

    return outputs, gradient


def recur(values: Any, kernel: Any, bias: Any) -> Any:
    """Return an LSTM's outputs [batch, frames, n] of values [batch, frames, n_in] on any of Keras's backends.

    Parameters are those of asr.ctc.block_lstm.run.
    """
    n = kernel.shape[1] // 4
    n_in = kernel.shape[0] - n
    shape = ops.shape(values)
    # One product of two dimensions, for the gradient of a batched one is a product for each utterance.
    projected = ops.matmul(ops.reshape(values, (-1, n_in)), kernel[:n_in]) + bias
    projected = ops.reshape(projected, (shape[0], shape[1], 4 * n))
    outputs = _recur(ops.transpose(projected, (1, 0, 2)), kernel[n_in:])
    return ops.transpose(outputs, (1, 0, 2))


class Recurrence(keras.layers.Layer):
    """LSTM over [batch, frames, n_in] -> [batch, frames, n], from a zero state.

    Its weights are those of BlockLSTM: `kernel` [n_in + n, 4n] and `bias` [4n].

    Parameters
    ----------
    units : n.
    seed : of the initial weights.
    """

    def __init__(self, units: int, seed: int = 0, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.units = units
        self.seed = seed
        # TensorFlow's kernels for it (asr.ctc.block_lstm) have no counterpart in XLA.
        self.supports_jit = keras.backend.backend() != "tensorflow"

    def build(self, shape: tuple[int | None, ...]) -> None:
        n_in, n = int(shape[-1] or 0), self.units
        # Glorot for the inputs, orthogonal for the state, and a forget gate that starts open.
        inputs = keras.initializers.GlorotUniform(seed=self.seed)((n_in, 4 * n))
        states = [keras.initializers.Orthogonal(seed=self.seed + 1 + gate)((n, n)) for gate in range(4)]
        start = np.concatenate(
            [ops.convert_to_numpy(inputs), np.hstack([ops.convert_to_numpy(s) for s in states])]
        )
        bias = np.zeros(4 * n, np.float32)
        bias[2 * n : 3 * n] = 1
        self.kernel = self.add_weight(
            shape=start.shape,
            initializer=lambda shape, dtype=None: ops.convert_to_tensor(start),
            name="kernel",
        )
        self.bias = self.add_weight(
            shape=bias.shape, initializer=lambda shape, dtype=None: ops.convert_to_tensor(bias), name="bias"
        )

    def call(self, values: Any) -> Any:
        kernel, bias = ops.convert_to_tensor(self.kernel), ops.convert_to_tensor(self.bias)
        if keras.backend.backend() == "tensorflow" and self.compute_dtype == "float32":
            return block_lstm.run(values, kernel, bias)
        return recur(values, kernel, bias)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*shape[:-1], self.units)
