"""Google's Speech Commands as published: a folder or .tar.gz of clips, read in place and never unpacked.

Warden, "Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition" (2018): a folder for each word with
`<speaker>_nohash_<n>.wav` clips of at most a second, `_background_noise_`, validation_list.txt and testing_list.txt.
"""

from __future__ import annotations

import functools
import hashlib
import posixpath
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asr.core.errors import RecordingsError
from asr.core.files import write_bytes

BACKGROUND = "_background_noise_"
LISTS = {"validation_list.txt": "dev", "testing_list.txt": "test"}
ARCHIVES = (".tar.gz", ".tgz", ".tar")

_MOST_HASHED = 2**27 - 1  # MAX_NUM_WAVS_PER_CLASS of the data set's own code
_LARGEST_CLIP = 4 << 20  # bytes; two minutes, where published clips have one second
_LARGEST_NOISE = 256 << 20  # bytes
_LARGEST_LIST = 64 << 20  # bytes
_MOST_VOICES = 400  # clips kept on disk to make babble of
_VOICES_ONE_IN = 200


@dataclass(frozen=True, slots=True)
class Member:
    """Position of a file in an uncompressed archive: `size` bytes from `start` on."""

    path: Path
    start: int
    size: int

    def read(self) -> bytes:
        """Return the content; RecordingsError if the archive is gone or has become shorter."""
        try:
            with self.path.open("rb") as archive:
                archive.seek(self.start)
                content = archive.read(self.size)
        except OSError as error:
            raise RecordingsError(
                f"it cannot be read: {error.strerror}", path=self.path, fix="Check keyword.corpus in asr.toml"
            ) from None
        if len(content) < self.size:
            raise RecordingsError("this archive has become shorter", path=self.path, fix="Fetch it again")
        return content


@dataclass(frozen=True)
class Index:
    """Content of an archive."""

    names: list[str] = field(default_factory=list)  # clips as word/file.wav, in the order of the archive
    lists: dict[str, str] = field(default_factory=dict)  # split of each clip that is in a validation or testing list
    rejected: list[tuple[str, str]] = field(default_factory=list)  # pairs of a name and why it is not used
    members: dict[str, Member] = field(default_factory=dict)  # positions of the clips in an uncompressed archive


def split_of_hash(name: str, validation: float = 10.0, testing: float = 10.0) -> str:
    """Return "train", "dev" or "test" by the hash of the name before `_nohash_`, as Speech Commands does.

    All clips of a speaker are in one split, and stay there when others are added.

    Parameters
    ----------
    validation, testing : percent.
    """
    stem = re.sub(r"_nohash_.*$", "", posixpath.basename(name))
    hashed = int(hashlib.sha1(stem.encode()).hexdigest(), 16) % (_MOST_HASHED + 1)
    percent = hashed * (100.0 / _MOST_HASHED)
    if percent < validation:
        return "dev"
    return "test" if percent < testing + validation else "train"


def is_archive(path: Path) -> bool:
    """Tell whether a path is named like an archive."""
    return path.name.lower().endswith(ARCHIVES)


def read_lists(folder: Path) -> dict[str, str]:
    """Return the split of each clip in a folder's validation and testing lists."""
    found: dict[str, str] = {}
    for name, split in LISTS.items():
        if (folder / name).is_file():
            text = (folder / name).read_text(encoding="utf-8", errors="replace")
            found |= {line.strip(): split for line in text.splitlines() if line.strip()}
    return found


def index_archive(path: Path, noise: Path, voices: Path) -> Index:
    """Read an archive's names and lists; write its noise, and a few clips for babble, to the given folders.

    Raises
    ------
    RecordingsError : no archive, truncated, or without clips.
    """
    index = Index()
    kept = 0
    for name, read, place in _stream(path, index.rejected):
        parts = name.split("/")
        if name in LISTS:
            text = read().decode("utf-8", "replace")
            index.lists.update({line.strip(): LISTS[name] for line in text.splitlines() if line.strip()})
        elif len(parts) == 2 and parts[0] == BACKGROUND and name.lower().endswith(".wav"):
            write_bytes(noise / parts[1], read())
        elif len(parts) == 2 and name.lower().endswith(".wav") and not parts[0].startswith(("_", ".")):
            index.names.append(name)
            if place is not None:
                index.members.setdefault(name, place)
            if kept < _MOST_VOICES and zlib.crc32(name.encode()) % _VOICES_ONE_IN == 0:
                write_bytes(voices / f"{parts[0]}-{parts[1]}", read())
                kept += 1
    if not index.names:
        raise RecordingsError(
            "it holds no word/clip.wav", path=path, fix="Use Speech Commands' .tar.gz as published, or its folder"
        )
    return index


