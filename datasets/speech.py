"""Synthetic voices: espeak-ng through its library, and Piper's as a program, where somebody installed them.

espeak-ng's library and voices come in the package espeakng_loader, so no system package is needed. What the
library says depends on what it said before (phases and noise go on in its globals, whatever is set or initialised
again), so it is loaded anew for each sentence, which takes 0.2 ms: the same sentence is always the same samples.
"""

from __future__ import annotations

import ctypes
import difflib
import functools
import multiprocessing
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asr import audio
from asr.errors import AudioError, SetupError, WorkspaceError
from asr.files import fingerprint
from asr.progress import track
from asr.settings import Voices

Float = npt.NDArray[np.float32]

# Values of espeak-ng's speak_lib.h.
_SYNCHRONOUS, _POSITION_CHARACTER, _UTF8, _DO_NOT_EXIT = 2, 1, 1, 0x8000
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4

PIPER = "piper:"
PIPER_TIMEOUT = 60.0  # s, for one sentence
NORMAL_RATE = 175.0  # words a minute: espeak-ng's default, and Piper's own pace

# espeak-ng's variants that sound like a person; the others are robots, whisperers and demons.
VARIANTS = (
    *("f1", "f2", "f3", "f4", "f5", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "Alicia", "Andrea", "Andy"),
    *("Annie", "Alex", "Denis", "Diogo", "Gene", "Henrique", "Hugo", "Jacky", "Lee", "Marco", "Mario", "Michael"),
    *("Mike", "Nguyen", "Reed", "adam", "anika", "antonio", "aunty", "belinda", "benjamin", "boris", "caleb"),
    *("david", "ed", "edward", "gustave", "ian", "iven", "iven2", "john", "klatt", "klatt2", "klatt3", "klatt4"),
    *("linda", "marcelo", "max", "michel", "miguel", "norbert", "pablo", "paul", "pedro", "quincy", "rob"),
    *("robert", "sandro", "shelby", "steph", "steph2", "steph3", "travis", "victor", "zac"),
)


@dataclass(frozen=True)
class Speaker:
    """One synthetic speaker.

    Attributes
    ----------
    name : stable and unique in a workspace, such as espeak-en-us+f3-s152-p61.
    voice : espeak-ng's name of language and variant, or piper:FILE.onnx.
    speed : words a minute.
    pitch : 0 to 99; 50 is the voice's own. Piper's voices have no such setting.
    intonation : range of the pitch, 0 to 100.
    """

    name: str
    voice: str
    speed: float
    pitch: float
    intonation: float = 50.0


def voice_of(name: str) -> str:
    """Return the throat that a speaker of this name speaks with: its variant, or its voice where it has none.

    One variant in two accents, at two speeds or two pitches is one voice to a listener.
    """
    voice = re.sub(r"-s\d+-p\d+$", "", name)
    return voice.partition("+")[2] or voice


@dataclass(frozen=True)
class Spoken:
    """A sentence that a synthetic speaker is to say; it is spoken when somebody listens."""

    transcript: str
    speaker: Speaker

    @property
    def seconds(self) -> float:
        """Guess of the length: a word is five letters and a space."""
        return 0.4 + len(self.transcript) / 6 * 60 / self.speaker.speed

    def samples(self) -> Float:
        """Return float32 [n] at 16 kHz."""
        return speak(self.transcript, self.speaker)


