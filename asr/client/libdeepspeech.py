"""The DeepSpeech client's library, 0.9.3, through ctypes: models are measured with what users run.

The library reports errors by an error code, by a line on standard error, or by crashing. Where a session fails, it
writes "Error running session" to standard error and returns success and an empty transcript. So standard error is
captured in every call that runs the model, and that line becomes a ModelError. Scorers are checked before loading.
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

from asr.client.native import captured_messages, library, message, take_string
from asr.client.scorer_file import check_scorer
from asr.core.errors import ModelError, ScorerError, UserError

Int16 = npt.NDArray[np.int16]


@dataclass(frozen=True)
class Token:
    """One label of a transcript."""

    text: str
    timestep: int  # frame, from 0
    start_time: float  # s


@dataclass(frozen=True)
class Candidate:
    """One transcript; confidences are comparable only within one recording, higher is better."""

    confidence: float
    tokens: tuple[Token, ...]

    @property
    def text(self) -> str:
        """The transcript."""
        return "".join(token.text for token in self.tokens)

    @property
    def words(self) -> tuple[tuple[str, float], ...]:
        """Each word with the time of its first label, s; labels are emitted during or after their sound."""
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

    Calls are serialised within a process, because standard error is shared; decode in parallel with processes.

    Parameters
    ----------
    path : output_graph.pbmm, memory-mapped, or output_graph.pb.

    Raises
    ------
    SetupError : the library is not installed.
    ModelError : the file is missing, damaged, or of another format.
    """

    def __init__(self, path: Path | str) -> None:
        self._handle: ctypes.c_void_p | None = None
        self._streams: weakref.WeakSet[Stream] = weakref.WeakSet()
        self.path = Path(path)
        _check_present(self.path)
        self._library = library()
        handle = ctypes.c_void_p()
        with captured_messages(self.path) as messages:
            code = self._library.DS_CreateModel(os.fsencode(self.path), ctypes.byref(handle))
            if code:
                raise _refused(code, self.path, "Export the model again", messages())
        self._handle = handle

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Free the model, which cannot be used afterwards."""
        if self._handle is not None:
            for stream in list(self._streams):
                stream.close()
            self._library.DS_FreeModel(self._handle)
            self._handle = None

    @property
    def sample_rate(self) -> int:
        """Sample rate of the model's input, Hz."""
        return int(self._library.DS_GetModelSampleRate(self._open()))

    @property
    def beam_width(self) -> int:
        """Beam width of the decoder; settable."""
        return int(self._library.DS_GetModelBeamWidth(self._open()))

    @beam_width.setter
    def beam_width(self, width: int) -> None:
        if width < 1:
            raise ModelError(f"the beam width {width} is too small", fix="Use 1 or more")
        self._check(self._library.DS_SetModelBeamWidth(self._open(), width))

    def enable_scorer(self, path: Path | str) -> None:
        """Decode with the .scorer at `path`; ScorerError if it is missing or damaged."""
        check_scorer(path)
        with captured_messages(path) as messages:
            code = self._library.DS_EnableExternalScorer(self._open(), os.fsencode(path))
            if code:
                raise _refused(code, path, "Make it again with `make scorer`", messages(), ScorerError)

    def set_scorer_alpha_beta(self, alpha: float, beta: float) -> None:
        """Set the scorer's language model weight `alpha` and word insertion bonus `beta`."""
        self._check(self._library.DS_SetScorerAlphaBeta(self._open(), alpha, beta))

    def add_hot_word(self, word: str, boost: float) -> None:
        """Make the scorer add `boost`, which may be negative, for each `word`."""
        self._check(self._library.DS_AddHotWord(self._open(), word.encode(), boost))

    def stt(self, samples: Int16) -> str:
        """Return the transcript of a whole recording.

        Parameters
        ----------
        samples : int16 [n] at `sample_rate`.
        """
        buffer, length = _buffer(samples)
        with captured_messages(self.path):
            return take_string(self._library.DS_SpeechToText(self._open(), buffer, length))

    def stt_with_metadata(self, samples: Int16, n: int = 1) -> list[Candidate]:
        """Return at most `n` transcripts of a whole recording, best first, with the times of their labels."""
        buffer, length = _buffer(samples)
        with captured_messages(self.path):
            pointer = self._library.DS_SpeechToTextWithMetadata(self._open(), buffer, length, n)
            return _take_metadata(pointer)

    def create_stream(self) -> Stream:
        """Return a stream that is fed piece by piece."""
        return Stream(self)

    def _open(self) -> ctypes.c_void_p:
        if self._handle is None:
            raise ValueError("this model is closed")
        return self._handle

    def _check(self, code: int) -> None:
        if code:
            raise _refused(code, self.path)


class Stream:
    """A recording fed piece by piece, until `finish`."""

    def __init__(self, model: Model) -> None:
        self._handle: ctypes.c_void_p | None = None
        self._model = model
        self._library = model._library
        handle = ctypes.c_void_p()
        with captured_messages(model.path) as messages:
            code = self._library.DS_CreateStream(model._open(), ctypes.byref(handle))
            if code:
                raise _refused(code, model.path, "", messages())
        self._handle = handle
        model._streams.add(self)

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Discard the stream without decoding it."""
        if self._handle is not None:
            self._library.DS_FreeStream(self._handle)
            self._handle = None

    def feed(self, samples: Int16) -> None:
        """Add samples, int16 [n] at the model's sample rate."""
        buffer, length = _buffer(samples)
        with captured_messages(self._model.path):
            self._library.DS_FeedAudioContent(self._open(), buffer, length)

    def decode(self) -> str:
        """Return the transcript so far; the stream stays open."""
        with captured_messages(self._model.path):
            return take_string(self._library.DS_IntermediateDecode(self._open()))

    def finish(self) -> str:
        """Return the transcript, and end the stream."""
        handle, self._handle = self._open(), None
        with captured_messages(self._model.path):
            return take_string(self._library.DS_FinishStream(handle))

    def finish_with_metadata(self, n: int = 1) -> list[Candidate]:
        """Return at most `n` transcripts, and end the stream."""
        handle, self._handle = self._open(), None
        with captured_messages(self._model.path):
            return _take_metadata(self._library.DS_FinishStreamWithMetadata(handle, n))

    def _open(self) -> ctypes.c_void_p:
        if self._handle is None:
            raise ValueError("this stream has ended")
        return self._handle


def version() -> str:
    """Return the version of the library, such as 0.9.3."""
    return take_string(library().DS_Version())


def _check_present(path: Path) -> None:
    """Raise a clearer error than the library's for a missing or empty file."""
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
    code: int, path: Path | str, fix: str = "", detail: str = "", kind: type[UserError] = ModelError
) -> UserError:
    """Return the error for a code of the library."""
    return kind(f"the library refuses it: {message(code)}{detail and f': {detail}'}", path=path, fix=fix)
