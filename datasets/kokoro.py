"""Kokoro's voices: neural text to speech by an 82-million-parameter network in ONNX (Apache-2.0).

A style is a vector that makes the network sound like one speaker; a weighted mean of two to four styles sounds like
another. The folder holds the model's own files: kokoro-v1.0.onnx or kokoro-v1.0.int8.onnx, and voices/*.bin. A voice
without a folder uses the one that `make voices` fills. The output is deterministic.
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

from asr.core import third_party
from asr.core.errors import SetupError, WorkspaceError
from datasets import phonemes

Float = npt.NDArray[np.float32]

NAME = "kokoro"
LANGUAGE = "en"
MODELS = ("kokoro-v1.0.onnx", "kokoro-v1.0.int8.onnx")
PART = "voices/kokoro"  # the folder that `make voices` fills, among the third-party parts
RATE = 24000  # Hz
COST = 0.6  # s of one processor core for a second of speech, on an AMD EPYC with AVX2
PAUSES = 0.6  # s of silence that it adds to a sentence
_FORM = re.compile(rf"{NAME}(?::([^#]+))?(?:#(.+))?")
_INPUTS = {"tokens", "style", "speed"}
_STYLE = (510, 1, 256)  # float32: a row for each number of tokens
_PERCENT = 100
_LEAST = 15  # percent of a style in a blend; less is not heard
# The styles that speak English: American women and men, British women and men.
_AMERICAN, _BRITISH = ("af_", "am_"), ("bf_", "bm_")


def is_voice(voice: str) -> bool:
    """Tell whether this names a voice of Kokoro."""
    return re.match(rf"{NAME}(?:[:#]|$)", voice) is not None


def named(voice: str, language: str, count: int, seed: int) -> list[str]:
    """Expand a name (kokoro, kokoro:FOLDER, kokoro:FOLDER#STYLE or kokoro:FOLDER#STYLE:40+STYLE:60) to voices.

    A name without a style becomes `count` blends of English styles, drawn from `seed`; fewer where there are not as
    many.

    Parameters
    ----------
    language : BCP 47, as alphabet.language.

    Raises
    ------
    WorkspaceError : there is no such folder, model or style, a style file is damaged, or the language is not English.
    """
    if language.lower().partition("-")[0] != LANGUAGE:
        raise WorkspaceError(
            f"voices.voices names {voice!r}, which speaks English, but alphabet.language is {language!r}",
            fix="Name voices of that language",
        )
    start, folder, blend = _parsed(voice)
    _model(voice, folder)
    for style, _ in blend:
        _style(folder, style)
    if blend:
        return [voice]
    english = [name for name in styles(folder) if name.startswith((*_AMERICAN, *_BRITISH))]
    if len(english) < 2:
        raise WorkspaceError(
            f"voices.voices names {voice!r}, which holds {len(english)} of Kokoro's English styles; blends take two",
            path=folder / "voices",
            fix="Add af_*.bin, am_*.bin, bf_*.bin and bm_*.bin, or name one style, as in kokoro:FOLDER#af_bella",
        )
    for style in english:
        _style(folder, style)
    return [f"{start}#{text}" for text in blends(english, count, np.random.default_rng([seed, 9]))]


def blends(members: Sequence[str], count: int, rng: np.random.Generator) -> list[str]:
    """Draw `count` different blends of two to four of the styles, such as af_bella:40+am_adam:60.

    Of two or three styles there are not always as many.
    """
    found: dict[str, None] = {}
    for _ in range(20 * count):
        if len(found) == count:
            break
        size = int(rng.integers(2, min(4, len(members)) + 1))
        chosen = sorted(rng.choice(len(members), size, replace=False))
        rest = rng.dirichlet(np.ones(size)) * (_PERCENT - _LEAST * size)
        shares = _LEAST + np.floor(rest).astype(int)
        shares[0] += _PERCENT - shares.sum()
        found["+".join(f"{members[one]}:{share}" for one, share in zip(chosen, shares, strict=True))] = None
    return list(found)


def label(voice: str) -> str:
    """Return the part of a speaker's name that stands for the voice, such as kokoro-af_bella40-am_adam60."""
    *_, blend = _parsed(voice)
    return "-".join([NAME, *(f"{style}{share}" if share < _PERCENT else style for style, share in blend)])


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
    _, folder, blend = _parsed(voice)
    session = _session(_model(voice, folder))
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


def styles(folder: Path) -> list[str]:
    """Return the names of the styles in a folder, sorted."""
    return sorted(path.stem for path in (folder / "voices").glob("*.bin"))


def _parsed(voice: str) -> tuple[str, Path, tuple[tuple[str, int], ...]]:
    """Return the name before the style, the folder, and the styles with their shares in percent, if named."""
    form = _FORM.fullmatch(voice)
    folder, blend = form.groups(default="") if form else ("", "")
    parts = [re.fullmatch(r"(\w+)(?::(\d{1,3}))?", part) for part in blend.split("+")] if blend else []
    found = tuple((part.group(1), int(part.group(2) or _PERCENT)) for part in parts if part)
    if form is None or len(found) < len(parts) or (found and sum(share for _, share in found) != _PERCENT):
        raise WorkspaceError(
            f"voices.voices names {voice!r}, which is neither a style nor a blend of Kokoro's",
            fix="Write kokoro:FOLDER, kokoro:FOLDER#af_bella, or shares that add up to 100, as in "
            "kokoro:FOLDER#af_bella:40+am_adam:60",
        )
    place = Path(folder).expanduser() if folder else third_party.folder() / PART
    return voice.partition("#")[0], place, found


def _is_british(blend: Sequence[tuple[str, int]]) -> bool:
    """Tell whether the British part of a blend outweighs the American one."""
    british, american = (
        sum(share for style, share in blend if style.startswith(kind)) for kind in (_BRITISH, _AMERICAN)
    )
    return british > american


def _model(voice: str, folder: Path) -> Path:
    for name in MODELS:
        if (folder / name).is_file():
            return folder / name
    raise WorkspaceError(
        f"voices.voices names {voice!r}, but this folder holds no {' or '.join(MODELS)}",
        path=folder,
        fix="Run `make voices` and name it kokoro, or fetch the files of Kokoro-82M v1.0",
    )


@functools.lru_cache(maxsize=64)
def _style(folder: Path, name: str) -> Float:
    """Return a style, float32 [510, 1, 256]."""
    path = folder / "voices" / f"{name}.bin"
    try:
        data = path.read_bytes()
    except OSError:
        there = styles(folder)
        close = difflib.get_close_matches(name, there, n=1)
        fix = f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(there) or 'none'}"
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
    fix = "Run `make voices` and name it kokoro, or fetch it again"
    try:
        session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        reason = [*str(error).split("\n"), ""][0]
        raise WorkspaceError(f"this is not Kokoro's network: {reason}", path=model, fix=fix) from None
    inputs = {one.name for one in session.get_inputs()}
    if inputs != _INPUTS:
        found, expected = (", ".join(sorted(names)) for names in (inputs, _INPUTS))
        raise WorkspaceError(
            f"this is not Kokoro's network: its inputs are {found}, not {expected}", path=model, fix=fix
        )
    return session