def stream_clips(path: Path, wanted: set[str]) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each wanted clip of an archive, in its order."""
    for name, read, _ in _stream(path, []):
        if name in wanted:
            yield name, read()


def find_clips(path: Path, wanted: set[str], members: Mapping[str, Member]) -> Iterator[tuple[str, bytes | Member]]:
    """Yield the name of each wanted clip with its position in the archive, or else its content.

    Clips with a known position come first, in the order of the archive.

    Parameters
    ----------
    members : as in `Index`; worker processes read these clips themselves.
    """
    located = sorted(wanted & members.keys(), key=lambda name: members[name].start)
    yield from ((name, members[name]) for name in located)
    if len(located) < len(wanted):
        yield from stream_clips(path, wanted - members.keys())


def _stream(path: Path, rejected: list[tuple[str, str]]) -> Iterator[tuple[str, Callable[[], bytes], Member | None]]:
    """Yield name, reader and position of each regular file of an archive.

    The name is checked. The reader works until the next file is yielded. The position is None in a compressed archive.
    """
    count = 0
    try:
        plain = _is_plain(path)
        # A compressed archive is read as a stream; in others the contents are skipped.
        with tarfile.open(path, "r:" if plain else "r|*", tarinfo=_Header) as archive:
            while (member := archive.next()) is not None:
                archive.members.clear()  # type: ignore[attr-defined]  # or they would pile up
                count += 1
                if member.size < 0:
                    raise tarfile.ReadError(f"{member.size} bytes in {member.name!r}")
                if member.isdir():
                    continue
                reason = _fault(member)
                if reason:
                    rejected.append((member.name, reason))
                    continue
                place = Member(path, member.offset_data, member.size) if plain and not member.issparse() else None
                # Strings: 100,000 path objects took seconds.
                name = posixpath.normpath(member.name)
                yield name, functools.partial(_content, archive, member, path, count), place
            _check_end(archive)
    except _BROKEN as error:
        if isinstance(error, FileNotFoundError):
            raise RecordingsError("no such file", path=path, fix="Name the folder or the .tar.gz") from None
        raise _damage(path, count, error) from None


# Members that describe the next one: extended headers of POSIX, and GNU's long names.
_DESCRIPTIONS = (
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
)
_LONGEST_DESCRIPTION = 1 << 20  # bytes


class _Header(tarfile.TarInfo):
    """Treats a bad header as damage; TarFile itself takes any but the first as the end of the archive."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> _Header:
        try:
            found = super().fromtarfile(archive)
        except tarfile.HeaderError as error:
            # Only the end mark is the end.
            if type(error).__name__ == "EOFHeaderError":
                raise
            what = "it ends without an end mark" if type(error).__name__ == "EmptyHeaderError" else str(error)
            raise tarfile.ReadError(what) from None
        return found

    @classmethod
    def frombuf(cls, *arguments: Any, **more: Any) -> _Header:
        found = super().frombuf(*arguments, **more)
        # TarFile reads these into memory whole; a compressed archive may claim gigabytes.
        if found.type in _DESCRIPTIONS and found.size > _LONGEST_DESCRIPTION:
            raise tarfile.ReadError(f"a description of {found.size} bytes")
        return found


def _check_end(archive: tarfile.TarFile) -> None:
    """Raise ReadError if anything but zeros follows the end mark: the archive then has a hole."""
    assert archive.fileobj is not None
    while rest := archive.fileobj.read(1 << 20):
        if rest.strip(b"\0"):
            raise tarfile.ReadError("zeros in the middle of it")


def _is_plain(path: Path) -> bool:
    """Tell whether an archive starts with a tar header, and so is not compressed."""
    with path.open("rb") as file:
        return file.read(262)[257:] == b"ustar"


_BROKEN = (tarfile.TarError, EOFError, OSError, zlib.error)


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path, count: int) -> bytes:
    try:
        file = archive.extractfile(member)
        return b"" if file is None else file.read()
    except _BROKEN as error:
        raise _damage(path, count, error) from None


def _damage(path: Path, count: int, error: Exception) -> RecordingsError:
    what = " ".join(str(error).split()) or type(error).__name__
    return RecordingsError(f"this archive is damaged after {count} members ({what})", path=path, fix="Fetch it again")


def _fault(member: tarfile.TarInfo) -> str:
    """Return why a member is not read; "" if it is."""
    parts = [part for part in member.name.split("/") if part not in ("", ".")]
    if not member.isfile():
        return "it is a link or a device, not a file"
    if member.name.startswith("/") or ".." in parts or "\0" in member.name or "\\" in member.name:
        return "its path leads out of the archive"
    most = _LARGEST_CLIP
    if parts and parts[0] == BACKGROUND:
        most = _LARGEST_NOISE
    elif len(parts) == 1:
        most = _LARGEST_LIST
    if member.size > most:
        return f"it is too large ({member.size} bytes)"
    return ""
