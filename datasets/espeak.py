"""espeak-ng's library through ctypes: deterministic text to speech.

The library and its voices come in the package espeakng_loader, so no system package is needed. Its output depends on
earlier calls (phases and noise persist in its globals), so it is loaded anew for each sentence, which takes 0.2 ms.
"""

from __future__ import annotations

import ctypes
import functools
import os
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.core.errors import SetupError, WorkspaceError

# Values of espeak-ng's speak_lib.h.
_SYNCHRONOUS, _POSITION_CHARACTER, _UTF8, _DO_NOT_EXIT = 2, 1, 1, 0x8000
_IPA, _WITH_TIES = 0x02, 0x80
# Joins the letters of one sound, such as those of a diphthong, in what `phonemes` returns.
TIE = "^"
# The library truncates a longer path to its data.
_LONGEST_PATH = 140  # bytes
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4


class Espeak:
    """espeak-ng's library, loaded anew for each call."""

    def __init__(self) -> None:
        self._data = data_folder()
        if len(os.fsencode(self._data)) > _LONGEST_PATH:
            self._short = tempfile.TemporaryDirectory(prefix="asr-espeak-")
            short = Path(self._short.name, self._data.name)
            short.symlink_to(self._data)
            self._data = short
        self._pieces: list[npt.NDArray[np.int16]] = []
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
        # A field keeps it alive: the library calls it later.
        self._callback = kind(self._take)
        # The library exists once per process.
        self._lock = threading.Lock()

    def _take(self, samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            self._pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    @contextmanager
    def _open(self) -> Iterator[tuple[Any, int]]:
        """Yield a freshly loaded library, and its sample rate in Hz."""
        import espeakng_loader

        system = ctypes.CDLL(None)
        with self._lock:
            library = ctypes.CDLL(espeakng_loader.get_library_path())
            try:
                rate = int(library.espeak_Initialize(_SYNCHRONOUS, 0, str(self._data).encode(), _DO_NOT_EXIT))
                if rate <= 0:
                    raise SetupError("espeak-ng's library does not start", path=self._data, fix="Run `make setup`")
                library.espeak_SetSynthCallback(self._callback)
                system.srand(1)
                if hasattr(library, "espeak_ng_SetRandSeed"):
                    library.espeak_ng_SetRandSeed(ctypes.c_long(1))
                yield library, rate
            finally:
                library.espeak_Terminate()
                # Unloading resets its globals; Python never unloads by itself.
                system.dlclose(ctypes.c_void_p(library._handle))

    def has(self, voice: str) -> bool:
        """Tell whether there is such an accent; an unknown variant after it is ignored."""
        with self._open() as (library, _):
            return int(library.espeak_SetVoiceByName(voice.encode())) == 0

    def speak(
        self, text: str, voice: str, speed: float, pitch: float, intonation: float
    ) -> tuple[npt.NDArray[np.int16], int]:
        """Return `text` as int16 [n], and the rate in Hz.

        Parameters
        ----------
        voice : accent and variant, such as en-us+f3.
        speed : words a minute, 80 to 450.
        pitch, intonation : 0 to 100, 50 is the voice's own.

        Raises
        ------
        WorkspaceError : there is no such voice.
        SetupError : the library does not start.
        """
        with self._open() as (library, rate):
            if library.espeak_SetVoiceByName(voice.encode()):
                raise WorkspaceError(f"espeak-ng has no voice {voice!r}", fix="Check voices.voices in asr.toml")
            for parameter, value in ((_RATE, speed), (_PITCH, pitch), (_RANGE, intonation), (_VOLUME, 100)):
                library.espeak_SetParameter(parameter, round(value), 0)
            self._pieces.clear()
            data = text.encode("utf-8")
            library.espeak_Synth(data, len(data) + 1, 0, _POSITION_CHARACTER, 0, _UTF8, None, None)
            library.espeak_Synchronize()
            return np.concatenate([np.zeros(0, dtype=np.int16), *self._pieces]), rate

    def phonemes(self, text: str, voice: str) -> str:
        """Return the phonemes of `text` in the IPA, with TIE between the letters of one sound.

        Raises
        ------
        WorkspaceError : there is no such voice.
        SetupError : the library does not start.
        """
        with self._translating(voice) as library:
            return _translate(library, text, _IPA | _WITH_TIES | ord(TIE) << 8)

    def phoneme_lists(self, texts: Iterable[str], voice: str) -> list[tuple[str, ...]]:
        """Return how each text is said: phonemes in the IPA one by one, with stress marks before vowels.

        Raises
        ------
        WorkspaceError, SetupError : as `phonemes`.
        """
        with self._translating(voice) as library:
            said = (_translate(library, text, _IPA | ord("_") << 8) for text in texts)
            return [tuple(one.replace("_", " ").split()) for one in said]

    @contextmanager
    def _translating(self, voice: str) -> Iterator[Any]:
        with self._open() as (library, _):
            if library.espeak_SetVoiceByName(voice.encode()):
                raise WorkspaceError(f"espeak-ng has no voice {voice!r}", fix="Check alphabet.language in asr.toml")
            library.espeak_TextToPhonemes.restype = ctypes.c_char_p
            library.espeak_TextToPhonemes.argtypes = [ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int]
            yield library


def _translate(library: Any, text: str, mode: int) -> str:
    # The library translates a clause a call; it moves the pointer behind it, and sets it to null at the end.
    rest = ctypes.c_char_p(text.encode("utf-8"))
    clauses = []
    while rest.value:
        clauses.append(library.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, mode).decode("utf-8"))
    return " ".join(clauses)


@functools.cache
def espeak() -> Espeak:
    """Return the library of this process."""
    return Espeak()


def data_folder() -> Path:
    """Return the folder espeak-ng-data; SetupError if the package is missing."""
    try:
        import espeakng_loader
    except ImportError:
        raise SetupError("the package espeakng_loader is not installed", fix="Run `make setup`") from None
    return Path(espeakng_loader.get_data_path())


@functools.cache
def languages() -> tuple[str, ...]:
    """Return espeak-ng's names of languages and accents, such as en-us or en-gb-scotland."""
    names = set()
    for path in (data_folder() / "lang").rglob("*"):
        if path.is_file():
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                words = line.split()
                if len(words) >= 2 and words[0] == "language":
                    names.add(words[1].lower())
    return tuple(sorted(names))


@functools.cache
def variants() -> frozenset[str]:
    """Return the names that may follow an accent and a "+", such as f3 or Andy."""
    return frozenset(path.name for path in (data_folder() / "voices" / "!v").iterdir())
