"""Manifests of DeepSpeech and Coqui STT: CSV with wav_filename, wav_filesize and transcript.

https://deepspeech.readthedocs.io/en/r0.9/TRAINING.html. Names are absolute, or relative to the manifest. Of a folder,
every manifest is taken; its splits are not, because here a speaker is in one split only.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from asr.core.errors import RecordingsError
from datasets.imports.corpus import Item, LeftOut, find_sound
from datasets.imports.lines import check_headers, read_header, read_table
from datasets.recordings import UNKNOWN_SPEAKER, speaker_of

COLUMNS = ("wav_filename", "wav_filesize", "transcript")


class DeepSpeech:
    """The importer."""

    kind = "deepspeech"
    title = "a DeepSpeech or Coqui manifest"
    layout = "a CSV file with wav_filename, wav_filesize and transcript, or a folder of such files"

    def fits(self, source: Path) -> bool:
        if source.is_file():
            return source.suffix.lower() == ".csv"
        return bool(_manifests(source))

    def items(self, source: Path) -> Iterator[Item | LeftOut]:
        manifests = [source] if source.is_file() else _manifests(source)
        check_headers(manifests, COLUMNS, ",")
        for manifest in manifests:
            root = str(manifest.parent.absolute())
            for number, row, fault in read_table(manifest, ","):
                place = f"{manifest.name}:{number}"
                if fault:
                    yield LeftOut(place, "", fault)
                    continue
                sound, refused = find_sound(root, row["wav_filename"], absolute=True)
                if refused:
                    yield LeftOut(place, row["wav_filename"], refused, transcript=row["transcript"])
                    continue
                digits = row["wav_filesize"].strip()
                size = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 16 else -1
                yield Item(sound, row["transcript"], _speaker(sound), place, size=size)


def _speaker(sound: str) -> str:
    found = speaker_of(Path(sound))
    return "" if found == UNKNOWN_SPEAKER else found


def _manifests(folder: Path) -> list[Path]:
    """Return the CSV files of a folder that have one of a manifest's own columns."""
    found = []
    for path in sorted(folder.glob("*.csv")):
        try:
            if set(read_header(path, ",")) & set(COLUMNS[:2]):
                found.append(path)
        except RecordingsError:
            continue
    return found
