"""DeepSpeech's manifests: wav_filename,wav_filesize,transcript, as its v0.9.3 reads them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from asr.core import tables
from asr.core.errors import ManifestError

HEADER = ("wav_filename", "wav_filesize", "transcript")
_AGAIN = "Make it again with `make manifests`"


@dataclass(frozen=True)
class Row:
    """One clip: absolute path, size in bytes, transcript."""

    wav_filename: Path
    wav_filesize: int
    transcript: str


def write_manifest(path: Path, rows: Iterable[Row]) -> None:
    """Write a manifest, atomically; lines end with a single newline."""
    tables.write(path, HEADER, ((row.wav_filename, row.wav_filesize, row.transcript) for row in rows))


def read_manifest(path: Path) -> list[Row]:
    """Read a manifest.

    Raises
    ------
    ManifestError : missing, empty, with a byte order mark, a wrong header or a wrong row; with the line.
    """
    if not path.is_file():
        raise ManifestError("no such manifest", path=path, fix="Run: make manifests")
    rows: list[Row] = []
    for line, fields in tables.read(path, ManifestError, columns=HEADER):
        wav, size, transcript = (fields[name] for name in HEADER)
        if not size.isdigit():
            raise ManifestError(f"the size {size!r} is no whole number", path=path, line=line, fix=_AGAIN)
        if not Path(wav).is_file():
            raise ManifestError(f"there is no clip {wav}", path=path, line=line, fix=_AGAIN)
        if not transcript.strip():
            raise ManifestError("the transcript is empty", path=path, line=line, fix=_AGAIN)
        rows.append(Row(Path(wav), int(size), transcript))
    # DeepSpeech "trains" on an empty manifest, with a loss of 0.
    if not rows:
        raise ManifestError("it has a header and no clips", path=path, fix=_AGAIN)
    return rows
