"""The DeepSpeech client's own library, 0.9.3, through ctypes: what we measure is what users run.

The library reports trouble in three ways: an error code, a line on the process's standard error, or a crash.
A session that fails inside it ends with "Error running session" on standard error, success as its code and an
empty transcript; so every call that runs the model has standard error caught, and such a line becomes a
ModelError. Damaged files are found out before the library gets them.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.client.native import library, listening, message, take_string
from asr.client.scorer_file import check_scorer
from asr.core.errors import ModelError, ScorerError, UserError

Int16 = npt.NDArray[np.int16]


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

    @property
    def words(self) -> tuple[tuple[str, float], ...]:
        """Each word and when its first letter was written, s; a network writes a letter while or after it sounds."""
        found: list[tuple[str, float]] = []
        inside = False
        for token in self.tokens:
            if token.text == " ":
                inside = False
            elif inside:
                found[-1] = (found[-1][0] + token.text, found[-1][1])
            else:
                found.append((token.text, token.start_time))
                inside = True
        return tuple(found)


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
        self._streams: weakref.WeakSet[Stream] = weakref.WeakSet()
        self.path = Path(path)
        _check_present(self.path)
        self._library = library()
        handle = ctypes.c_void_p()
        with listening(self.path) as heard:
            code = self._library.DS_CreateModel(os.fsencode(self.path), ctypes.byref(handle))
            if code:
                raise _refused(code, self.path, "Export the model again", heard())
        self._handle = handle

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Free the model; it cannot be used afterwards."""
        if self._handle is not None:
            for stream in list(self._streams):
                stream.close()
            self._library.DS_FreeModel(self._handle)
            self._handle = None

    @property
    def sample_rate(self) -> int:
        """Rate of the recordings that the model hears, Hz."""
        return int(self._library.DS_GetModelSampleRate(self._open()))

    @property
    def beam_width(self) -> int:
        """Hypotheses that the decoder keeps; settable."""
        return int(self._library.DS_GetModelBeamWidth(self._open()))

    @beam_width.setter
    def beam_width(self, width: int) -> None:
        if width < 1:
            raise ModelError(f"a beam width of {width} keeps nothing", fix="Give 1 or more")
        self._check(self._library.DS_SetModelBeamWidth(self._open(), width))

    def enable_scorer(self, path: Path | str) -> None:
        """Decode with the .scorer at `path` from now on; ScorerError where it is missing or damaged."""
        check_scorer(path)
        with listening(path) as heard:
            code = self._library.DS_EnableExternalScorer(self._open(), os.fsencode(path))
            if code:
                raise _refused(code, path, "Make it again with `make scorer`", heard(), ScorerError)

    def set_scorer_alpha_beta(self, alpha: float, beta: float) -> None:
        """Weigh the scorer's language model by `alpha` and each word by `beta`."""
        self._check(self._library.DS_SetScorerAlphaBeta(self._open(), alpha, beta))

    def add_hot_word(self, word: str, boost: float) -> None:
        """Make the scorer add `boost` (negative: take away) where `word` is written."""
        self._check(self._library.DS_AddHotWord(self._open(), word.encode(), boost))

    def stt(self, samples: Int16) -> str:
        """Return the transcript of a whole recording.

        Parameters
        ----------
        samples : int16 [n] at `sample_rate`.
        """
        buffer, length = _buffer(samples)
        with listening(self.path):
            return take_string(self._library.DS_SpeechToText(self._open(), buffer, length))

    def stt_with_metadata(self, samples: Int16, n: int = 1) -> list[Candidate]:
        """Return at most `n` transcripts of a whole recording, best first, with the time of every label."""
        buffer, length = _buffer(samples)
        with listening(self.path):
            pointer = self._library.DS_SpeechToTextWithMetadata(self._open(), buffer, length, n)
            return _take_metadata(pointer)

    def create_stream(self) -> Stream:
        """Return a stream to feed with sound as it arrives."""
        return Stream(self)

    def _open(self) -> ctypes.c_void_p:
        if self._handle is None:
            raise ValueError("this model was closed")
        return self._handle

    def _check(self, code: int) -> None:
        if code:
            raise _refused(code, self.path)


class Stream:
    """A recording that is heard piece by piece. It ends with `finish`; the model outlives it."""

    def __init__(self, model: Model) -> None:
        self._handle: ctypes.c_void_p | None = None
        self._model = model
        self._library = model._library
        handle = ctypes.c_void_p()
        with listening(model.path) as heard:
            code = self._library.DS_CreateStream(model._open(), ctypes.byref(handle))
            if code:
                raise _refused(code, model.path, "", heard())
        self._handle = handle
        model._streams.add(self)

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
        with listening(self._model.path):
            self._library.DS_FeedAudioContent(self._open(), buffer, length)

    def decode(self) -> str:
        """Return the transcript so far; the stream goes on."""
        with listening(self._model.path):
            return take_string(self._library.DS_IntermediateDecode(self._open()))

    def finish(self) -> str:
        """Return the transcript of all that was fed, and end the stream."""
        handle, self._handle = self._open(), None
        with listening(self._model.path):
            return take_string(self._library.DS_FinishStream(handle))

    def finish_with_metadata(self, n: int = 1) -> list[Candidate]:
        """Return at most `n` transcripts of all that was fed, and end the stream."""
        handle, self._handle = self._open(), None
        with listening(self._model.path):
            return _take_metadata(self._library.DS_FinishStreamWithMetadata(handle, n))

    def _open(self) -> ctypes.c_void_p:
        if self._handle is None:
            raise ValueError("this stream has ended")
        return self._handle


def version() -> str:
    """Return the version of the library, such as 0.9.3."""
    return take_string(library().DS_Version())


def _check_present(path: Path) -> None:
    """Say in plain words what the library says in TensorFlow's."""
    if not path.is_file():
        raise ModelError("there is no such model", path=path, fix="Give the path of an exported model")
    if not path.stat().st_size:
        raise ModelError("this model is empty", path=path, fix="Export the model again")


def _buffer(samples: Int16) -> tuple[ctypes.c_void_p, int]:
    if samples.dtype != np.int16 or samples.ndim != 1:
        raise ValueError(f"samples must be int16 [n], not {samples.dtype} {list(samples.shape)}")
    contiguous = np.ascontiguousarray(samples)
    pointer = ctypes.c_void_p(contiguous.ctypes.data)
    pointer.keeps = contiguous  # type: ignore[attr-defined]
    return pointer, len(contiguous)


def _take_metadata(pointer: Any) -> list[Candidate]:
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
        library().DS_FreeMetadata(pointer)


def _refused(
    code: int, path: Path | str, fix: str = "", heard: str = "", kind: type[UserError] = ModelError
) -> UserError:
    """Return the error for a code of the library."""
    detail = f": {heard}" if heard else ""
    return kind(f"the library refuses it: {message(code)}{detail}", path=path, fix=fix)
