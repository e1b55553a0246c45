"""A keyword model as C tables for the runner in firmware/lib: keyword_model.c and keyword_model.h.

The two files hold everything that the firmware needs: the network, its words, the feature settings of its training,
thresholds and a fingerprint. Compiling fails with a frontend of other settings, and with two files of different models.
"""

from __future__ import annotations

import hashlib
import json
import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asr.core.errors import ModelError
from asr.keyword import frontend
from asr.keyword.detect import NEVER, Rule
from asr.keyword.frontend import CHANNELS, SLICES
from export.int8_network import Layer, Network
from export.tflite_network import read_network

COLUMNS = 110


def fingerprint(tflite: bytes, words: Sequence[str], rule: Rule, features: int) -> str:
    """Return eight hexadecimal digits that identify model, words and settings."""
    settings = json.dumps([list(words), asdict(rule), features], sort_keys=True)
    return hashlib.sha256(settings.encode() + b"\0" + tflite).hexdigest()[:8]


def c_source(
    tflite: bytes, words: Sequence[str], rule: Rule, features: int = 0, *, path: Path | str | None = None
) -> tuple[str, str]:
    """Return the texts of keyword_model.c and keyword_model.h.

    Parameters
    ----------
    tflite : content of an int8 .tflite file.
    words : name of each class in the order of the outputs: silence, unknown, then the words.
    rule : of the detector; a threshold for each class.
    features : fingerprint of the frontend in training (FRONTEND_FINGERPRINT of its tables); 0: unknown, not checked.
    path : of the .tflite file, named in errors.

    Raises
    ------
    ModelError : the runner cannot run the model, or words or settings do not fit it.
    """
    network = read_network(tflite, path)
    _check(network, words, rule, path)
    mark = fingerprint(tflite, words, rule, features)
    return _source(network, words, rule.thresholds, mark), _header(network, words, rule, features, mark)


def _check(network: Network, words: Sequence[str], rule: Rule, path: Path | str | None) -> None:
    """Check that network, words and settings fit together."""
    if len(words) != network.output_bytes:
        raise ModelError(
            f"{len(words)} words for a model with {network.output_bytes} outputs", path=path,
            fix="Name each class, silence and unknown first",
        )  # fmt: skip
    if len(set(words)) != len(words) or not all(words):
        raise ModelError("a word is empty or given twice", path=path, fix="Give each class its own name")
    if network.input_bytes != CHANNELS * SLICES:
        raise ModelError(
            f"the model takes {network.input_bytes} values, but {SLICES} slices of {CHANNELS} are {CHANNELS * SLICES}",
            path=path, fix="Train it on the features of firmware/lib: preprocess = \"micro\"",
        )  # fmt: skip
    if min(rule.stride, rule.window) < 1 or rule.suppression < 0:
        raise ModelError("stride and window must be at least 1, suppression at least 0", path=path)
    if len(rule.thresholds) != len(words) or not all(0 <= threshold <= NEVER for threshold in rule.thresholds):
        raise ModelError(
            f"the thresholds {list(rule.thresholds)} are not {len(words)} numbers from 0 to {NEVER}", path=path,
            fix="Give one threshold per class",
        )  # fmt: skip


# ---------------------------------------------------------------------------------------------- keyword_model.h


def _header(network: Network, words: Sequence[str], rule: Rule, features: int, mark: str) -> str:
    settings = {
        "FINGERPRINT": f"0x{mark}",
        "CLASSES": f"{len(words)}",
        "INPUT_BYTES": f"{network.input_bytes}",
        "ARENA_BYTES": f"{max(network.arena_bytes, 1)}",
        "SAMPLE_RATE": f"{frontend.SAMPLE_RATE} /* Hz */",
        "WINDOW": f"{frontend.WINDOW} /* samples in a slice */",
        "STEP": f"{frontend.STEP} /* samples from slice to slice */",
        "CHANNELS": f"{CHANNELS} /* values in a slice */",
        "SLICES": f"{SLICES} /* slices per inference */",
        "STRIDE": f"{rule.stride} /* slices from one inference to the next */",
        "AVERAGE": f"{rule.window} /* inferences that are averaged */",
        "SUPPRESSION": f"{rule.suppression} /* slices without detections after a word */",
    }
    if features:
        settings["FRONTEND"] = f"0x{features:08x}u"
    defines = "\n".join(f"#define KEYWORD_MODEL_{name} {value}" for name, value in settings.items())
    checks = "\n".join(
        f"#if defined(FRONTEND_{name}) && FRONTEND_{name} != KEYWORD_MODEL_{name}\n"
        f'#error "keyword_model.h was trained with another FRONTEND_{name} than the frontend has"\n#endif'
        for name in ("SAMPLE_RATE", "WINDOW", "STEP", "CHANNELS", "SLICES")
    )
    if features:
        checks += (
            "\n#if defined(FRONTEND_FINGERPRINT) && FRONTEND_FINGERPRINT != KEYWORD_MODEL_FRONTEND\n"
            '#error "keyword_model.h was trained on the features of another frontend: export it again"\n#endif'
        )
    named = ", ".join(_plain(word) for word in words)
    return f"""/* A keyword model for neural_network.h: {named}. Generated; see keyword_model.c. */
#ifndef KEYWORD_MODEL_H
#define KEYWORD_MODEL_H

#include "frontend.h"
#include "neural_network.h"

{defines}

{checks}

#ifdef __cplusplus
extern "C" {{
#endif

/* Input: int8 [SLICES][CHANNELS], real value (q - {network.input_zero_point}) * {network.input_scale:.9g}.
 * Output: int8 [CLASSES], probability (q - {network.output_zero_point}) * {network.output_scale:.9g}. */
extern const NeuralNetwork keyword_model;
extern const char *const keyword_model_words[KEYWORD_MODEL_CLASSES];
/* Of probability * 256; {NEVER} is never reached. */
extern const uint16_t keyword_model_thresholds[KEYWORD_MODEL_CLASSES];

#ifdef __cplusplus
}}
#endif

#endif
"""


