"""Synthetic speech: espeak-ng through its library, Flite and Piper as programs, Kokoro's network, where installed.

A synthetic speaker is a voice with a speed and a pitch. The same speaker and text always give the same samples.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr.core import audio
from asr.core import workers as workers_
from asr.core.errors import AudioError, SetupError, WorkspaceError
from asr.core.files import fingerprint
from asr.core.progress import say, track
from asr.settings.sections import Voices
from datasets import flite, kokoro, piper
from datasets.espeak import espeak, languages, variants

Float = npt.NDArray[np.float32]

_LINES = 16  # utterances of one job of a worker process
_FEW, _FEW_SLOW = 32, 8  # utterances that are not worth another process: a slow voice needs longer for one
NORMAL_RATE = 175.0  # words a minute: the default of espeak-ng, and of Piper and Flite

# espeak-ng's variants that sound like people, not like robots or whispering.
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
    """One synthetic speaker."""

    name: str  # stable and unique in a workspace, such as espeak-en-us+f3-s152-p61
    voice: str  # espeak-ng's language+variant, flite:NAME, piper:FILE.onnx#NUMBER, kokoro:FOLDER#BLEND
    speed: float  # words a minute
    pitch: float  # 0 to 99; 50 is the voice's own. Ignored by Piper and Kokoro
    intonation: float = 50.0  # range of the pitch, 0 to 100
    volume: float = 0.0  # dB relative to the voice's own level


def is_training_only(name: str) -> bool:
    """Tell whether a speaker of this name is for training only: Flite has too few voices to evaluate on one."""
    return name.startswith(flite.PREFIX.replace(":", "-"))


def is_slow(speaker: Speaker) -> bool:
    """Tell whether synthesis by this speaker takes longer than a training step, so that it is done beforehand."""
    return is_slow_voice(speaker.voice)


def is_slow_voice(voice: str) -> bool:
    """Tell whether a voice, as voices.voices names it, is slow."""
    return voice.startswith(piper.PREFIX) or kokoro.is_voice(voice)


def voice_of(name: str) -> str:
    """Return the voice that a speaker's name stands for: espeak-ng's variant, or else the whole voice.

    One variant with two accents, speeds or pitches sounds like one person.
    """
    voice = re.sub(r"-s\d+-p\d+$", "", name)
    return voice.partition("+")[2] or voice


@dataclass(frozen=True)
class SyntheticUtterance:
    """A prompt for a synthetic speaker, synthesised when its samples are asked for."""

    transcript: str
    speaker: Speaker
    rate: int = audio.SAMPLE_RATE  # Hz; the result is band-limited as if recorded at this rate
    file: Path | None = None  # WAV file of earlier synthesis; None: synthesise each time

    @property
    def seconds(self) -> float:
        """Estimated duration; a word is taken as five letters and a space."""
        return 0.4 + len(self.transcript) / 6 * 60 / self.speaker.speed

    def samples(self) -> Float:
        """Return float32 [n] at 16 kHz."""
        if self.file is None:
            samples = speak(self.transcript, self.speaker)
        else:
            samples = audio.to_float(audio.read_wav(self.file))
        if self.rate >= audio.SAMPLE_RATE:
            return samples
        recorded = audio.resample(samples, audio.SAMPLE_RATE, self.rate)
        return audio.resample(recorded, self.rate, audio.SAMPLE_RATE)[: len(samples)]


def draw_speakers(settings: Voices, language: str, count: int | None = None) -> list[Speaker]:
    """Draw synthetic speakers: voices in turn, each time with another speed and pitch.

    Parameters
    ----------
    language : BCP 47, as alphabet.language; chooses espeak-ng's accents where no voices are named.
    count : number of speakers; None: settings.speakers.

    Raises
    ------
    WorkspaceError : espeak-ng has no voice for the language, or a named voice does not exist.
    """
    count = count or settings.speakers
    found = (each for voice in settings.voices for each in _named(voice, language, count, settings.seed))
    voices = [*found] or spread(language)
    # A generator of their own, so that volumes do not change the speakers.
    rng, volumes = (np.random.default_rng([settings.seed, number]) for number in (7, 8))
    order: list[str] = []
    while len(order) < count:
        order += [voices[index] for index in rng.permutation(len(voices))]
    english = language.lower().partition("-")[0] == flite.LANGUAGE
    people = [f"{flite.PREFIX}{voice}" for voice in flite.installed()] if english and not settings.voices else []
    taken_over = 0
    for place in range(len(order) if people else 0):
        # Evenly spread among the others.
        if int((place + 1) * settings.flite_share) > taken_over:
            order[place] = people[taken_over % len(people)]
            taken_over += 1
    speakers: list[Speaker] = []
    taken: set[str] = set()
    for voice in order:
        speed = round(float(rng.uniform(settings.speed[0], settings.speed[1])))
        pitch = round(float(rng.uniform(settings.pitch[0], settings.pitch[1])))
        if kokoro.is_voice(voice):
            kind = kokoro.label(voice)
        elif voice.startswith(piper.PREFIX):
            model, speaker = piper.model_of(voice)
            kind = f"piper-{model.stem}" + ("" if speaker is None else f"-{speaker}")
        else:
            kind = voice.replace(":", "-") if voice.startswith(flite.PREFIX) else f"espeak-{voice}"
        name = f"{kind}-s{speed}-p{pitch}"
        if name not in taken:
            taken.add(name)
            intonation = round(float(rng.uniform(25, 75)))
            volume = round(float(volumes.uniform(settings.volume[0], settings.volume[1])), 1)
            speakers.append(Speaker(name, voice, speed, pitch, intonation, volume))
        if len(speakers) == count:
            break
    return speakers


# Codes of three letters (ISO 639-2) of languages that espeak-ng knows by two.
_SHORT_CODES = {
    **{"deu": "de", "ger": "de", "eng": "en", "fra": "fr", "fre": "fr", "spa": "es", "ita": "it", "por": "pt"},
    **{"nld": "nl", "dut": "nl", "dan": "da", "swe": "sv", "nor": "nb", "nob": "nb", "fin": "fi", "pol": "pl"},
    **{"ces": "cs", "cze": "cs", "slk": "sk", "hun": "hu", "ron": "ro", "rum": "ro", "rus": "ru", "ukr": "uk"},
    **{"tur": "tr", "ell": "el", "gre": "el", "cat": "ca", "jpn": "ja", "kor": "ko", "ara": "ar", "hin": "hi"},
    **{"german": "de", "english": "en", "french": "fr", "spanish": "es", "italian": "it", "dutch": "nl"},
}


def spread(language: str) -> list[str]:
    """Return espeak-ng's voices of a language: every accent with every human variant."""
    base = language.lower().replace("_", "-")
    # Some listed names are aliases without a voice; Shavian is a script, not an accent.
    accents = [
        name
        for name in languages()
        if (name == base or name.startswith(f"{base}-")) and "shaw" not in name and espeak().has(name)
    ]
    if not accents:
        short = _SHORT_CODES.get(base)
        fix = f'Write language = "{short}" below [alphabet]' if short else "Correct alphabet.language"
        raise WorkspaceError(
            f"espeak-ng has no voice for the language {language!r}", fix=f"{fix}, or name voices in voices.voices"
        )
    return [f"{accent}+{variant}" for variant in VARIANTS for accent in accents]


