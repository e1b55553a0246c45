"""Kokoro's voices: neural text to speech by an 82-million-parameter network in ONNX (Apache-2.0).

A style is a vector that makes the network sound like one speaker; a weighted mean of two to four styles sounds like
another. The folder holds the model's own files: kokoro-v1.0.onnx or kokoro-v1.0.int8.onnx, and voices/*.bin.
The output is deterministic.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.core.errors import SetupError, WorkspaceError
from datasets import phonemes

Float = npt.NDArray[np.float32]

PREFIX = "kokoro:"
MODELS = ("kokoro-v1.0.onnx", "kokoro-v1.0.int8.onnx")
RATE = 24000  # Hz
COST = 0.6  # s of one processor core for a second of speech, on an AMD EPYC without AVX-512
_STYLE = (510, 1, 256)  # float32: a row for each number of tokens
_PERCENT = 100
_LEAST = 15  # percent of a style in a blend; less is not heard
# The styles that speak English: American women and men, British women and men.
_AMERICAN, _BRITISH = ("af_", "am_"), ("bf_", "bm_")


def named(voice: str, count: int, seed: int) -> list[str]:
    """Expand a name (kokoro:FOLDER, kokoro:FOLDER#STYLE or kokoro:FOLDER#STYLE:40+STYLE:60) to voices.

    A folder becomes `count` blends of its English styles, drawn from `seed`.

    Raises
    ------
    WorkspaceError : there is no such folder, model or style, or a style file is damaged.
    """
    folder, blend = _parsed(voice)
    _model(folder)
    for style, _ in blend:
        _style(folder, style)
    if blend:
        return [voice]
    english = [name for name in _styles(folder) if name.startswith((*_AMERICAN, *_BRITISH))]
    if len(english) < 2:
        raise WorkspaceError(
            f"voices.voices names {voice!r}, which holds {len(english)} English styles; a blend takes two",
            path=folder / "voices",
            fix="Fetch af_*.bin, am_*.bin, bf_*.bin and bm_*.bin, or name a style, as in kokoro:FOLDER#af_bella",
        )
    for style in english:
        _style(folder, style)
    rng = np.random.default_rng([seed, 9])
    return [f"{PREFIX}{folder}#{text}" for text in blends(english, count, rng)]


def blends(styles: Sequence[str], count: int, rng: np.random.Generator) -> list[str]:
    """Draw different blends of two to four of the styles, such as af_bella:40+am_adam:60."""
    found: dict[str, None] = {}
    while len(found) < count:
        size = int(rng.integers(2, min(4, len(styles)) + 1))
        members = sorted(rng.choice(len(styles), size, replace=False))
        rest = rng.dirichlet(np.ones(size)) * (_PERCENT - _LEAST * size)
        shares = _LEAST + np.floor(rest).astype(int)
        shares[0] += _PERCENT - shares.sum()
        found["+".join(f"{styles[one]}:{share}" for one, share in zip(members, shares, strict=True))] = None
    return list(found)


def label(voice: str) -> str:
    """Return the part of a speaker's name that stands for the voice, such as kokoro-af_bella40-am_adam60."""
    _, blend = _parsed(voice)
    return "-".join(["kokoro", *(f"{style}{share}" if share < _PERCENT else style for style, share in blend)])


def speak(texts: Iterable[str], voice: str, speed: float) -> list[tuple[Float, int]]:
    """Return each of the texts as float32 [n] and its rate in Hz.

    Parameters
    ----------
    voice : one style or blend, as `named` returns it.
    speed : factor of the speaking rate, 0.5 to 2.

    Raises
    ------
    SetupError : the package onnxruntime is not installed.
    WorkspaceError : the model or a style cannot be read.
    AudioError : a text has no sound, or is too long.
    """
    folder, blend = _parsed(voice)
    session = _session(_model(folder))
    mixed = np.sum([_style(folder, name) * np.float32(share / _PERCENT) for name, share in blend], axis=0)
    accent = phonemes.BRITISH if _is_british(blend) else phonemes.AMERICAN
    rate = np.array([min(max(speed, 0.5), 2.0)], dtype=np.float32)
    said = []
    for text in texts:
        # Without a mark at the end the last word is spoken as if more followed.
        marked = text if text.endswith((".", "!", "?", ",")) else f"{text}."
        tokens = phonemes.tokens(marked, accent)
        padded = np.array([[phonemes.PAD, *tokens, phonemes.PAD]], dtype=np.int64)
        (samples, *_) = session.run(None, {"tokens": padded, "style": mixed[len(tokens)], "speed": rate})
        said.append((np.asarray(samples, dtype=np.float32).reshape(-1), RATE))
    return said


def _parsed(voice: str) -> tuple[Path, tuple[tuple[str, int], ...]]:
    """Return the folder of a voice, and its styles with their shares in percent, none for the folder itself."""
    name, _, blend = voice[len(PREFIX) :].partition("#")
    parts = [re.fullmatch(r"(\w+)(?::(\d{1,3}))?", part) for part in blend.split("+")] if blend else []
    found = tuple((part.group(1), int(part.group(2) or _PERCENT)) for part in parts if part)
    if len(found) < len(parts) or (found and sum(share for _, share in found) != _PERCENT):
        raise WorkspaceError(
            f"voices.voices names {voice!r}, whose styles are not to be understood",
            fix="Write one style, as in kokoro:FOLDER#af_bella, or percentages that add up to 100, "
            "as in kokoro:FOLDER#af_bella:40+am_adam:60",
        )
    return Path(name).expanduser(), found


def _is_british(blend: Sequence[tuple[str, int]]) -> bool:
    """Tell whether the British part of a blend outweighs the American one."""
    british, american = (sum(share for style, share in blend if style.startswith(kind)) for kind in (_BRITISH, _AMERICAN))
    return british > american


def _model(folder: Path) -> Path:
    for name in MODELS:
        if (folder / name).is_file():
            return folder / name
    raise WorkspaceError(
        f"voices.voices names {str(folder)!r}, which holds no {' or '.join(MODELS)}",
        path=folder,
        fix="Run `make voices`, or fetch Kokoro-82M v1.0 in ONNX",
    )


def _styles(folder: Path) -> list[str]:
    return sorted(path.stem for path in (folder / "voices").glob("*.bin"))


@functools.lru_cache(maxsize=64)
def _style(folder: Path, name: str) -> Float:
    """Return a style, float32 [510, 1, 256]."""
    path = folder / "voices" / f"{name}.bin"
    try:
        data = path.read_bytes()
    except OSError:
        close = difflib.get_close_matches(name, _styles(folder), n=1)
        fix = f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(_styles(folder)) or 'none'}"
        raise WorkspaceError(f"Kokoro has no style {name!r}", path=path, fix=fix) from None
    expected = 4 * _STYLE[0] * _STYLE[2]
    style = np.frombuffer(data, dtype="<f4").reshape(_STYLE) if len(data) == expected else None
    if style is None or not np.isfinite(style).all():
        raise WorkspaceError(
            f"this is not a style of Kokoro: {len(data)} bytes, expected {expected} of finite numbers",
            path=path,
            fix="Fetch it again",
        )
    return style.astype(np.float32)


@functools.lru_cache(maxsize=1)
def _session(model: Path) -> Any:
    """Return the network of this process, on one thread: speech is made by several processes."""
    try:
        import onnxruntime
    except ImportError:
        raise SetupError("Kokoro's voices need the package onnxruntime", fix="Run `make voices`") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise WorkspaceError(f"this is not Kokoro's network: {reason}", path=model, fix="Fetch it again") from None
