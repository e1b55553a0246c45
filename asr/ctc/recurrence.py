"""The LSTM by TensorFlow's own kernels, with a faster gradient.

BlockLSTM, which the client runs as well, takes all steps forward in one operation: gates in the order i, c, f, o, no
peepholes, no clipping of cells, no forget bias beside the bias vector. Its gradient in TensorFlow adds to the weights'
gradient step by step, in products too thin to be fast. Here a step of the backward pass is one LSTMBlockCellGrad and
one product, and one large product at the end gives the weights' gradient.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops


class Recurrence(keras.layers.Layer):
    """LSTM over float32 [batch, frames, n_in] -> [batch, frames, n], from a zero state.

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
        # BlockLSTM has no counterpart in XLA.
        self.supports_jit = False

    def build(self, shape: tuple[int | None, ...]) -> None:
        n_in, n = int(shape[-1] or 0), self.units
        # Glorot for the inputs, orthogonal for the state, and a forget gate that starts open.
        inputs = keras.initializers.GlorotUniform(seed=self.seed)((n_in, 4 * n))
        states = [keras.initializers.Orthogonal(seed=self.seed + 1 + gate)((n, n)) for gate in range(4)]
        start = np.concatenate([ops.convert_to_numpy(inputs), np.hstack([ops.convert_to_numpy(s) for s in states])])
        bias = np.zeros(4 * n, np.float32)
        bias[2 * n : 3 * n] = 1
        self.kernel = self.add_weight(
            shape=start.shape, initializer=lambda shape, dtype=None: ops.convert_to_tensor(start), name="kernel"
        )
        self.bias = self.add_weight(
            shape=bias.shape, initializer=lambda shape, dtype=None: ops.convert_to_tensor(bias), name="bias"
        )

    def call(self, values: Any) -> Any:
        return recur(values, self.kernel.value, self.bias.value)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*shape[:-1], self.units)


def recur(values: Any, kernel: Any, bias: Any) -> Any:
    """Return an LSTM's outputs, starting from a zero state.

    Parameters
    ----------
    values : float32 [batch, frames, n_in].
    kernel : float32 [n_in + n, 4n], gates in the order i, c, f, o.
    bias : float32 [4n].

    Returns
    -------
    tf.Tensor : float32 [batch, frames, n].
    """
    # A variable would count as one whose gradient has to be returned by name.
    kernel, bias = tf.convert_to_tensor(kernel), tf.convert_to_tensor(bias)
    n = kernel.shape[1] // 4
    n_in = kernel.shape[0] - n
    none = tf.zeros((n,))
    weights = {"w": kernel, "b": bias, "wci": none, "wcf": none, "wco": none, "use_peephole": False}

    @tf.custom_gradient
    def run(values: Any, kernel: Any, bias: Any) -> Any:
        inputs = tf.transpose(values, (1, 0, 2))
        frames = tf.shape(inputs)[0]
        zeros = tf.zeros((tf.shape(inputs)[1], n))
        trace = tf.raw_ops.BlockLSTM(
            seq_len_max=tf.cast(frames, tf.int64),
            x=inputs,
            cs_prev=zeros,
            h_prev=zeros,
            forget_bias=0.0,
            cell_clip=-1.0,
            **weights,
        )

        def gradient(above: Any) -> Any:
            above = tf.transpose(above, (1, 0, 2))
            earlier_cells = tf.concat([zeros[None], trace.cs[:-1]], axis=0)
            transposed = tf.transpose(kernel[n_in:])
            unread = tf.zeros((tf.shape(inputs)[1], n_in))

            def backward(step: Any, d_output: Any, d_cell: Any, d_gates: Any) -> Any:
                back = tf.raw_ops.LSTMBlockCellGrad(
                    x=unread,  # of this, the next and the weights only the shape is used
                    h_prev=zeros,
                    cs_prev=tf.gather(earlier_cells, step),
                    i=tf.gather(trace.i, step),
                    cs=tf.gather(trace.cs, step),
                    f=tf.gather(trace.f, step),
                    o=tf.gather(trace.o, step),
                    ci=tf.gather(trace.ci, step),
                    co=tf.gather(trace.co, step),
                    cs_grad=d_cell,
                    h_grad=d_output + tf.gather(above, step),
                    **weights,
                )
                d_output = tf.matmul(back.dicfo, transposed)
                return step - 1, d_output, back.cs_prev_grad, d_gates.write(step, back.dicfo)

            *_, d_gates = tf.while_loop(
                lambda step, *_: step >= 0,
                backward,
                (frames - 1, zeros, zeros, tf.TensorArray(tf.float32, frames)),
                maximum_iterations=frames,
                parallel_iterations=1,
            )
            d_gates = tf.reshape(d_gates.stack(), (-1, 4 * n))
            earlier = tf.concat([zeros[None], trace.h[:-1]], axis=0)
            seen = tf.reshape(tf.concat([inputs, earlier], axis=2), (-1, n_in + n))
            d_inputs = tf.reshape(tf.matmul(d_gates, kernel[:n_in], transpose_b=True), tf.shape(inputs))
            d_kernel = tf.matmul(seen, d_gates, transpose_a=True)
            return tf.transpose(d_inputs, (1, 0, 2)), d_kernel, tf.reduce_sum(d_gates, axis=0)

        return tf.transpose(trace.h, (1, 0, 2)), gradient

    return run(values, kernel, bias)
