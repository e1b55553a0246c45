"""The DeepSpeech client's own library, 0.9.3, through ctypes: what we measure is what users run.

The library reports trouble in three ways: an error code, a line on the process's standard error, or a crash.
A session that fails inside it ends with "Error running session" on standard error, success as its code and an
empty transcript; so every call runs with standard error caught, and such a line becomes a ModelError. What it
crashes on (damaged files) must be kept from it: see `check_model_file` and `check_scorer_file`.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.errors import ModelError, ScorerError, UserError
from asr.parts import part

Int16 = npt.NDArray[np.int16]

# What the library says about itself on standard error, every time.
_BANNER = re.compile(
    r"^(TensorFlow: |DeepSpeech: |.*cpu_feature_guard|To enable them in other operations"
    r"|Warning: reading entire model file into memory)"
)
_FAILED = "Error running session"


@dataclass(frozen=True)
class Token:
    """One label of a transcript."""

    text: str
    timestep: int  # frame it was written at, from 0
    start_time: float  # s


@dataclass(frozen=True)
class Candidate:
    """One transcript; a higher confidence is better, comparable only within one recording."""

    confidence: float
    tokens: tuple[Token, ...]

    @property
    def text(self) -> str:
        """The transcript."""
        return "".join(token.text for token in self.tokens)


class _Token(ctypes.Structure):
    _fields_ = (("text", ctypes.c_char_p), ("timestep", ctypes.c_uint), ("start_time", ctypes.c_float))


class _Candidate(ctypes.Structure):
    _fields_ = (
        ("tokens", ctypes.POINTER(_Token)),
        ("num_tokens", ctypes.c_uint),
        ("confidence", ctypes.c_double),
    )


class _Metadata(ctypes.Structure):
    _fields_ = (("transcripts", ctypes.POINTER(_Candidate)), ("num_transcripts", ctypes.c_uint))


class Model:
    """A loaded model, with or without a scorer.

    Calls on one or several models exclude each other within a process (standard error is one for all of it);
    to decode in parallel, use processes.

    Parameters
    ----------
    path : output_graph.pbmm, memory-mapped, or output_graph.pb.

    Raises
    ------
    SetupError : the library is not installed.
    ModelError : the file is missing, damaged, or not what the library takes.
    """

    def __init__(self, path: Path | str) -> None:
        self._handle: ctypes.c_void_p | None = None
        self.path = Path(path)
        check_model_file(self.path)
        self._library = _library()
        handle = ctypes.c_void_p()
        with _listening(self.path) as heard:
            code = self._library.DS_CreateModel(os.fsencode(self.path), ctypes.byref(handle))
            if code:
                raise _refused(code, self.path, "Export the model again", heard())
        self._handle = handle

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *exception: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Free the model; it cannot be used afterwards."""
        if self._handle is not None:
            self._library.DS_FreeModel(self._handle)
            self._handle = None

    @property
    def sample_rate(self) -> int:
        """Rate of the recordings that the model hears, Hz."""
        return int(self._library.DS_GetModelSampleRate(self._handle))

    @property
    def beam_width(self) -> int:
        """Hypotheses that the decoder keeps; settable."""
        return int(self._library.DS_GetModelBeamWidth(self._handle))

    @beam_width.setter
    def beam_width(self, width: int) -> None:
        if width < 1:
            raise ModelError(f"a beam width of {width} keeps nothing", fix="Give 1 or more")
        self._check(self._library.DS_SetModelBeamWidth(self._handle, width))

    def enable_scorer(self, path: Path | str) -> None:
        """Decode with the .scorer at `path` from now on; ScorerError where it is missing or damaged."""
        check_scorer_file(path)
        with _listening(path) as heard:
            code = self._library.DS_EnableExternalScorer(self._handle, os.fsencode(path))
            if code:
                raise _refused(code, path, "Make it again with `make scorer`", heard(), ScorerError)

    def disable_scorer(self) -> None:
        """Decode without a scorer from now on."""
        self._check(self._library.DS_DisableExternalScorer(self._handle))

    def set_scorer_alpha_beta(self, alpha: float, beta: float) -> None:
        """Weigh the scorer's language model by `alpha` and each word by `beta`."""
        self._check(self._library.DS_SetScorerAlphaBeta(self._handle, alpha, beta))

    def add_hot_word(self, word: str, boost: float) -> None:
        """Make the scorer add `boost` (negative: take away) where `word` is written."""
        self._check(self._library.DS_AddHotWord(self._handle, word.encode(), boost))

    def erase_hot_word(self, word: str) -> None:
        """Forget one hot word."""
        self._check(self._library.DS_EraseHotWord(self._handle, word.encode()))

    def clear_hot_words(self) -> None:
        """Forget all hot words."""
        self._check(self._library.DS_ClearHotWords(self._handle))

    def stt(self, samples: Int16) -> str:
        """Return the transcript of a whole recording.

        Parameters
        ----------
        samples : int16 [n] at `sample_rate`.
        """
        buffer, length = _buffer(samples)
        with _listening(self.path):
            return _take_string(self._library, self._library.DS_SpeechToText(self._handle, buffer, length))

    def stt_with_metadata(self, samples: Int16, n: int = 1) -> list[Candidate]:
        """Return at most `n` transcripts of a whole recording, best first, with the time of every label."""
        buffer, length = _buffer(samples)
        with _listening(self.path):
            pointer = self._library.DS_SpeechToTextWithMetadata(self._handle, buffer, length, n)
            return _take_metadata(self._library, pointer)

    def create_stream(self) -> Stream:
        """Return a stream to feed with sound as it arrives."""
        return Stream(self)

    def _check(self, code: int) -> None:
        if code:
            raise _refused(code, self.path, "", "")


