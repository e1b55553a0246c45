"""Mozilla Common Voice as published: tables of tab-separated values beside a folder `clips` of MP3 files.

https://github.com/common-voice/cv-dataset: columns client_id (a hash of the speaker), path and sentence, among others.
Of a folder, validated.tsv is taken, or else train.tsv, dev.tsv and test.tsv; name another table to take that.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from asr.core.errors import RecordingsError
from datasets.imports.corpus import Item, LeftOut, find_sound
from datasets.imports.lines import check_headers, read_table

COLUMNS = ("client_id", "path", "sentence")
_CLIPS = "clips"
_CHOSEN: tuple[tuple[str, ...], ...] = (("validated.tsv",), ("train.tsv", "dev.tsv", "test.tsv"))


class CommonVoice:
    """The importer."""

    kind = "common-voice"
    title = "Common Voice"
    layout = "a table such as validated.tsv beside the folder clips/, for one language"

    def fits(self, source: Path) -> bool:
        if source.is_file():
            return source.suffix.lower() == ".tsv"
        return bool(_folders(source))

    def items(self, source: Path) -> Iterator[Item | LeftOut]:
        tables = [source] if source.is_file() else _tables(source)
        check_headers(tables, COLUMNS, "\t")
        for table in tables:
            root = str(table.parent.absolute() / _CLIPS)
            for number, row, fault in read_table(table, "\t"):
                place = f"{table.name}:{number}"
                if fault:
                    yield LeftOut(place, "", fault)
                    continue
                sound, refused = find_sound(root, row["path"])
                if refused:
                    yield LeftOut(place, row["path"], refused, transcript=row["sentence"])
                else:
                    yield Item(sound, row["sentence"], row["client_id"], place)


def _folders(source: Path) -> list[Path]:
    """Return the folders with clips and a table: the source, or those of the languages in it."""
    for pattern in ("", "*/", "*/*/"):
        found = [place.parent for place in sorted(source.glob(f"{pattern}{_CLIPS}")) if place.is_dir()]
        found = [folder for folder in found if any(folder.glob("*.tsv"))]
        if found:
            return found
    return []


def _tables(source: Path) -> list[Path]:
    folders = _folders(source)
    if len(folders) > 1:
        languages = ", ".join(folder.name for folder in folders[:10])
        raise RecordingsError(f"it holds several languages ({languages})", path=source, fix="Name the folder of one")
    for names in _CHOSEN:
        found = [folders[0] / name for name in names if (folders[0] / name).is_file()]
        if found:
            return found
    others = ", ".join(sorted(path.name for path in folders[0].glob("*.tsv"))[:10])
    raise RecordingsError(
        f"there is no {_CHOSEN[0][0]}, only {others}", path=folders[0], fix="Name the table to import itself"
    )
