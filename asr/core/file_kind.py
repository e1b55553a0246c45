"""What a file is by its first bytes, whatever its name says."""

from __future__ import annotations

import codecs
from pathlib import Path

_LOOKED_AT = 4096  # bytes
# Formats of sound: offset, bytes.
_SOUND = (
    *((0, b"RIFF"), (0, b"RF64"), (0, b"BW64"), (0, b"riff"), (0, b"fLaC"), (0, b"OggS"), (0, b"ID3"), (0, b"caff")),
    *((0, b".snd"), (0, b"NIST_1A"), (0, b"#!AMR"), (0, b"wvpk"), (0, b"Creative Voice File"), (4, b"ftyp")),
    *((0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"), (0, b"\x1a\x45\xdf\xa3")),  # ASF (.wma), Matroska (.webm)
    # Frames of MPEG layer 2 and 3, and of AAC.
    *((0, b"\xff\xfb"), (0, b"\xff\xfa"), (0, b"\xff\xf3"), (0, b"\xff\xf2"), (0, b"\xff\xfd")),
    *((0, b"\xff\xf1"), (0, b"\xff\xf9")),
)
_FORMS = (b"AIFF", b"AIFC", b"8SVX")  # of the container FORM
_PICTURES = (b"heic", b"heix", b"mif1", b"avif", b"msf1")  # brands of ftyp that hold no sound
_RIFF_OTHERS = {b"AVI ": "a video (AVI)", b"WEBP": "a picture (WebP)", b"ACON": "a cursor", b"RMID": "MIDI notes"}
_OTHERS = (
    (0, b"version https://git-lfs", "a pointer of Git LFS: the file itself was not fetched"),
    (0, b"mmap lm http://kheafield.com/code", "a language model or a scorer (KenLM)"),
    (4, b"TFL3", "a TensorFlow Lite model"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"PK\x05\x06", "a ZIP archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (0, b"Rar!", "a RAR archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"BZh", "a bzip2 archive"),
    (0, b"\xfd7zXZ", "an xz archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"%PDF", "a PDF document"),
    (0, b"\x89PNG", "a picture (PNG)"),
    (0, b"\xff\xd8\xff", "a picture (JPEG)"),
    (0, b"GIF8", "a picture (GIF)"),
    (0, b"MThd", "MIDI notes"),
    (0, b"\x7fELF", "a program"),
    (0, b"MZ", "a program"),
    (0, b"\x93NUMPY", "an array of NumPy"),
    (0, b"SQLite format 3", "a database (SQLite)"),
    (0, b"\x89HDF", "weights or data (HDF5)"),
    (0, b"\x00\x05\x16\x07", "a companion file of macOS, without the sound"),
    (0, b"\x00\x05\x16\x00", "a companion file of macOS, without the sound"),
)


def beginning(path: Path | str) -> bytes:
    """Return the first bytes of a file; empty where it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            return file.read(_LOOKED_AT)
    except OSError:
        return b""


def is_sound(data: bytes) -> bool:
    """Tell whether the beginning of a file is that of a sound file."""
    if data[:4] == b"FORM":
        return data[8:12] in _FORMS
    if data[:4] == b"RIFF" and data[8:12] in _RIFF_OTHERS:
        return False
    if data[4:8] == b"ftyp" and data[8:12] in _PICTURES:
        return False
    return any(data[at : at + len(mark)] == mark for at, mark in _SOUND)


def describe(data: bytes) -> str:
    """Return what the beginning of a file belongs to, such as "a ZIP archive"; "" for sound and what is not known."""
    if not data:
        return "an empty file (0 bytes)"
    if data[:4] == b"RIFF" and data[8:12] in _RIFF_OTHERS:
        return _RIFF_OTHERS[data[8:12]]
    if data[4:8] == b"ftyp" and data[8:12] in _PICTURES:
        return "a picture (HEIF)"
    if data[:4] == b"PK\x03\x04" and b".npy" in data[30:200]:
        return "an archive of NumPy (.npz)"
    for at, mark, what in _OTHERS:
        if data[at : at + len(mark)] == mark:
            return what
    if is_sound(data):
        return ""
    text = _text(data)
    if text is None:
        return ""
    start = text.lstrip("\ufeff \t\r\n")[:200].lower()
    if start.startswith(("<!doctype html", "<html")):
        return "a web page"
    if start.startswith("<?xml") or start.startswith("<svg"):
        return "XML text"
    return "text"


def name(path: Path | str) -> str:
    """Return what a file is, sound and models of TensorFlow included; "" for what is not known."""
    data = beginning(path)
    if data and is_sound(data):
        return "a sound file"
    if _is_graph(data):
        return "a graph of TensorFlow (.pb)"
    try:
        with Path(path).open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _LOOKED_AT))
            if b"memmapped_package://" in file.read():
                return "a memory-mapped graph (.pbmm)"
    except OSError:
        return ""
    return describe(data)


def _is_graph(data: bytes) -> bool:
    """Tell whether data begins like a GraphDef: a node with its name and its operation."""
    at = 1
    while data[:1] == b"\n" and at < 6 and data[at : at + 1] >= b"\x80":
        at += 1
    start = data[at + 1 : at + 2]
    if data[:1] != b"\n" or start != b"\n":
        return False
    length = data[at + 2] if len(data) > at + 2 else 0
    label = data[at + 3 : at + 3 + length]
    return 0 < length < 128 and len(label) == length and label.isascii() and data[at + 3 + length :][:1] == b"\x12"


def _text(data: bytes) -> str | None:
    """Return the beginning of a file as text; None if it is none."""
    try:
        # The last character may be cut.
        text = codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return None
    return text if all(letter.isprintable() or letter in "\t\r\n\f\ufeff" for letter in text) else None