def speak(text: str, speaker: Speaker) -> Float:
    """Synthesise `text`: float32 [n] at 16 kHz, which may exceed full scale.

    Raises
    ------
    AudioError : the synthesiser made no sound.
    SetupError : the synthesiser is not installed.
    """
    (samples,) = _speak([text], speaker)
    return samples


def speak_to_files(lines: Sequence[SyntheticUtterance], folder: Path, *, alone: bool = False) -> list[Path]:
    """Synthesise the lines on all cores, each into a WAV file in `folder`; existing files are kept.

    Parameters
    ----------
    alone : the folder holds nothing else: WAV files of no line are deleted.

    Returns
    -------
    list of Path : in the order of `lines`.

    Raises
    ------
    AudioError, SetupError : a voice makes no sound, is not installed, or crashed.
    """
    marks = [fingerprint(line.transcript, asdict(line.speaker))[:16] for line in lines]
    paths = [folder / line.speaker.name / f"{mark}.wav" for line, mark in zip(lines, marks, strict=True)]
    todo = [(line, path) for line, path in zip(lines, paths, strict=True) if not path.is_file()]
    # A job has lines of one speaker, so that it loads a voice once.
    by_speaker = [[*jobs] for _, jobs in groupby(sorted(todo, key=_speaker_name), key=_speaker_name)]
    jobs = [lines[start : start + _LINES] for lines in by_speaker for start in range(0, len(lines), _LINES)]
    seconds = cost([line for line, _ in todo])
    workers = min(len(os.sched_getaffinity(0)), max(1, len(todo) // (_FEW_SLOW if seconds else _FEW)))
    if seconds:
        say(f"Kokoro speaks {len(todo)} sentences: about {_duration(seconds)} of processor, on {workers} core(s)")
    try:
        with workers_.pool(workers) as pool:
            done = (path for paths in pool.map(_speak_to, jobs, chunksize=1 if seconds else 4) for path in paths)
            for _ in track(done, "synthetic voices", total=len(todo)):
                pass
    except BrokenProcessPool:
        raise SetupError("a process that synthesised speech has died", fix="Run this again; it resumes") from None
    if alone:
        for path in {*folder.rglob("*.wav")} - {*paths}:
            path.unlink()
    return paths


def cost(lines: Iterable[SyntheticUtterance]) -> float:
    """Return an estimate of what Kokoro takes for its part of the lines, in seconds of one processor core."""
    return sum((line.seconds + kokoro.PAUSES) * kokoro.COST for line in lines if kokoro.is_voice(line.speaker.voice))


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{seconds:.0f} seconds"


def _speaker_name(job: tuple[SyntheticUtterance, Path]) -> str:
    return job[0].speaker.name


def _speak_to(job: Sequence[tuple[SyntheticUtterance, Path]]) -> list[Path]:
    """Synthesise lines of one speaker, each to its file; return the files."""
    paths = [path for _, path in job]
    for path, samples in zip(paths, _speak([line.transcript for line, _ in job], job[0][0].speaker), strict=True):
        audio.write_wav(path, samples)
    return paths


def _speak(texts: Sequence[str], speaker: Speaker) -> list[Float]:
    """Synthesise each text: float32 [n] at 16 kHz; raises as `speak` does."""
    if kokoro.is_voice(speaker.voice):
        spoken = kokoro.speak(texts, speaker.voice, speaker.speed / NORMAL_RATE)
    elif speaker.voice.startswith(piper.PREFIX):
        spoken = piper.speak(texts, speaker.voice, NORMAL_RATE / speaker.speed)
    elif speaker.voice.startswith(flite.PREFIX):
        name = speaker.voice[len(flite.PREFIX) :]
        spoken = [flite.speak(text, name, NORMAL_RATE / speaker.speed, speaker.pitch) for text in texts]
    else:
        spoken = []
        for text in texts:
            said, rate = espeak().speak(text, speaker.voice, speaker.speed, speaker.pitch, speaker.intonation)
            spoken.append((audio.to_float(said), rate))
    made = []
    for text, (samples, rate) in zip(texts, spoken, strict=True):
        if not samples.any():
            raise AudioError(f"the voice {speaker.voice} is silent for {text!r}", fix="Remove it from voices.voices")
        samples = audio.resample(samples, rate, audio.SAMPLE_RATE)
        made.append(samples * np.float32(10.0 ** (speaker.volume / 20.0)) if speaker.volume else samples)
    return made


def _named(voice: str, language: str, count: int, seed: int) -> list[str]:
    """Expand a name in voices.voices; WorkspaceError where there is no such voice."""
    if kokoro.is_voice(voice):
        return kokoro.named(voice, language, count, seed)
    if voice.startswith(piper.PREFIX):
        return piper.named(voice)
    if voice.startswith(flite.PREFIX):
        if voice[len(flite.PREFIX) :] not in flite.installed():
            there = ", ".join(f"{flite.PREFIX}{name}" for name in flite.installed())
            fix = f"Installed: {there}" if there else "Install flite (Debian: flite)"
            raise WorkspaceError(f"voices.voices names {voice!r}, which is not installed here", fix=fix)
        return [voice]
    accent, plus, variant = voice.partition("+")
    # espeak-ng itself ignores unknown variants.
    unknown = plus and variant not in variants()
    if accent.lower() not in languages() or unknown or not espeak().has(voice):
        close = difflib.get_close_matches(variant, sorted(variants()), n=1, cutoff=0.5) if plus else []
        fix = f"Did you mean '{accent}+{close[0]}'?" if close else "For example: en-us+f3"
        raise WorkspaceError(f"voices.voices names {voice!r}, but espeak-ng has no such voice", fix=fix)
    return [voice]