def cast_speakers(settings: Voices, language: str, count: int | None = None) -> list[Speaker]:
    """Draw the speakers that the settings ask for: voices in turn, each time with another speed and pitch.

    Parameters
    ----------
    language : BCP 47, as in alphabet.language; chooses espeak-ng's accents where no voices are named.
    count : how many; None: settings.speakers.

    Raises
    ------
    WorkspaceError : espeak-ng has no voice for the language, or a named voice does not exist.
    """
    for voice in settings.voices:
        _check_voice(voice)
    voices = list(settings.voices) or spread(language)
    rng = np.random.default_rng([settings.seed, 7])
    order: list[str] = []
    while len(order) < (count or settings.speakers):
        order += [voices[index] for index in rng.permutation(len(voices))]
    speakers: list[Speaker] = []
    taken: set[str] = set()
    for voice in order:
        speed = round(float(rng.uniform(settings.speed[0], settings.speed[1])))
        pitch = round(float(rng.uniform(settings.pitch[0], settings.pitch[1])))
        kind = f"piper-{Path(voice[len(PIPER) :]).stem}" if voice.startswith(PIPER) else f"espeak-{voice}"
        name = f"{kind}-s{speed}-p{pitch}"
        if name not in taken:
            taken.add(name)
            speakers.append(Speaker(name, voice, speed, pitch, round(float(rng.uniform(25, 75)))))
        if len(speakers) == (count or settings.speakers):
            break
    return speakers


@functools.cache
def languages() -> tuple[str, ...]:
    """Return espeak-ng's names of languages and accents, such as en-us or en-gb-scotland."""
    names = set()
    for path in (_data_folder() / "lang").rglob("*"):
        if path.is_file():
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                words = line.split()
                if len(words) >= 2 and words[0] == "language":
                    names.add(words[1].lower())
    return tuple(sorted(names))


def spread(language: str) -> list[str]:
    """Return voices of a language that differ widely: every accent with every human variant."""
    base = language.lower().replace("_", "-")
    # Some listed names are only aliases; and Shavian is a script, not an accent.
    accents = [
        name
        for name in languages()
        if (name == base or name.startswith(f"{base}-")) and "shaw" not in name and _espeak().has(name)
    ]
    if not accents:
        raise WorkspaceError(
            f"espeak-ng has no voice for the language {language!r}",
            fix="Name voices in voices.voices, or the language in alphabet.language",
        )
    return [f"{accent}+{variant}" for variant in VARIANTS for accent in accents]


def speak(text: str, speaker: Speaker) -> Float:
    """Return `text` as the speaker says it, float32 [n] at 16 kHz, peak below full scale.

    Raises
    ------
    AudioError : the synthesiser made no sound.
    SetupError : it is not installed.
    """
    samples, rate = _piper(text, speaker) if speaker.voice.startswith(PIPER) else _espeak().speak(text, speaker)
    if not len(samples) or not samples.any():
        raise AudioError(f"the voice {speaker.voice} makes no sound of {text!r}", fix="Take it out of voices.voices")
    return audio.resample(samples, rate, audio.SAMPLE_RATE)