class Stream:
    """A recording that is heard piece by piece. It ends with `finish`; the model outlives it."""

    def __init__(self, model: Model) -> None:
        self._handle: ctypes.c_void_p | None = None
        self._model = model
        self._library = model._library
        handle = ctypes.c_void_p()
        with _listening(model.path) as heard:
            code = self._library.DS_CreateStream(model._handle, ctypes.byref(handle))
            if code:
                raise _refused(code, model.path, "", heard())
        self._handle = handle

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Drop the stream without decoding it."""
        if self._handle is not None:
            self._library.DS_FreeStream(self._handle)
            self._handle = None

    def feed(self, samples: Int16) -> None:
        """Hear more sound: int16 [n] at the model's sample rate."""
        buffer, length = _buffer(samples)
        with _listening(self._model.path):
            self._library.DS_FeedAudioContent(self._open(), buffer, length)

    def decode(self) -> str:
        """Return the transcript so far; the stream goes on."""
        with _listening(self._model.path):
            return _take_string(self._library, self._library.DS_IntermediateDecode(self._open()))

    def decode_with_metadata(self, n: int = 1) -> list[Candidate]:
        """Return at most `n` transcripts so far; the stream goes on."""
        with _listening(self._model.path):
            pointer = self._library.DS_IntermediateDecodeWithMetadata(self._open(), n)
            return _take_metadata(self._library, pointer)

    def finish(self) -> str:
        """Return the transcript of all that was fed, and end the stream."""
        handle, self._handle = self._open(), None
        with _listening(self._model.path):
            return _take_string(self._library, self._library.DS_FinishStream(handle))

    def finish_with_metadata(self, n: int = 1) -> list[Candidate]:
        """Return at most `n` transcripts of all that was fed, and end the stream."""
        handle, self._handle = self._open(), None
        with _listening(self._model.path):
            return _take_metadata(self._library, self._library.DS_FinishStreamWithMetadata(handle, n))

    def _open(self) -> ctypes.c_void_p:
        if self._handle is None:
            raise ValueError("this stream has ended")
        return self._handle


def version() -> str:
    """Return the version of the library, such as 0.9.3."""
    library = _library()
    return _take_string(library, library.DS_Version())


def check_model_file(path: Path | str) -> None:
    """placeholder until measured"""


