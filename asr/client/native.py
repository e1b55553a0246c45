"""libdeepspeech 0.9.3: loading, C declarations, and messages on standard error."""

from __future__ import annotations

import ctypes
import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from asr.core.errors import ModelError, SetupError
from asr.core.stderr import redirected_stderr
from asr.core.third_party import part

# Messages that the library always writes.
_BANNER = re.compile(
    r"^(TensorFlow: |DeepSpeech: |.*cpu_feature_guard|To enable them in other operations"
    r"|Warning: reading entire model file into memory)"
)
_FAILED = "Error running session"
# There is one standard error for the whole process, so only one call can be captured at a time.
_one_at_a_time = threading.RLock()


class TokenStruct(ctypes.Structure):
    """TokenMetadata of deepspeech.h."""

    _fields_ = (("text", ctypes.c_char_p), ("timestep", ctypes.c_uint), ("start_time", ctypes.c_float))


class CandidateStruct(ctypes.Structure):
    """CandidateTranscript of deepspeech.h."""

    _fields_ = (("tokens", ctypes.POINTER(TokenStruct)), ("num_tokens", ctypes.c_uint), ("confidence", ctypes.c_double))


class MetadataStruct(ctypes.Structure):
    """Metadata of deepspeech.h."""

    _fields_ = (("transcripts", ctypes.POINTER(CandidateStruct)), ("num_transcripts", ctypes.c_uint))


@lru_cache(maxsize=1)
def library() -> ctypes.CDLL:
    """Load the library and declare its functions (native_client/deepspeech.h of release 0.9.3).

    Raises
    ------
    SetupError : it is not installed, or cannot be loaded on this machine.
    """
    path = part("lib/libdeepspeech.so")
    try:
        loaded = ctypes.CDLL(str(path))
    except OSError as error:
        raise SetupError(f"this library cannot be loaded: {error}", path=path, fix="Run `make setup`") from None
    # Returned strings are c_void_p: ctypes would convert c_char_p and lose the pointer to free.
    text, handle, metadata = ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(MetadataStruct)
    sound, count, name = ctypes.c_void_p, ctypes.c_uint, ctypes.c_char_p
    integer, real, out = ctypes.c_int, ctypes.c_float, ctypes.POINTER(ctypes.c_void_p)
    signatures: dict[str, tuple[Any, ...]] = {
        "CreateModel": (integer, name, out),
        "FreeModel": (None, handle),
        "GetModelSampleRate": (integer, handle),
        "GetModelBeamWidth": (count, handle),
        "SetModelBeamWidth": (integer, handle, count),
        "EnableExternalScorer": (integer, handle, name),
        "SetScorerAlphaBeta": (integer, handle, real, real),
        "AddHotWord": (integer, handle, name, real),
        "SpeechToText": (text, handle, sound, count),
        "SpeechToTextWithMetadata": (metadata, handle, sound, count, count),
        "CreateStream": (integer, handle, out),
        "FeedAudioContent": (None, handle, sound, count),
        "IntermediateDecode": (text, handle),
        "FinishStream": (text, handle),
        "FinishStreamWithMetadata": (metadata, handle, count),
        "FreeStream": (None, handle),
        "FreeMetadata": (None, metadata),
        "FreeString": (None, text),
        "Version": (text,),
        "ErrorCodeToErrorMessage": (text, integer),
    }
    for function, (result, *arguments) in signatures.items():
        declared = getattr(loaded, f"DS_{function}")
        declared.restype, declared.argtypes = result, arguments
    return loaded


def take_string(pointer: int | None) -> str:
    """Return a string from the library, and free it."""
    if not pointer:
        return ""
    try:
        return ctypes.string_at(pointer).decode("utf-8", "replace")
    finally:
        library().DS_FreeString(pointer)


def message(code: int) -> str:
    """Return the library's message for an error code."""
    return f"{take_string(library().DS_ErrorCodeToErrorMessage(code)).rstrip('.')} (0x{code:04x})"


@contextmanager
def captured_messages(path: Path | str) -> Iterator[Callable[[], str]]:
    """Capture what the library writes to standard error during the block.

    Yields a function that returns it so far, in one line without the library's banner. The rest is passed on when the
    block succeeds, because it may come from another thread.

    Parameters
    ----------
    path : of the model, for the message.

    Raises
    ------
    ModelError : a session failed in the library, which itself reports success.
    """
    with _one_at_a_time, tempfile.TemporaryFile(buffering=0) as captured:

        def messages() -> str:
            lines = os.pread(captured.fileno(), 1 << 20, 0).decode("utf-8", "replace").splitlines()
            return " ".join(line.strip() for line in lines if line.strip() and not _BANNER.match(line))

        with redirected_stderr(captured.fileno()) as has_stderr:
            yield messages
        rest = messages()
    if _FAILED in rest:
        raise ModelError(f"the library could not run this model: {rest}", path=path)
    if rest and has_stderr:
        os.write(2, f"{rest}\n".encode())
