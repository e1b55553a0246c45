"""A keyword network's plain layers in NumPy, as a reference for what is exported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from asr.layers.keyword import Dense, Depthwise, Layer, Reshape


def forward(layers: Sequence[Layer], features: Any) -> Any:
    """Return the logits of plain layers for real features float32 [batch, inputs]: [batch, outputs], in NumPy."""
    x = np.asarray(features, np.float32)
    x = x.reshape(len(x), 1, 1, -1)
    for layer in layers:
        if isinstance(layer, Reshape):
            x = x.reshape(len(x), *layer.shape)
            continue
        x = x @ layer.kernel if isinstance(layer, Dense) else _depthwise(x, layer)
        x = x + layer.bias
        if layer.relu:
            x = np.maximum(x, 0)
    return x.reshape(len(x), -1)


def _depthwise(x: Any, layer: Depthwise) -> Any:
    rows, columns, channels, multiplier = layer.kernel.shape
    if layer.padding == "SAME":
        pads = []
        for size, reach in zip(x.shape[1:3], (rows, columns), strict=True):
            total = max((-(-size // layer.stride) - 1) * layer.stride + reach - size, 0)
            pads.append((total // 2, total - total // 2))
        x = np.pad(x, ((0, 0), *pads, (0, 0)))
    seen = np.lib.stride_tricks.sliding_window_view(x, (rows, columns), axis=(1, 2))
    seen = seen[:, :: layer.stride, :: layer.stride]
    result = np.einsum("bhwcij,ijcm->bhwcm", seen, layer.kernel, optimize=True)
    return result.reshape(*result.shape[:3], channels * multiplier)