def speak_to_files(lines: Sequence[Spoken], folder: Path) -> list[Path]:
    """Have the lines spoken on all cores, each into a WAV of its own in `folder`; those that exist stay.

    Returns
    -------
    list of Path : in the lines' order.

    Raises
    ------
    AudioError, SetupError : a voice makes no sound, is not installed, or crashed.
    """
    paths = [
        folder / line.speaker.name / f"{fingerprint(line.transcript, asdict(line.speaker))[:16]}.wav" for line in lines
    ]
    todo = [(line, path) for line, path in zip(lines, paths, strict=True) if not path.is_file()]
    workers = min(len(os.sched_getaffinity(0)), max(1, len(todo) // 32))
    try:
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
            for _ in track(pool.map(_speak_to, todo, chunksize=16), "synthetic voices", total=len(todo)):
                pass
    except BrokenProcessPool:
        raise SetupError(
            "a process in which synthetic voices spoke has died", fix="Run this again; it goes on from there"
        ) from None
    wanted = set(paths)
    for path in folder.rglob("*.wav"):
        if path not in wanted:
            path.unlink()
    return paths


def _speak_to(job: tuple[Spoken, Path]) -> None:
    line, path = job
    audio.write_wav(path, line.samples())


class _Espeak:
    """espeak-ng's library, loaded anew for whatever is asked of it."""

    def __init__(self) -> None:
        self._data = _data_folder()
        self._pieces: list[npt.NDArray[np.int16]] = []
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
        # Kept in a field: the library calls it after the function that hands it over has returned.
        self._callback = kind(self._take)
        # The library is one per process, whoever asks.
        self._lock = threading.Lock()

    def _take(self, samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            self._pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    @contextmanager
    def _open(self) -> Iterator[tuple[Any, int]]:
        """Yield a library that has never spoken, and its rate in Hz."""
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
                # Unloading is what forgets; Python itself never does it.
                system.dlclose(ctypes.c_void_p(library._handle))

    def has(self, voice: str) -> bool:
        with self._open() as (library, _):
            return int(library.espeak_SetVoiceByName(voice.encode())) == 0

    def speak(self, text: str, speaker: Speaker) -> tuple[Float, int]:
        """Return float32 [n], full scale 1.0, and the rate in Hz."""
        with self._open() as (library, rate):
            if library.espeak_SetVoiceByName(speaker.voice.encode()):
                raise WorkspaceError(f"espeak-ng has no voice {speaker.voice!r}", fix="Mend voices.voices")
            for parameter, value in (
                (_RATE, speaker.speed),
                (_PITCH, speaker.pitch),
                (_RANGE, speaker.intonation),
                (_VOLUME, 100),
            ):
                library.espeak_SetParameter(parameter, round(value), 0)
            self._pieces.clear()
            data = text.encode("utf-8")
            library.espeak_Synth(data, len(data) + 1, 0, _POSITION_CHARACTER, 0, _UTF8, None, None)
            library.espeak_Synchronize()
            joined = np.concatenate([np.zeros(0, dtype=np.int16), *self._pieces])
        return joined.astype(np.float32) / np.float32(32768), rate


@functools.cache
def _espeak() -> _Espeak:
    return _Espeak()


def _data_folder() -> Path:
    try:
        import espeakng_loader
    except ImportError:
        raise SetupError("the package espeakng_loader is not installed", fix="Run `make setup`") from None
    return Path(espeakng_loader.get_data_path())


def _check_voice(voice: str) -> None:
    if voice.startswith(PIPER):
        model = Path(voice[len(PIPER) :]).expanduser()
        if not model.is_file():
            raise WorkspaceError(f"voices.voices names {voice!r}, and there is no such file", path=model)
        return
    accent, plus, variant = voice.partition("+")
    # espeak-ng itself takes any variant, and speaks without one that it does not know.
    known = {path.name for path in (_data_folder() / "voices" / "!v").iterdir()}
    if accent.lower() not in languages() or (plus and variant not in known) or not _espeak().has(voice):
        close = difflib.get_close_matches(variant, sorted(known), n=1, cutoff=0.5) if plus else []
        raise WorkspaceError(
            f"voices.voices names {voice!r}, and espeak-ng has no such voice",
            fix=f"Did you mean '{accent}+{close[0]}'?" if close else "For example: en-us+f3",
        )


def _piper(text: str, speaker: Speaker) -> tuple[Float, int]:
    """Have the program `piper` speak, at a length scale that stands for the speed."""
    program = shutil.which("piper")
    if program is None:
        raise SetupError(
            f"the voice {speaker.voice!r} needs the program piper, which is not on the PATH",
            fix="Install Piper",
        )
    model = Path(speaker.voice[len(PIPER) :]).expanduser()
    with tempfile.TemporaryDirectory(prefix="asr-piper-") as folder:
        wav = Path(folder, "spoken.wav")
        command: Sequence[str] = (
            program,
            "--model",
            str(model),
            "--length_scale",
            f"{NORMAL_RATE / speaker.speed:.3f}",
            "--output_file",
            str(wav),
        )
        try:
            done = subprocess.run(
                command, input=text, text=True, capture_output=True, timeout=PIPER_TIMEOUT, check=False
            )
        except subprocess.TimeoutExpired:
            raise AudioError(f"piper took more than {PIPER_TIMEOUT:.0f} s for {text!r}", path=model) from None
        if done.returncode or not wav.is_file():
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise AudioError(f"piper failed: {reason}", path=model, fix="Try the voice with piper itself")
        samples, rate = audio.read(wav)
    return samples.mean(axis=1, dtype=np.float32), rate