def check_scorer_file(path: Path | str) -> None:
    """placeholder until measured"""


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    """Load the library and declare its functions (native_client/deepspeech.h of release 0.9.3)."""
    path = part("lib/libdeepspeech.so")
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise ModelError(
            f"this library cannot be loaded: {error}", path=path, fix="Run `make setup`"
        ) from None
    # Returned strings are c_void_p: as c_char_p, ctypes would copy them and lose what has to be freed.
    text, handle, metadata = ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(_Metadata)
    sound, count, name = ctypes.c_void_p, ctypes.c_uint, ctypes.c_char_p
    integer, real, out = ctypes.c_int, ctypes.c_float, ctypes.POINTER(ctypes.c_void_p)
    signatures: dict[str, tuple[Any, ...]] = {
        "CreateModel": (integer, name, out),
        "FreeModel": (None, handle),
        "GetModelSampleRate": (integer, handle),
        "GetModelBeamWidth": (count, handle),
        "SetModelBeamWidth": (integer, handle, count),
        "EnableExternalScorer": (integer, handle, name),
        "DisableExternalScorer": (integer, handle),
        "SetScorerAlphaBeta": (integer, handle, real, real),
        "AddHotWord": (integer, handle, name, real),
        "EraseHotWord": (integer, handle, name),
        "ClearHotWords": (integer, handle),
        "SpeechToText": (text, handle, sound, count),
        "SpeechToTextWithMetadata": (metadata, handle, sound, count, count),
        "CreateStream": (integer, handle, out),
        "FeedAudioContent": (None, handle, sound, count),
        "IntermediateDecode": (text, handle),
        "IntermediateDecodeWithMetadata": (metadata, handle, count),
        "FinishStream": (text, handle),
        "FinishStreamWithMetadata": (metadata, handle, count),
        "FreeStream": (None, handle),
        "FreeMetadata": (None, metadata),
        "FreeString": (None, text),
        "Version": (text,),
        "ErrorCodeToErrorMessage": (text, integer),
    }
    for function, (result, *arguments) in signatures.items():
        declared = getattr(library, f"DS_{function}")
        declared.restype, declared.argtypes = result, arguments
    return library


_one_at_a_time = threading.RLock()


@contextmanager
def _listening(path: Path | str) -> Iterator[Any]:
    """Catch what the library writes to standard error; raise ModelError where a session failed.

    Yields a function that returns what was written so far. What is not the library's banner is passed on when
    the block succeeds, so that a line another thread wrote meanwhile is not lost.
    """
    with (
        _one_at_a_time,
        tempfile.TemporaryFile() if not hasattr(os, "memfd_create") else _memory_file() as caught,
    ):

        def heard() -> str:
            return os.pread(caught.fileno(), 1 << 20, 0).decode("utf-8", "replace")

        sys.stderr.flush()
        try:
            saved = os.dup(2)
        except OSError:
            saved = -1  # a process without standard error
        os.dup2(caught.fileno(), 2)
        try:
            yield heard
        finally:
            if saved < 0:
                os.close(2)
            else:
                os.dup2(saved, 2)
                os.close(saved)
        lines = [line for line in heard().splitlines() if line.strip() and not _BANNER.match(line)]
    if any(_FAILED in line for line in lines):
        raise ModelError(f"the library could not run this model: {' '.join(lines)}", path=path)
    if lines and saved >= 0:
        os.write(2, ("\n".join(lines) + "\n").encode())


def _memory_file() -> Any:
    return os.fdopen(os.memfd_create("libdeepspeech"), "w+b", buffering=0)


def _buffer(samples: Int16) -> tuple[ctypes.c_void_p, int]:
    if samples.dtype != np.int16 or samples.ndim != 1:
        raise ValueError(f"samples must be int16 [n], not {samples.dtype} {list(samples.shape)}")
    contiguous = np.ascontiguousarray(samples)
    pointer = ctypes.c_void_p(contiguous.ctypes.data)
    pointer.keeps = contiguous  # type: ignore[attr-defined]
    return pointer, len(contiguous)


def _take_string(library: ctypes.CDLL, pointer: int | None) -> str:
    if not pointer:
        return ""
    try:
        return ctypes.string_at(pointer).decode("utf-8", "replace")
    finally:
        library.DS_FreeString(pointer)


def _take_metadata(library: ctypes.CDLL, pointer: Any) -> list[Candidate]:
    if not pointer:
        return []
    try:
        metadata = pointer.contents
        return [
            Candidate(
                candidate.confidence,
                tuple(
                    Token(token.text.decode("utf-8", "replace"), token.timestep, token.start_time)
                    for token in candidate.tokens[: candidate.num_tokens]
                ),
            )
            for candidate in metadata.transcripts[: metadata.num_transcripts]
        ]
    finally:
        library.DS_FreeMetadata(pointer)


def _refused(
    code: int, path: Path | str, fix: str, heard: str, kind: type[UserError] = ModelError
) -> UserError:
    """Return the error for a code of the library."""
    library = _library()
    message = _take_string(library, library.DS_ErrorCodeToErrorMessage(code)).rstrip(".")
    detail = " ".join(line for line in heard.splitlines() if line.strip() and not _BANNER.match(line))
    return kind(
        f"the library refuses it: {message} (0x{code:04x}){f': {detail}' if detail else ''}",
        path=path,
        fix=fix,
    )
