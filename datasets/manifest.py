"""DeepSpeech's manifests: wav_filename,wav_filesize,transcript, as its v0.9.3 reads them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from asr.core.errors import ManifestError
from asr.core.files import write_text

HEADER = ("wav_filename", "wav_filesize", "transcript")
_AGAIN = "Make it again with `make manifests`"


@dataclass(frozen=True)
class Row:
    """One clip: its absolute path, its size in bytes, what is said in it."""

    wav_filename: Path
    wav_filesize: int
    transcript: str


def write_manifest(path: Path, rows: Iterable[Row]) -> None:
    """Write a manifest, atomically; lines end with a single newline."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    for row in rows:
        writer.writerow((row.wav_filename, row.wav_filesize, row.transcript))
    write_text(path, text.getvalue())


def read_manifest(path: Path) -> list[Row]:
    """Read a manifest.

    Raises
    ------
    ManifestError : missing, empty, with a byte order mark, a wrong header or a wrong row; with the line.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ManifestError("no such manifest", path=path, fix="Run: make manifests") from None
    if data.startswith(b"\xef\xbb\xbf"):
        # DeepSpeech would look for a column named "\ufeffwav_filename".
        raise ManifestError(
            "it starts with a byte order mark", path=path, line=1, fix="Save it as UTF-8 without one"
        )
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ManifestError("this is not UTF-8 text", path=path, line=line, fix=_AGAIN) from None
    reader = csv.reader(io.StringIO(text, newline=""))
    header = next(reader, None)
    if header is None:
        raise ManifestError("this manifest is empty", path=path, fix=_AGAIN)
    if tuple(header) != HEADER:
        raise ManifestError(
            f"the header is {','.join(header)!r}, expected {','.join(HEADER)!r}",
            path=path,
            line=1,
            fix=_AGAIN,
        )
    rows = []
    for cells in reader:
        if not cells:
            continue
        line = reader.line_num
        if len(cells) != len(HEADER):
            raise ManifestError(
                f"{len(cells)} columns, expected {len(HEADER)}", path=path, line=line, fix=_AGAIN
            )
        wav, size, transcript = cells
        if not size.isdigit():
            raise ManifestError(f"the size {size!r} is no whole number", path=path, line=line, fix=_AGAIN)
        if not Path(wav).is_file():
            raise ManifestError(f"there is no clip {wav}", path=path, line=line, fix=_AGAIN)
        if not transcript.strip():
            raise ManifestError("the transcript is empty", path=path, line=line, fix=_AGAIN)
        rows.append(Row(Path(wav), int(size), transcript))
    # DeepSpeech "trains" on an empty manifest with a loss of 0; nobody is served by that.
    if not rows:
        raise ManifestError("it has a header and no clips", path=path, fix=_AGAIN)
    return rows
