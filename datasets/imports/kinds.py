"""The kinds of sources, and which of them a source is."""

from __future__ import annotations

from pathlib import Path

from asr.core.errors import RecordingsError
from datasets.imports.common_voice import CommonVoice
from datasets.imports.corpus import Corpus, sorted_entries
from datasets.imports.deepspeech import DeepSpeech
from datasets.imports.kaldi import Kaldi
from datasets.imports.librispeech import LibriSpeech
from datasets.imports.speaker_folders import SpeakerFolders
from datasets.imports.spoken_digits import SpokenDigits
from datasets.recordings import NOHASH

# From the most particular to the most general: a source is the first that it fits.
_CORPORA: tuple[Corpus, ...] = (
    Kaldi(),
    CommonVoice(),
    LibriSpeech(),
    DeepSpeech(),
    SpokenDigits(),
    SpeakerFolders(),
)
KINDS = {corpus.kind: corpus for corpus in _CORPORA}
_GENERAL = SpeakerFolders.kind
_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip")


def choose(kind: str, source: Path) -> Corpus:
    """Return the importer of a source.

    Raises
    ------
    RecordingsError : there is no source, it is packed, or its content is of another kind, which the message names.
    """
    if kind not in KINDS:
        raise RecordingsError(f"no importer is called {kind!r}", fix=f"There are {', '.join(KINDS)}")
    if not source.exists():
        raise RecordingsError("no such file or folder", path=source, fix="Name what to import")
    if source.is_file() and source.name.lower().endswith(_ARCHIVES):
        raise RecordingsError("this is an archive", path=source, fix="Unpack it, and name the folder")
    corpus = KINDS[kind]
    found = detect(source)
    if found == kind or (kind != _GENERAL and corpus.fits(source)):
        return corpus
    if found:
        title = KINDS[found].title if found in KINDS else "Speech Commands"
        raise RecordingsError(
            f"this looks like {title}, not like {corpus.title}", path=source, fix=f"Run: asr import {found}"
        )
    raise RecordingsError(f"this is not {corpus.title}", path=source, fix=f"Expected {corpus.layout}")


def detect(source: Path) -> str:
    """Return the kind that a source's content fits; "" for none."""
    for corpus in _CORPORA:
        if corpus.kind == _GENERAL and _is_speech_commands(source):
            return "speech-commands"
        if corpus.fits(source):
            return corpus.kind
    return "speech-commands" if _is_speech_commands(source) else ""


def _is_speech_commands(source: Path) -> bool:
    return any(
        NOHASH.fullmatch(Path(file.name).stem)
        for folder in sorted_entries(str(source))
        if folder.is_dir() and not folder.name.startswith(("_", "."))
        for file in sorted_entries(folder.path)[:1]
    )