# ---------------------------------------------------------------------------------------------- keyword_model.c


def _source(network: Network, words: Sequence[str], thresholds: Sequence[int], mark: str) -> str:
    products = sum(layer.multiplications for layer in network.layers)
    parts = [
        f"/* The tables of keyword_model.h: {len(network.layers)} layers, {products:,} multiplications per inference.\n"
        " * Generated from a .tflite file; do not edit. */\n"
        '#include "keyword_model.h"\n\n'
        f"#if KEYWORD_MODEL_FINGERPRINT != 0x{mark}\n"
        '#error "keyword_model.c and keyword_model.h are of different models: export them together"\n'
        "#endif",
        *(_arrays(index, layer) for index, layer in enumerate(network.layers) if layer.weights.size),
    ]
    entries = ",\n".join(_entry(index, layer) for index, layer in enumerate(network.layers))
    parts.append(f"static const NeuralNetworkLayer layers[{len(network.layers)}] = {{\n{entries},\n}};")
    parts.append(
        f"const NeuralNetwork keyword_model = {{layers, {len(network.layers)}, {network.input_bytes}, "
        f"{network.output_bytes}}};"
    )
    quoted = ", ".join(_quoted(word) for word in words)
    parts.append(f"const char *const keyword_model_words[KEYWORD_MODEL_CLASSES] = {{{quoted}}};")
    limits = ", ".join(map(str, thresholds))
    parts.append(f"const uint16_t keyword_model_thresholds[KEYWORD_MODEL_CLASSES] = {{{limits}}};")
    return "\n\n".join(parts) + "\n"


def _arrays(index: int, layer: Layer) -> str:
    tables: dict[tuple[str, str], NDArray[np.int8] | NDArray[np.int32]] = {
        ("int8_t", "weights"): layer.weights, ("int32_t", "biases"): layer.biases,
        ("int32_t", "multipliers"): layer.multipliers, ("int8_t", "shifts"): layer.shifts,
    }  # fmt: skip
    return "\n".join(
        f"static const {kind} {name}_{index}[{values.size}] = {{\n{_numbers(values.flatten().tolist())}}};"
        for (kind, name), values in tables.items()
    )


def _entry(index: int, layer: Layer) -> str:
    pairs = {
        "kind": f"NEURAL_NETWORK_{layer.kind.upper()}",
        **dict(zip(("input_height", "input_width", "input_channels"), layer.input, strict=True)),
        **dict(zip(("output_height", "output_width", "output_channels"), layer.output, strict=True)),
        **dict(zip(("kernel_height", "kernel_width"), layer.kernel, strict=True)),
        **dict(zip(("stride_height", "stride_width"), layer.stride, strict=True)),
        **dict(zip(("padding_top", "padding_left"), layer.padding, strict=True)),
        "input_zero_point": layer.input_zero_point, "output_zero_point": layer.output_zero_point,
        "smallest": layer.smallest, "largest": layer.largest,
    }  # fmt: skip
    if layer.weights.size:
        pairs |= {name: f"{name}_{index}" for name in ("weights", "biases", "multipliers", "shifts")}
        pairs |= {"weight_count": f"sizeof weights_{index}", "channel_count": f"sizeof shifts_{index}"}
    if layer.kind == "softmax":
        for name in ("difference_multiplier", "difference_shift", "smallest_difference"):
            pairs[name] = getattr(layer, name)
    return "    {" + _wrapped([f".{name} = {value}" for name, value in pairs.items()], "     ").strip() + "}"


def _numbers(values: Iterable[int]) -> str:
    return _wrapped(map(str, values), "    ") + "\n"


def _wrapped(items: Iterable[str], indent: str) -> str:
    """Return the items with commas, in lines of at most COLUMNS that break between items only."""
    text = ", ".join(item.replace(" ", "\0") for item in items)
    wrapped = textwrap.fill(
        text, COLUMNS, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return wrapped.replace("\0", " ")


def _plain(word: str) -> str:
    """Return a word without what would end or nest a comment."""
    return word.replace("*/", "* /").replace("/*", "/ *").replace("\n", " ").replace("\\", "/")


def _quoted(word: str) -> str:
    """Return a word as a C string; bytes beyond ASCII in octal, because a hexadecimal escape has no fixed length."""
    text = "".join(
        chr(byte) if 32 <= byte < 127 and not re.match(r'["\\?]', chr(byte)) else f"\\{byte:03o}"
        for byte in word.encode()
    )
    return f'"{text}"'
